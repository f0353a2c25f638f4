"""PSNR, and its command on a sample's folder."""

import json
import math

import numpy as np
import pytest

from photonvs import trajectory_presets as presets
from photonvs.evaluation.image_metrics import main, psnr
from photonvs.trajectory import SamplingSpec, conditioning, write_spec
from photonvs.utils.pictures import write_png


def grey(value: int, size: int = 8) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def test_psnr_of_known_errors():
    assert psnr(grey(0), grey(255)) == 0
    assert psnr(grey(100), grey(110)) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr(grey(10), grey(0)) == psnr(grey(0), grey(10)), "no wrap-around of bytes"
    assert psnr(grey(3), grey(3)) == math.inf


def test_a_run_is_compared_with_the_true_frames(tmp_path, capsys):
    sample = tmp_path / "samples" / "room"
    write_spec(sample / "sampling-spec.json", SamplingSpec(0.9, presets.truck(3), *conditioning(3)))
    write_png(sample / "init-ims" / "0000.png", grey(50, 32))
    for index, (true, made) in enumerate([(50, 50), (60, 55), (90, 90)]):
        write_png(sample / "true-ims" / f"{index:04d}.png", grey(true, 32))
        write_png(sample / "samples" / "00000000" / "images" / f"{index:04d}.png", grey(made))
    main(["-o", "samples/room", "--instance-data", str(tmp_path)])
    first, second = json.loads((sample / "evaluation" / "00000000" / "psnr.json").read_text())
    assert first["frame"] == 1
    assert first["psnr"] == pytest.approx(20 * math.log10(255 / 5))
    assert first["psnr_of_copying"] == pytest.approx(20 * math.log10(255 / 10))
    assert second["psnr"] is None, "equal frames have no finite PSNR"
    assert "copying the photo" in capsys.readouterr().out


def test_nothing_to_compare_is_said(tmp_path):
    sample = tmp_path / "samples" / "room"
    with pytest.raises(FileNotFoundError, match="no frames; sample-trajectory.py"):
        main(["-o", "samples/room", "--instance-data", str(tmp_path)])
    write_spec(sample / "sampling-spec.json", SamplingSpec(0.9, presets.truck(3), *conditioning(3)))
    write_png(sample / "samples" / "00000000" / "images" / "0001.png", grey(1))
    with pytest.raises(FileNotFoundError, match="nothing to compare.*--video writes them"):
        main(["-o", "samples/room", "--instance-data", str(tmp_path)])
