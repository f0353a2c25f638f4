"""Consistency tuning as a training: it starts from weights, goes on, and gives few-step weights."""

from pathlib import Path

import pytest
import torch
import training_task
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.models import build_denoiser, load_denoiser, save_weights
from photonvs.training.objective import PairLoss, pair_levels
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

TUNED = "diffusion.objective=consistency"


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


def configured(footage, *more):
    return load_config("realestate10k", training_task.settings(footage, *more))


def newest(instance_data):
    return list_checkpoints(instance_data / "checkpoints")[-1]


def test_stopping_and_going_on_changes_no_bit_and_the_weights_say_what_they_are(footage, tmp_path):
    save_weights(tmp_path / "start.safetensors", build_denoiser(configured(footage).model))
    start = f"training.initial_weights={tmp_path}/start.safetensors"
    tuned = TUNED, start, "training.steps=3"
    train(configured(footage, *tuned), tmp_path / "whole", "cpu")
    # The stages follow the wanted steps, so a stop is no change of these.
    train(configured(footage, *tuned, "training.minutes=1e-9"), tmp_path / "parts", "cpu")
    assert load_checkpoint(newest(tmp_path / "parts"))["total_iterations"] == 1
    train(configured(footage, *tuned), tmp_path / "parts", "cpu")
    found, expected = (
        load_checkpoint(newest(tmp_path / name))["score_sde_model"] for name in ("parts", "whole")
    )
    assert_close(dict(found), dict(expected), rtol=0, atol=0)
    assert load_denoiser(newest(tmp_path / "whole")).config.diffusion.objective == "consistency"
    with pytest.raises(ValueError, match="objective is consistency in the file and None in the"):
        train(configured(footage), tmp_path / "whole", "cpu")


def test_levels_of_a_step_follow_its_stage(footage):
    config = configured(footage, TUNED, "training.steps=8", "consistency.shrinkage=2")
    sigma = torch.tensor([10.0])
    gaps = [(10 - pair_levels(sigma, step, config)).item() for step in range(8)]
    assert gaps == pytest.approx([5, 5, 2.5, 2.5, 1.25, 1.25, 0.625, 0.625], rel=1e-3)


@pytest.mark.slow
def test_the_published_architecture_is_tuned(footage, published_ckpt, tmp_path):
    """A step of the whole network; its gradient is finite and reaches the outputs."""
    settings = [
        f"data.poses={footage}/poses.npy",
        f"data.videos={footage}/videos",
        f"data.first_stage={published_ckpt}",
        TUNED,
        "data.workers=0",
        "training.batch_size=1",
        "training.steps=1",
        "training.log_every=1",
        "training.warmup_steps=0",
    ]
    config = load_config("realestate10k", settings)
    torch.manual_seed(0)
    start = build_denoiser(config.model)
    save_weights(tmp_path / "start.safetensors", start)
    config.training.initial_weights = str(tmp_path / "start.safetensors")
    train(config, tmp_path, "cpu")
    (loss,) = training_task.logged(tmp_path, "training/loss")
    assert 0 < loss < 1e7
    tuned = load_denoiser(newest(tmp_path), weights="raw")
    outputs = [name for name, _ in start.named_parameters() if "conv3x3.weight" in name]
    assert outputs
    for name in outputs:
        assert not torch.equal(start.get_parameter(name), tuned.get_parameter(name)), name


@pytest.mark.parametrize("preconditioning", ["published", "edm"])
def test_tuning_lowers_the_loss_on_one_batch(preconditioning):
    """A tiny network learns to be consistent with what it is asked."""
    settings = training_task.settings(
        Path("nowhere"), TUNED, f"denoiser.preconditioning={preconditioning}"
    )
    torch.manual_seed(0)
    denoiser = build_denoiser(load_config("realestate10k", settings).model)
    loss, optimizer = PairLoss(denoiser, 0.5), torch.optim.Adam(denoiser.parameters(), lr=1e-2)
    latents = [torch.randn(2, 12, 8, 8) for _ in range(3)]
    poses = torch.eye(4).repeat(2, 1, 1)
    cameras = {"target_pose": poses, "cond_pose": poses, "focal_y": torch.ones(2)}
    sigma = torch.tensor([0.5, 2.0])
    inputs = *latents, sigma, torch.full((2,), 0.01), cameras, sigma * 0.5
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = loss(*inputs).mean()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]
