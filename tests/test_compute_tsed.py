"""The command compute-tsed on pictures of a plane from known cameras: files, numbers, mistakes."""

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
from scenes import sideways_poses, write_frames

from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.commands.compute_tsed import main
from photonvs.evaluation.matching import SiftMatcher
from photonvs.evaluation.report import build_report, summarize, write_report
from photonvs.evaluation.scoring import PairScore
from photonvs.samples import Results
from photonvs.utils.files import BASE

FOCAL = 0.9
COUNT = 5


def write_sample_spec(folder, poses):
    given = (None, *((index,) for index in range(len(poses) - 1)))
    write_spec(
        folder / "sampling-spec.json",
        SamplingSpec(FOCAL, poses, tuple(range(1, len(poses))), given),
    )


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Frames of the path, made once: tests take copies."""
    folder = tmp_path_factory.mktemp("rendered") / "images"
    write_frames(folder, sideways_poses(COUNT), FOCAL)
    return folder


@pytest.fixture
def instance_data(tmp_path, rendered):
    """An instance-data folder with samples/true and a run of it."""
    add_run(tmp_path / "samples" / "true", sideways_poses(COUNT), rendered)
    return tmp_path


def add_run(folder, poses, frames, run=0):
    write_sample_spec(folder, poses)
    shutil.copytree(frames, folder / "samples" / f"{run:08d}" / "images")


def run(instance_data, *arguments):
    main(["--instance-data", str(instance_data), "--workers", "1", *map(str, arguments)])


def read(path):
    return json.loads(path.read_text())


def test_all_runs_of_all_sequences(instance_data, rendered, capsys):
    false = sideways_poses(COUNT)
    false[:, 1, 3] += 0.2 * np.arange(COUNT) ** 2
    add_run(instance_data / "samples" / "false", false, rendered)
    add_run(instance_data / "samples" / "true", sideways_poses(COUNT), rendered, run=1)
    run(
        instance_data,
        "-o",
        "samples",
        "--summary",
        instance_data / "summary.json",
        "--t-error",
        "1",
    )
    for name, score in (("true/00000000", 1), ("true/00000001", 1), ("false/00000000", 0)):
        sequence, number = name.split("/")
        folder = instance_data / "samples" / sequence / "evaluation" / number
        report = read(folder / "tsed.json")
        assert (report["tsed"], report["t_error"], report["t_matches"], report["matcher"]) == (
            score,
            1,
            10,
            "sift",
        )
        assert (folder / "tsed.png").stat().st_size > 5000
    summary = read(instance_data / "summary.json")
    assert (
        summary["tsed"]["mean"] == 0.5 and summary["tsed"]["sequences"] == 2
    )  # two runs are one sequence
    assert summary["tsed"]["interval"] is None, "two sequences have no interval"
    printed = capsys.readouterr()
    assert (
        "false/00000000  0.000" in printed.out
        and "mean TSED: 0.500 over 2 sequences" in printed.out
    )


def test_content_of_tsed_json(instance_data):
    run(instance_data, "-o", "samples/true")
    report = read(instance_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
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


def test_what_is_missing_is_said_and_the_rest_is_scored(instance_data, capsys):
    images = instance_data / "samples" / "true" / "samples" / "00000000" / "images"
    (images / "0004.png").unlink()
    (images / "0000.png").write_bytes((images / "0000.png").read_bytes()[:1000])
    with pytest.raises(ValueError, match="incomplete: 1 of 1 sequence"):
        run(instance_data, "-o", "samples/true")
    printed = capsys.readouterr().err
    assert printed.count("0004.png: no such file; expected an image") == 1
    assert printed.count("0000.png: cannot be read as an image") == 1
    report = read(instance_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
    assert (
        report["tsed"] == 1 and report["count"]["missing"] == 2 and report["count"]["scored"] == 2
    )
    first = report["pairs"][0]
    assert (first["matches"], first["median_sed"], first["consistent"]) == (None, None, None)
    assert "0000.png" in first["problem"]


def test_a_frame_without_texture_is_inconsistent_and_said(instance_data, capsys):
    images = instance_data / "samples" / "true" / "samples" / "00000000" / "images"
    cv2.imwrite(str(images / "0004.png"), np.full((96, 96), 127, np.uint8))
    run(instance_data, "-o", "samples/true")
    assert "frames 0003.png and 0004.png: no matches" in capsys.readouterr().err
    report = read(instance_data / "samples" / "true" / "evaluation" / "00000000" / "tsed.json")
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


def test_a_sequence_without_frames_does_not_stop_the_others(instance_data, capsys):
    write_sample_spec(instance_data / "samples" / "empty", sideways_poses(3))
    with pytest.raises(ValueError, match="incomplete: 1 of 2 sequences"):
        run(instance_data, "-o", "samples")
    printed = capsys.readouterr()
    assert "empty/00000000: not scored:" in printed.err and re.search(
        r"true/00000000 +1\.000", printed.out
    )


def test_anyones_frames_with_their_cameras(tmp_path, rendered, capsys):
    """nerfstudio's transforms.json, other names, other suffixes, images of another shape."""
    frames, poses = tmp_path / "theirs", sideways_poses(COUNT)
    frames.mkdir()
    for index in range(COUNT):
        picture = cv2.imread(str(rendered / f"{index:04d}.png"))[
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


def test_the_first_frame_is_the_reconstruction_or_the_photo(instance_data, rendered):
    sample = instance_data / "samples" / "true"
    photo = cv2.resize(
        cv2.imread(str(rendered / "0000.png")), (192, 192), interpolation=cv2.INTER_CUBIC
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
        run(instance_data, "-o", "samples/true", "--first-frame", choice, "--t-error", "1")
        report = read(sample / "evaluation" / "00000000" / "tsed.json")
        assert (report["tsed"], report["first_frame"]) == (score, choice)


def test_poses_of_the_wrong_count_do_not_stop_the_others(tmp_path, rendered, capsys):
    poses = sideways_poses(COUNT)
    for name, count in (("few", COUNT - 2), ("right", COUNT)):
        shutil.copytree(rendered, tmp_path / name)
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


def test_each_image_is_opened_once(instance_data, opened):
    """For features, sizes, the cache's keys and the page's pictures together."""
    run(instance_data, "-o", "samples/true")
    assert [opened[f"{k:04d}.png"] for k in range(COUNT)] == [1] * COUNT
    page = instance_data / "samples" / "true" / "evaluation" / "00000000" / "report.html"
    assert page.read_text().count("data:image/jpeg") == COUNT


def test_matches_are_cached_for_other_cameras(instance_data):
    run(instance_data, "-o", "samples/true")
    cache = instance_data / "samples" / "true" / "evaluation" / "00000000" / "matches-sift.npz"
    before = cache.stat().st_mtime_ns
    run(instance_data, "-o", "samples/true", "--t-matches", "5000")
    assert cache.stat().st_mtime_ns == before
    assert read(cache.parent / "tsed.json")["tsed"] == 0


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


def test_the_installed_program_scores_a_folder_of_pngs(tmp_path, rendered):
    """What a user has after pip install: no repository, another folder."""
    write_sample_spec(tmp_path, sideways_poses(COUNT))
    shutil.copytree(rendered, tmp_path / "frames")
    program = Path(sys.executable).with_name("photonvs-compute-tsed")
    line = [program, "--images", "frames", "--poses", "sampling-spec.json"]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"frames +1\.000", ended.stdout) and "report.html" in ended.stdout
    assert (tmp_path / "evaluation" / "frames" / "report.html").stat().st_size > 20_000


def points(count):
    return np.zeros((2, count, 2), np.float32)


def test_a_report_without_any_scored_pair_is_null():
    report = build_report(
        [PairScore((0, 1), None, None, ("gone",)), PairScore((1, 2), points(5), None)],
        SiftMatcher(),
        2,
        10,
    )
    assert (
        report["tsed"] is None
        and report["area_under_curve"] is None
        and report["mean_median_sed"] is None
    )
    assert all(value is None for _, value in report["curve"])
    assert report["count"] == {
        "pairs": 2,
        "scored": 0,
        "consistent": 0,
        "no_baseline": 1,
        "missing": 1,
    }
    summary = summarize([("a", report), ("b", report)])
    assert summary["tsed"] == {"mean": None, "sequences": 0, "interval": None}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "scores",
    [
        [],
        [PairScore((0, 1), None, None, ("gone",))],
        [PairScore((0, 1), points(0), np.array([]))],
    ],
)
def test_results_without_numbers_can_be_written(scores, tmp_path):
    write_report(build_report(scores, SiftMatcher(), 2, 10), Results(tmp_path))
    assert (tmp_path / "tsed.png").stat().st_size > 5000
    assert len(read(tmp_path / "tsed.json")["pairs"]) == len(scores)


def test_infinite_and_undefined_distances_are_valid_json():
    distances = np.array([np.nan, np.inf, np.inf, 1.0])
    report = build_report([PairScore((0, 1), points(4), distances)], SiftMatcher(), 2, 1)
    pair = json.loads(json.dumps(report, allow_nan=False))["pairs"][0]
    assert pair["median_sed"] is None and pair["consistent"] is False and pair["matches"] == 4
