"""A split of RealEstate10K's text files becomes one poses.npy."""

from pathlib import Path

import pytest
from test_poses import line, text_file

from photonvs.commands.extract_poses import main
from photonvs.datasets.download.manifest import Entry, open_manifest
from photonvs.datasets.poses import load_poses


def split_folder(data: Path) -> None:
    """A split with two good sequences and one of every kind that cannot be used."""
    texts = data / "RealEstate10K-original" / "train"
    (data / "train" / "videos").mkdir(parents=True)
    (data / "train" / "videos" / "abcDEF-_123.mp4").touch()
    (data / "train" / "videos" / "other.webm").touch()
    text_file(texts / "good1.txt", line(1), line(2), line(3))
    text_file(texts / "good2.txt", line(1), line(2), url="http://example.org/other")
    text_file(texts / "gone.txt", line(1), line(2), url="https://youtu.be/gone")
    text_file(texts / "one.txt", line(1))
    text_file(texts / "broken.txt", line(1), line(2), "3 4 5")
    (texts / "empty.txt").touch()


def test_extract_converts_a_split_and_reports(tmp_path, capsys):
    split_folder(tmp_path)
    main(["train", "--data", str(tmp_path)])
    poses = load_poses(tmp_path / "train" / "poses.npy")
    assert {name: len(sequence) for name, sequence in poses.items()} == {"good1": 3, "good2": 2}
    assert poses["good2"].video == "other"
    output = capsys.readouterr().out
    assert "2 sequences, 5 poses" in output and "skipped 4 of 6" in output
    skipped = (tmp_path / "train" / "skipped.txt").read_text()
    for expected in (
        "video missing\tgone (video gone)",
        "fewer than two poses\tone",
        "empty file\t",
        "malformed line\t",
        "line 4",
    ):
        assert expected in skipped
    assert "broken.txt, line 4: found 3 fields" in output and "gone (video gone)" in output


def test_extract_tells_why_a_video_is_missing(tmp_path, capsys):
    split_folder(tmp_path)
    answers = {"gone": "private", "other": "there"}
    (tmp_path / "train" / "videos" / "other.webm").unlink()  # after it was fetched
    with open_manifest(tmp_path / "train" / "videos") as (_, add):
        for video, status in answers.items():
            add(Entry(video, f"http://example.org/{video}", status, "2024-01-01T00:00:00+00:00"))
    main(["train", "--data", str(tmp_path)])
    output = capsys.readouterr().out
    assert "1 video missing (private): gone (video gone)" in output
    assert "1 video missing: good2 (video other)" in output


def test_extract_says_what_is_missing(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"train: no such folder; expected DIR/RealEstate10K-original/SPLIT"
    ):
        main(["train", "--data", str(tmp_path)])
    split_folder(tmp_path)
    for video in (tmp_path / "train" / "videos").iterdir():
        video.unlink()
    with pytest.raises(
        ValueError, match=r"no sequence of 6 can be used: .*3 video missing: .*expected DIR/"
    ):
        main(["train", "--data", str(tmp_path)])
    assert not (tmp_path / "train" / "poses.npy").exists()
    (tmp_path / "train" / "videos").rmdir()
    with pytest.raises(FileNotFoundError, match=r"videos: no such folder.*expected DIR/"):
        main(["train", "--data", str(tmp_path)])
    (tmp_path / "RealEstate10K-original" / "val").mkdir()
    with pytest.raises(FileNotFoundError, match=r"val: holds no \.txt file"):
        main(["val", "--data", str(tmp_path)])
