"""PSNR, SSIM and LPIPS of frame pairs, and which frames are compared."""

import math

import numpy as np
import pytest
import torch

from photonvs.cameras import paths as presets
from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.evaluation.comparisons import compare, folder_comparison, run_comparison, score_run
from photonvs.evaluation.gradient_similarity import CONSTANT, gmsd
from photonvs.evaluation.image_metrics import psnr, ssim
from photonvs.samples import Results, Sample
from photonvs.utils.pictures import write_png


def grey(value: int, size: int = 8) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def write_sample(directory, count=3, rule="previous", skip=()):
    """A sample whose run is one grey level off the true frames; the given photo is of level 50."""
    write_spec(
        directory / "sampling-spec.json",
        SamplingSpec(0.9, presets.truck(count), *conditioning(count, rule)),
    )
    write_png(directory / "init-ims" / "0000.png", grey(50, 32))
    for index in range(count):
        write_png(directory / "true-ims" / f"{index:04d}.png", grey(50 + 10 * index, 32))
        if index not in skip:
            write_png(Sample(directory).run(0).image(index), grey(51 + 10 * index))
    return Sample(directory).run(0)


def test_psnr_of_known_errors():
    assert psnr(grey(0), grey(255)) == 0
    assert psnr(grey(100), grey(110)) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr(grey(10), grey(0)) == psnr(grey(0), grey(10)), "no wrap-around of bytes"
    assert psnr(grey(3), grey(3)) == math.inf


def test_ssim_is_that_of_torchmetrics_where_its_windows_lie_inside():
    functional = pytest.importorskip("torchmetrics.functional.image", reason="needs torchmetrics")
    generator = np.random.default_rng(0)
    frame = generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    other = (0.7 * frame + 0.3 * generator.integers(0, 256, frame.shape)).astype(np.uint8)
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None].double() for image in (frame, other)]
    _, places = functional.structural_similarity_index_measure(
        *tensors, data_range=255.0, return_full_image=True
    )
    assert ssim(frame, other) == pytest.approx(float(places[..., 5:-5, 5:-5].mean()), rel=1e-6)
    assert ssim(frame, frame) == pytest.approx(1)
    assert math.isnan(ssim(grey(1), grey(1))), "smaller than the window"


def test_gmsd_of_a_dot_on_black():
    """Around a dot, Prewitt's gradient is a third of it, at the corners the diagonal of that."""
    dot = np.zeros((12, 16, 3), np.uint8)
    dot[4:6, 6:8] = 200  # one place of the halved grey values
    step = 200 * (0.2989 + 0.5870 + 0.1140) / 3
    similarity = np.ones(6 * 8)
    similarity[:4] = CONSTANT / (step**2 + CONSTANT)
    similarity[4:8] = CONSTANT / (2 * step**2 + CONSTANT)
    assert gmsd(dot, np.zeros_like(dot)) == pytest.approx(similarity.std(ddof=1))
    assert gmsd(np.zeros_like(dot), dot) == gmsd(dot, np.zeros_like(dot))


def test_gmsd_sees_structure_and_no_even_change_of_light():
    frame = np.random.default_rng(0).integers(60, 160, (32, 32, 3), dtype=np.uint8)
    assert gmsd(frame, frame) == 0
    framed = np.pad(frame[4:-4, 4:-4], ((4, 4), (4, 4), (0, 0)))
    blurred = framed.copy()
    blurred[1:] = (framed[1:].astype(int) + framed[:-1]) // 2
    assert 0 < gmsd(blurred, framed) < gmsd(np.zeros_like(framed), framed) < 1
    assert math.isnan(gmsd(grey(1, 3), grey(1, 3))), "no two places to compare"


def test_a_run_is_compared_with_the_true_frames(tmp_path):
    run = write_sample(tmp_path)
    comparison = run_comparison(run)
    rows, problems = compare(comparison, {"psnr": psnr})
    assert problems == [] and comparison.problems == () and comparison.generated == 2
    assert [(row["frame"], row["number"]) for row in rows] == [(1, 1), (2, 2)]
    for row, copied in zip(rows, (10, 20), strict=True):
        assert row["psnr"] == pytest.approx(20 * math.log10(255))
        assert row["psnr_of_copying"] == pytest.approx(20 * math.log10(255 / copied))
    assert [row["psnr"] for row in score_run(run)] == [row["psnr"] for row in rows]


def test_frames_are_numbered_along_the_path_whatever_is_missing(tmp_path):
    run = write_sample(tmp_path, count=6, rule="keyframes-3", skip=(2,))
    (tmp_path / "true-ims" / "0004.png").unlink()
    run.image(5).write_bytes(b"no image")
    comparison = run_comparison(run)
    rows, problems = compare(comparison, {"psnr": psnr})
    assert comparison.generated == 5
    assert [(row["frame"], row["number"]) for row in rows] == [(1, 1), (3, 3)]
    assert [problem.split(":")[0] for problem in comparison.problems] == [
        "frame 0002",
        "frame 0004",
    ]
    assert len(problems) == 1 and "0005.png: cannot be read" in problems[0]
    with pytest.raises(ValueError, match=r"frame 0005 left out"):
        score_run(run)


def test_anyones_frames_by_name(tmp_path):
    for name, level in (("frame_2", 10), ("frame_10", 20), ("alone", 1)):
        write_png(tmp_path / "made" / f"{name}.png", grey(level))
    for name, level in (("frame_2", 13), ("frame_10", 25)):
        write_png(tmp_path / "true" / f"{name}.bmp", grey(level))
    write_png(tmp_path / "true" / "frame_10.bmp", np.zeros((6, 8, 3), np.uint8))
    comparison = folder_comparison(tmp_path / "made", tmp_path / "true", Results(tmp_path))
    assert [pair.generated.name for pair in comparison.pairs] == ["frame_2.png", "frame_10.png"]
    assert comparison.problems == (f"alone.png: no true image of this name in {tmp_path / 'true'}",)
    rows, problems = compare(comparison, {"psnr": psnr})
    assert (
        rows[0]["psnr"] == pytest.approx(20 * math.log10(255 / 3))
        and "psnr_of_copying" not in rows[0]
    )
    write_png(tmp_path / "made" / "frame_2.png", np.zeros((8, 10, 3), np.uint8))
    _, problems = compare(comparison, {"psnr": psnr})
    assert "frame_2.bmp: 8x8 pixels; expected 10x8, the generated frame's size" in problems[0]


def test_nothing_to_compare_is_said(tmp_path):
    run = write_sample(tmp_path)
    for path in (tmp_path / "true-ims").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="nothing to compare.*--video writes them"):
        run_comparison(run)
    with pytest.raises(FileNotFoundError, match="no image is called the same in both"):
        folder_comparison(tmp_path / "init-ims", tmp_path / "true-ims", Results(tmp_path))
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        folder_comparison(tmp_path / "none", tmp_path / "true-ims", Results(tmp_path))
