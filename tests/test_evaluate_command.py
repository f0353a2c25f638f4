"""scripts/evaluate.py: what it compares, writes and says."""

import json
import re
import shutil

import numpy as np
import pytest
from test_image_metrics import write_sample

from photonvs.commands.evaluate import main
from photonvs.utils.pictures import write_png


def run(instance_data, *words):
    main([*words, "--instance-data", str(instance_data)])


def test_samples_are_compared_with_their_true_frames(tmp_path, capsys):
    for name in ("a", "b"):
        write_sample(tmp_path / "samples" / name, 6)
    run(tmp_path, "-o", "samples", "--metrics", "psnr", "ssim")
    content = json.loads(
        (tmp_path / "samples" / "a" / "evaluation" / "00000000" / "metrics.json").read_text()
    )
    assert [row["number"] for row in content["frames"]] == [1, 2, 3, 4, 5]
    assert (
        content["frames"][0]["psnr"] == pytest.approx(20 * np.log10(255))
        and content["frames"][0]["ssim"] is None
    )
    printed = capsys.readouterr().out
    assert (
        "copying the photo" in printed
        and "short term (frame 5)" in printed
        and re.search(r"PSNR \(dB\), higher is better +48\.13 ", printed)
    )


def test_anyones_frames(tmp_path, capsys):
    for index in range(2):
        write_png(tmp_path / "theirs" / f"{index}.png", np.full((16, 20, 3), 100, np.uint8))
        write_png(tmp_path / "true" / f"{index}.png", np.full((16, 20, 3), 105, np.uint8))
    main(["--images", str(tmp_path / "theirs"), "--true", str(tmp_path / "true")])
    content = json.loads((tmp_path / "evaluation" / "theirs" / "metrics.json").read_text())
    assert (
        content["frames"][1]["psnr"] == pytest.approx(20 * np.log10(255 / 5))
        and 0.9 < content["frames"][1]["ssim"] < 1
    )
    assert "SSIM" in capsys.readouterr().out


def test_what_is_missing_is_said_and_the_rest_is_compared(tmp_path, capsys):
    write_sample(tmp_path / "samples" / "a", 4, skip=(2,))
    write_sample(tmp_path / "samples" / "b", 4)
    (tmp_path / "samples" / "c").mkdir()
    with pytest.raises(ValueError, match="incomplete: 2 things left out"):
        run(tmp_path, "-o", "samples/a", "samples/b", "samples/c")
    printed = capsys.readouterr()
    assert (
        "a/00000000: frame 0002: no generated image" in printed.err
        and "samples/c: no sampling-spec.json" in printed.err
    )
    assert (tmp_path / "samples" / "b" / "evaluation" / "00000000" / "metrics.json").is_file()


def test_samples_that_are_not_ready_are_skipped(tmp_path, capsys):
    write_sample(tmp_path / "samples" / "a", 4)
    unsampled = write_sample(tmp_path / "samples" / "new", 4)
    shutil.rmtree(unsampled.folder)
    own_photo = write_sample(tmp_path / "samples" / "photo", 4)
    shutil.rmtree(own_photo.sample.true_folder)
    run(tmp_path, "-o", "samples", "--metrics", "psnr")
    printed = capsys.readouterr()
    assert "a/00000000: to the true frame" in printed.out and "PSNR (dB)" in printed.out
    first, second = [line for line in printed.err.splitlines() if line.startswith("skipped: ")]
    assert "samples/new: no frames; sample-trajectory.py makes them" in first
    assert "samples/photo/samples/00000000: nothing to compare" in second
    with pytest.raises(FileNotFoundError, match="samples/new: no frames"):
        run(tmp_path, "-o", "samples/new", "samples/photo")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of the arguments"),
        (["-o", "a", "--true", "b"], "expected both, or neither"),
        (["--images", "a"], "expected both, or neither"),
        (["-o", "a", "--short-term", "0"], "--short-term must be at least 1"),
        (["-o", "a", "--metrics", "size"], "invalid choice"),
        (["-o", "a", "--", "--steps", "3"], "--steps: not expected without --protocol"),
        (["-o", "a", "--no-sampling"], "--data and --no-sampling: expected with --protocol"),
        (["--protocol", "rooms", "--short-term", "3"], "--short-term: not expected"),
        (["--protocol", "rooms", "--no-sampling", "--", "--steps", "3"], "--steps: not expected"),
        (["--protocol", "rooms", "--", "--seed", "3"], "unrecognized arguments: --seed 3"),
        (["--protocol", "rooms", "--", "--sampler", "none"], "invalid choice: 'none'"),
    ],
)
def test_bad_options(words, message, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert message in capsys.readouterr().err


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"samples/room: no such folder"):
        run(tmp_path, "-o", "samples/room")
