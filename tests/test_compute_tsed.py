"""The command compute-tsed on pictures of a plane from known cameras: files, numbers, caches."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import sideways_poses
from tsed_task import COUNT, FOCAL, add_run, read, run, write_sample_spec

from photonvs.commands.compute_tsed import main


def test_all_runs_of_all_sequences(plane_data, plane_frames, capsys):
    false = sideways_poses(COUNT)
    false[:, 1, 3] += 0.2 * np.arange(COUNT) ** 2
    add_run(plane_data / "samples" / "false", false, plane_frames)
    add_run(plane_data / "samples" / "true", sideways_poses(COUNT), plane_frames, run=1)
    run(
        plane_data,
        "-o",
        "samples",
        "--summary",
        plane_data / "summary.json",
        "--t-error",
        "1",
    )
    for name, score in (("true/00000000", 1), ("true/00000001", 1), ("false/00000000", 0)):
        sequence, number = name.split("/")
        folder = plane_data / "samples" / sequence / "evaluation" / number
        report = read(folder / "tsed.json")
        assert (report["tsed"], report["t_error"], report["t_matches"], report["matcher"]) == (
            score,
            1,
            10,
            "sift",
        )
        assert (folder / "tsed.png").stat().st_size > 5000
    summary = read(plane_data / "summary.json")
    assert (
        summary["tsed"]["mean"] == 0.5 and summary["tsed"]["sequences"] == 2
    )  # two runs are one sequence
    assert summary["tsed"]["interval"] is None, "two sequences have no interval"
    printed = capsys.readouterr()
    assert (
        "false/00000000  0.000" in printed.out
        and "mean TSED: 0.500 over 2 sequences" in printed.out
    )


def test_content_of_tsed_json(plane_data):
    run(plane_data, "-o", "samples/true")
    report = read(plane_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
    assert [pair["frames"] for pair in report["pairs"]] == [[k, k + 1] for k in range(COUNT - 1)]
    for pair in report["pairs"]:
        assert pair["matches"] > 50 and pair["consistent"] is True and "problem" not in pair
        assert 0 < pair["quartiles_sed"][0] < pair["median_sed"] < pair["quartiles_sed"][1] < 0.5
    assert report["mean_median_sed"] == pytest.approx(
        np.mean([pair["median_sed"] for pair in report["pairs"]])
    )
    assert (
        report["curve"][0][0] == 0.25
        and report["curve"][-1] == [10.0, 1.0]
        and len(report["curve"]) == 40
    )
    assert report["area_under_curve"] == pytest.approx(1 - report["mean_median_sed"] / 10)
    assert report["count"] == {
        "pairs": 4,
        "scored": 4,
        "consistent": 4,
        "no_baseline": 0,
        "missing": 0,
    }


def test_anyones_frames_with_their_cameras(tmp_path, plane_frames, capsys):
    """nerfstudio's transforms.json, other names, other suffixes, images of another shape."""
    frames, poses = tmp_path / "theirs", sideways_poses(COUNT)
    frames.mkdir()
    for index in range(COUNT):
        picture = cv2.imread(str(plane_frames / f"{index:04d}.png"))[
            10:90
        ]  # 80 high, 96 wide, the same centre
        cv2.imwrite(str(frames / f"view_{index}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
    entries = [
        {"file_path": f"images/view_{k}.png", "transform_matrix": pose.tolist()}
        for k, pose in enumerate(poses)
    ]
    focal = FOCAL * 96
    transforms = {
        "w": 96,
        "h": 80,
        "fl_x": focal,
        "fl_y": focal,
        "cx": 48,
        "cy": 40,
        "frames": entries,
    }
    (tmp_path / "transforms.json").write_text(json.dumps(transforms))
    main(
        ["--images", str(frames), "--poses", str(tmp_path / "transforms.json"), "--t-error", "0.5"]
    )
    assert read(tmp_path / "evaluation" / "theirs" / "tsed.json")["tsed"] == 1
    assert f"theirs: {COUNT} cameras read, {COUNT} of {COUNT} images" in capsys.readouterr().err
    (frames / "extra.jpg").write_bytes((frames / "view_0.jpg").read_bytes())
    (frames / "view_2.jpg").unlink()
    again = ["--images", str(frames), "--poses", str(tmp_path / "transforms.json")]
    again += ["--results", str(tmp_path / "r"), "--no-page"]
    with pytest.raises(ValueError, match="incomplete: 1 of 1"):
        main(again)
    said = capsys.readouterr().err
    assert f"theirs: {COUNT} cameras read, {COUNT - 1} of {COUNT} images matched" in said
    assert "no image for 1 camera, the first view_2.png and no camera for 1 image" in said
    main([*again, "--allow-unmatched"])  # pairs go over the gap
    assert read(tmp_path / "r" / "theirs" / "tsed.json")["count"]["pairs"] == COUNT - 2


def test_the_first_frame_is_the_reconstruction_or_the_photo(plane_data, plane_frames):
    sample = plane_data / "samples" / "true"
    photo = cv2.resize(
        cv2.imread(str(plane_frames / "0000.png")), (192, 192), interpolation=cv2.INTER_CUBIC
    )
    (sample / "init-ims").mkdir()
    cv2.imwrite(
        str(sample / "init-ims" / "0000.png"), np.pad(photo, ((0, 0), (20, 20), (0, 0)))
    )  # its centre square counts
    cv2.imwrite(
        str(sample / "samples" / "00000000" / "images" / "0000.png"),
        np.full((96, 96), 90, np.uint8),
    )
    for choice, score in (("reconstruction", 0.75), ("original", 1)):
        run(plane_data, "-o", "samples/true", "--first-frame", choice, "--t-error", "1")
        report = read(sample / "evaluation" / "00000000" / "tsed.json")
        assert (report["tsed"], report["first_frame"]) == (score, choice)


@pytest.fixture
def opened():
    """How often each file was opened, by name."""
    counts, watching = Counter(), [True]

    def hook(event, arguments):
        if watching and event == "open" and isinstance(arguments[0], str | os.PathLike):
            counts[Path(arguments[0]).name] += 1

    sys.addaudithook(hook)  # for good: there is no way to remove one
    yield counts
    watching.clear()


def test_each_image_is_opened_once(plane_data, opened):
    """For features, sizes, the cache's keys and the page's pictures together."""
    run(plane_data, "-o", "samples/true")
    assert [opened[f"{k:04d}.png"] for k in range(COUNT)] == [1] * COUNT
    page = plane_data / "samples" / "true" / "evaluation" / "00000000" / "report.html"
    assert page.read_text().count("data:image/jpeg") == COUNT


def test_matches_are_cached_for_other_cameras(plane_data):
    run(plane_data, "-o", "samples/true")
    cache = plane_data / "samples" / "true" / "evaluation" / "00000000" / "matches-sift.npz"
    before = cache.stat().st_mtime_ns
    run(plane_data, "-o", "samples/true", "--t-matches", "5000")
    assert cache.stat().st_mtime_ns == before
    assert read(cache.parent / "tsed.json")["tsed"] == 0


def test_the_installed_program_scores_a_folder_of_pngs(tmp_path, plane_frames):
    """What a user has after pip install: no repository, another folder."""
    write_sample_spec(tmp_path, sideways_poses(COUNT))
    shutil.copytree(plane_frames, tmp_path / "frames")
    program = Path(sys.executable).with_name("photonvs-compute-tsed")
    line = [program, "--images", "frames", "--poses", "sampling-spec.json"]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"frames +1\.000", ended.stdout) and "report.html" in ended.stdout
    assert (tmp_path / "evaluation" / "frames" / "report.html").stat().st_size > 20_000
