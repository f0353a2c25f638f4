"""The command compute-tsed where something is missing, cannot be scored, or is wrong."""

import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from scenes import sideways_poses, write_frames
from tsed_task import COUNT, FOCAL, read, run, write_sample_spec

from photonvs.commands.compute_tsed import main
from photonvs.utils.files import BASE


def test_what_is_missing_is_said_and_the_rest_is_scored(plane_data, capsys):
    images = plane_data / "samples" / "true" / "samples" / "00000000" / "images"
    (images / "0004.png").unlink()
    (images / "0000.png").write_bytes((images / "0000.png").read_bytes()[:1000])
    with pytest.raises(ValueError, match="incomplete: 1 of 1 sequence"):
        run(plane_data, "-o", "samples/true")
    printed = capsys.readouterr().err
    assert printed.count("0004.png: no such file; expected an image") == 1
    assert printed.count("0000.png: cannot be read as an image") == 1
    report = read(plane_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
    assert (
        report["tsed"] == 1 and report["count"]["missing"] == 2 and report["count"]["scored"] == 2
    )
    first = report["pairs"][0]
    assert (first["matches"], first["median_sed"], first["consistent"]) == (None, None, None)
    assert "0000.png" in first["problem"]


def test_a_frame_without_texture_is_inconsistent_and_said(plane_data, capsys):
    images = plane_data / "samples" / "true" / "samples" / "00000000" / "images"
    cv2.imwrite(str(images / "0004.png"), np.full((96, 96), 127, np.uint8))
    run(plane_data, "-o", "samples/true")
    assert "frames 0003.png and 0004.png: no matches" in capsys.readouterr().err
    report = read(plane_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
    assert report["tsed"] == 0.75
    assert report["pairs"][3]["matches"] == 0 and report["pairs"][3]["median_sed"] is None
    assert report["pairs"][3]["consistent"] is False


def test_pairs_without_a_baseline_are_left_out_and_counted(tmp_path, capsys):
    poses = sideways_poses(3)
    poses[2, :3, 3] = poses[1, :3, 3]
    write_sample_spec(tmp_path / "samples" / "turn", poses)
    write_frames(tmp_path / "samples" / "turn" / "samples" / "00000000" / "images", poses, FOCAL)
    run(tmp_path, "-o", "samples/turn")
    report = read(tmp_path / "samples" / "turn" / "evaluation" / "00000000" / "tsed.json")
    assert (
        report["tsed"] == 1
        and report["count"]["no_baseline"] == 1
        and report["count"]["scored"] == 1
    )
    assert report["pairs"][1]["consistent"] is None and report["pairs"][1]["matches"] > 50
    assert "frames 0001.png and 0002.png: no baseline" in capsys.readouterr().err


def test_a_camera_that_only_turns_is_said_in_one_line(tmp_path, capsys):
    poses = sideways_poses(6)
    poses[:, :3, 3] = 0
    write_sample_spec(tmp_path / "samples" / "turn", poses)
    write_frames(tmp_path / "samples" / "turn" / "samples" / "00000000" / "images", poses, FOCAL)
    run(tmp_path, "-o", "samples/turn")
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "no baseline" in line]
    assert "5 pairs, the first frames 0000.png and 0001.png: no baseline" in said


def test_a_sequence_without_frames_does_not_stop_the_others(plane_data, capsys):
    write_sample_spec(plane_data / "samples" / "empty", sideways_poses(3))
    with pytest.raises(ValueError, match="incomplete: 1 of 2 sequences"):
        run(plane_data, "-o", "samples")
    printed = capsys.readouterr()
    assert "empty/00000000: not scored:" in printed.err and re.search(
        r"true/00000000 +1\.000", printed.out
    )


def test_poses_of_the_wrong_count_do_not_stop_the_others(tmp_path, plane_frames, capsys):
    poses = sideways_poses(COUNT)
    for name, count in (("few", COUNT - 2), ("right", COUNT)):
        shutil.copytree(plane_frames, tmp_path / name)
        for index in range(COUNT):
            (tmp_path / name / f"{index:04d}.png").rename(tmp_path / name / f"view{index}.png")
        write_sample_spec(tmp_path / f"spec-{name}", poses[:count])
    folders = [str(tmp_path / name) for name in ("few", "right")]
    specs = [str(tmp_path / f"spec-{name}" / "sampling-spec.json") for name in ("few", "right")]
    with pytest.raises(ValueError, match="incomplete: 1 of 2 sequences"):
        main(["--images", *folders, "--poses", *specs, "--no-page"])
    assert (
        "few: not scored:" in (said := capsys.readouterr()).err
        and "5 images for 3 poses" in said.err
    )
    assert read(tmp_path / "evaluation" / "right" / "tsed.json")["tsed"] == 1
    assert not (tmp_path / "evaluation" / "right" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected either -o, or --images"),
        (["-o", "a", "--images", "b", "--poses", "c"], "expected either -o, or --images"),
        (["--images", "a", "b", "--poses", "c"], "as many --poses"),
        (["--images", "a", "--poses", "c", "--first-frame", "original"], "expected with -o"),
        (["--images", "a", "--poses", "c", "--true", "d", "e"], "--true: expected as many folders"),
        (["-o", "a", "--t-error", "0"], "--t-error must be above 0"),
        (["-o", "a", "--matcher", "eye"], "invalid choice"),
    ],
)
def test_bad_options(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_bad_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        run(tmp_path, "-o", "samples/none")
    (tmp_path / "samples").mkdir()
    with pytest.raises(FileNotFoundError, match=r"samples: no sampling-spec.json"):
        run(tmp_path, "-o", "samples")
    with pytest.raises(ValueError, match="a: there twice"):
        run(tmp_path, "--images", tmp_path / "a", tmp_path / "a", "--poses", "p", "p")
    with pytest.raises(FileNotFoundError, match="none: no such folder; expected the true frames"):
        run(tmp_path, "--images", tmp_path / "a", "--poses", "p", "--true", tmp_path / "none")


def test_the_script_ends_with_status_1_and_one_line(tmp_path):
    script = BASE / "src" / "scripts" / "compute-tsed.py"
    ended = subprocess.run(
        [sys.executable, script, "-o", tmp_path / "none"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ended.returncode == 1 and ended.stdout == ""
    assert (
        ended.stderr.startswith("compute-tsed.py: error:") and len(ended.stderr.splitlines()) == 1
    )
