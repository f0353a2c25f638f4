"""Training a first stage as a command: settings, weights that are there, held-out frames."""

from dataclasses import replace

import pytest
import torch
from first_stage_task import FRAMES, HERE, TINY, Shapes, adversarial, settings
from safetensors.torch import load_file

from photonvs import config
from photonvs.commands import train_first_stage
from photonvs.config import (
    Config,
    DataConfig,
    FirstStageConfig,
    TrainingConfig,
    load_config,
)
from photonvs.models import load_first_stage
from photonvs.models.discriminator import PatchDiscriminator
from photonvs.training import first_stage, first_stage_inputs
from photonvs.training.first_stage import FirstStageTask
from photonvs.utils.checkpoint import read_checkpoint


@pytest.fixture(autouse=True)
def shapes(monkeypatch):
    monkeypatch.setattr(first_stage, "training_frames", lambda *_, **__: Shapes())


def test_the_published_layout_of_weights(tmp_path):
    task = FirstStageTask(adversarial(discriminator_layers=3, discriminator_channels=64), HERE)
    task.export(tmp_path / "mine.safetensors")
    checkpoint = read_checkpoint(tmp_path / "mine.ckpt")
    tensors = load_file(tmp_path / "mine.safetensors")
    state = checkpoint["state_dict"]
    assert list(state)[: len(tensors)] == list(task.first_stage.state_dict())
    assert all(torch.equal(state[name], item) for name, item in tensors.items())
    prefix = "loss.discriminator."
    judge = PatchDiscriminator()
    judge.load_state_dict(
        {name.removeprefix(prefix): item for name, item in state.items() if name.startswith(prefix)}
    )
    assert len(state) == len(tensors) + len(judge.state_dict())
    assert FirstStageConfig(**checkpoint["config"]["first_stage"]) == TINY


@pytest.mark.slow
def test_both_files_of_the_published_model_load(tmp_path):
    """270 MB each."""
    task = FirstStageTask(replace(adversarial(), first_stage=FirstStageConfig()), HERE)
    task.export(tmp_path / "first-stage.safetensors")
    first, second = (
        load_first_stage(tmp_path / f"first-stage.{suffix}") for suffix in ("safetensors", "ckpt")
    )
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    assert all(name == other and torch.equal(item, twin) for (name, item), (other, twin) in pairs)


def test_without_held_out_frames_nothing_is_validated():
    task = FirstStageTask(settings(), HERE)
    assert task.validate(0) == {}
    assert task.pictures()["samples/true_reconstructed"].shape == (3, 64, 128)


def test_held_out_frames_are_those_of_the_other_split(monkeypatch):
    asked = []
    monkeypatch.setattr(
        first_stage_inputs, "FrameDataset", lambda *arguments: asked.append(arguments) or Shapes()
    )
    monkeypatch.setattr(first_stage, "training_frames", FRAMES)
    data = DataConfig(poses="/train/p.npy", videos="/train/v", validation="/test")
    task = FirstStageTask(replace(settings(flip=True), data=data), HERE)
    assert set(task.validate(0)) == {"psnr", "ssim"}
    paths = [tuple(map(str, arguments[:2])) for arguments in asked]
    assert paths == [("/train/p.npy", "/train/v"), ("/test/poses.npy", "/test/videos")]
    assert [arguments[2:] for arguments in asked] == [(32, 0, True), (32, 0, False)]


@pytest.mark.parametrize(
    ("unfit", "message"),
    [
        (
            replace(settings(), first_stage=FirstStageConfig(kind="pixels")),
            "'pixels' has no weights to train",
        ),
        (
            replace(settings(), training=TrainingConfig(compile=True)),
            "training.compile True: expected float32 or bfloat16, and false",
        ),
        (
            adversarial(discriminator_layers=4),
            "discriminator_layers 4: too many for images of 32 pixels",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(unfit, message):
    with pytest.raises(ValueError, match=message):
        FirstStageTask(unfit, HERE)


def test_the_command_trains_and_exports(tmp_path, monkeypatch):
    """Two steps, then two more from the checkpoint; another's weights are not replaced."""
    monkeypatch.setattr(config, "load_config", settings_for_command)
    arguments = ["--instance-data", str(tmp_path), "--device", "cpu"]
    train_first_stage.main([*arguments, "training.steps=2"])
    weights = tmp_path / "first-stage.safetensors"
    first = load_file(weights)
    train_first_stage.main([*arguments, "training.steps=4"])
    second = load_file(weights)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    assert (
        read_checkpoint(max((tmp_path / "first-stage" / "checkpoints").glob("*.pth")))[
            "total_iterations"
        ]
        == 4
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "first-stage.safetensors").write_text("somebody's")
    with pytest.raises(ValueError, match="exists and no checkpoint .* goes with it"):
        train_first_stage.main(["--instance-data", str(other), "--device", "cpu"])
    assert (other / "first-stage.safetensors").read_text() == "somebody's"


def settings_for_command(name: str, changes: list[str]) -> Config:
    tiny = ["image_size=32", "channel_multipliers=[1,1]", "latent_channels=3", "codebook_size=64"]
    return load_config(
        name,
        [
            "data.workers=0",
            "training.batch_size=4",
            *(f"first_stage.{item}" for item in tiny),
            *changes,
        ],
    )
