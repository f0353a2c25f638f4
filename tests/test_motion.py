"""How far a model's training pairs were apart: measured, stored, shown, and held against paths."""

import re
from dataclasses import asdict

import numpy as np
import pytest
import torch
import training_task
from safetensors import safe_open

from photonvs.cameras import paths as presets
from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.motion import Motion, steps_and_turns
from photonvs.cameras.spec import SamplingSpec, read_spec
from photonvs.commands import export_weights, info
from photonvs.commands.make_trajectory import main
from photonvs.config import load_config
from photonvs.models.motion import motion_of
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.training.score import train
from photonvs.utils.checkpoint import FORMAT, list_checkpoints, save_checkpoint

ROOMS = Motion(step=0.14, step_95=0.3, turn=2.8, turn_95=10.0)


def spec_of(poses: np.ndarray, rule: str = "previous") -> SamplingSpec:
    return SamplingSpec(1.0, poses, *conditioning(len(poses), rule))


def test_steps_and_turns():
    pan, truck = presets.pan(4, angle=0.3), presets.truck(4, distance=6)
    steps, turns = steps_and_turns(pan[:-1], pan[1:])
    np.testing.assert_allclose(turns, 0.1, rtol=1e-9)
    np.testing.assert_array_equal(steps, 0)
    steps, turns = steps_and_turns(truck[:1].repeat(3, 0)[:, :3], truck[1:, :3])
    np.testing.assert_allclose(steps, [2, 4, 6])
    np.testing.assert_array_equal(turns, 0)
    half_turn = presets.pan(2, angle=180)
    assert steps_and_turns(half_turn[:1], half_turn[1:])[1] == pytest.approx(180)


def test_the_median_and_what_most_pairs_stay_within():
    ends = presets.truck(101, distance=100)
    motion = Motion.of_pairs(ends[:1].repeat(101, 0), ends)
    assert motion == Motion(step=50, step_95=95, turn=0, turn_95=0)


def test_the_unit_is_that_of_a_camera_carried_through_rooms():
    assert motion_of(SHIPPED_DENOISER).unit == 1  # metres
    assert Motion(step=14, step_95=30, turn=2.8, turn_95=10).unit == pytest.approx(97)
    assert Motion(step=0, step_95=0, turn=2.8, turn_95=10).unit == 1


def test_a_training_tells_it_and_so_do_exported_weights(tmp_path, capsys):
    footage = training_task.write_footage(tmp_path / "data")  # steps of 0.1, 0.2 and 0.3
    words = training_task.settings(footage, "data.max_gap=1", "training.steps=1")
    train(load_config("realestate10k", words), tmp_path / "i", "cpu")
    (checkpoint,) = list_checkpoints(tmp_path / "i" / "checkpoints")
    expected = Motion(step=0.2, step_95=0.3, turn=0, turn_95=0)
    assert motion_of(checkpoint) == expected
    exported = tmp_path / "i" / "mine.safetensors"
    export_weights.main([str(exported), "--instance-data", str(tmp_path / "i")])
    assert motion_of(exported) == expected
    for path in (checkpoint, exported):
        info.main([str(path)])
        assert "training pairs: 0.2 apart and turned by 0 degrees" in capsys.readouterr().out


def test_other_weights_tell_none_and_wrong_values_are_named(tmp_path):
    path = tmp_path / "0001-00000000.pth"
    save_checkpoint(path, {"score_sde_model": {"w": torch.zeros(1)}})
    assert motion_of(path) is None
    for wrong in ([], {"step": 1.0}, asdict(ROOMS) | {"turn": -1.0}, asdict(ROOMS) | {"step": "x"}):
        save_checkpoint(path, {"motion": wrong})
        with pytest.raises(ValueError, match="0001-00000000.pth: .*expected"):
            motion_of(path)
    with safe_open(SHIPPED_DENOISER, framework="np") as file:
        assert file.metadata()["kind"] == "denoiser" and len(file.metadata()) == 4


@pytest.mark.parametrize(
    ("poses", "rule", "excess"),
    [
        (presets.truck(11, distance=6), "previous", 2),  # steps of 0.6
        (presets.pan(11, angle=50), "previous", 0.5),
        (presets.pan(11, angle=50), "all", 0.5),  # the nearest view counts
        (presets.pan(11, angle=50), "keyframes-5", 2.5),  # turns of 25 degrees
        (presets.truck(11, distance=0), "previous", 0),
    ],
)
def test_what_a_path_asks_of_the_model(poses, rule, excess):
    assert ROOMS.excess(spec_of(poses, rule)) == pytest.approx(excess)


def test_a_model_that_never_turned_is_asked_too_much_by_a_turn():
    still = Motion(step=0.2, step_95=0.3, turn=0, turn_95=0)
    assert still.excess(spec_of(presets.pan(3))) > 1e3
    assert still.excess(spec_of(presets.truck(11, distance=3))) == pytest.approx(1)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_the_shipped_model_can_follow_the_presets(name):
    assert motion_of(SHIPPED_DENOISER).excess(spec_of(presets.PRESETS[name]())) < 0.3


@pytest.fixture
def instance_data(tmp_path):
    """With a checkpoint whose training had a unit of half a metre."""
    motion = Motion(step=0.28, step_95=0.6, turn=2.725, turn_95=10.0)
    state = {"format": FORMAT, "total_iterations": 1, "motion": asdict(motion)}
    save_checkpoint(tmp_path / "checkpoints" / "0001-00000000.pth", state)
    return tmp_path


def write(instance_data, *words):
    path = instance_data / "spec.json"
    main([*words, "--json", str(path), "--force", "--instance-data", str(instance_data)])
    return read_spec(path).poses


def test_default_lengths_follow_the_unit(instance_data, capsys):
    for name in ("dolly", "orbit", "spin", "hop"):
        expected = presets.PRESETS[name]()
        expected[:, :3, 3] *= 2
        np.testing.assert_allclose(write(instance_data, name), expected, atol=1e-9)
    np.testing.assert_allclose(
        write(instance_data, "dolly", "pan")[-1, :3, 3], [0, 0, -2], atol=1e-6
    )
    # A length that somebody names is meant as it is.
    lengths = write(instance_data, "dolly", "--distance", "3"), write(instance_data, "dolly:3")
    for poses in lengths:
        np.testing.assert_allclose(poses[-1, :3, 3], [0, 0, -3], atol=1e-6)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["truck", "--distance", "-30"],
        ["orbit", "--angle", "300", "--return-trip"],
        ["spin", "--radius", "3", "--distance", "7"],  # not in proportion to the frames
        ["pan", "--angle", "90", "--condition", "keyframes-5"],
        ["pan:300"],
    ],
)
def test_a_path_beyond_it_is_said_with_values_that_fit(instance_data, capsys, words):
    write(instance_data, *words)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: from frame to frame this path moves ")
    fitting = re.findall(r"(--\w+) (\S+)", said)
    assert (fitting[0][0] == "--frames" and len(fitting) > 1) or words == ["pan:300"]
    for option, value in fitting:
        write(instance_data, *words, option, value)
        assert not capsys.readouterr().err
