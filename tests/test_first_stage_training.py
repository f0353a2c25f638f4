"""Training the first stage.

Losses in closed form, a tiny autoencoder that learns, stopping and going on, weights for users.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from first_stage_task import HERE, TINY, Shapes, adversarial, batches, settings, train

from photonvs.models import load_first_stage
from photonvs.training import first_stage
from photonvs.training.first_stage import FirstStageTask


@pytest.fixture(autouse=True)
def shapes(monkeypatch):
    monkeypatch.setattr(first_stage, "training_frames", lambda *_, **__: Shapes())


def test_parts_of_a_batch_make_the_whole():
    """Without the discriminator (its batch normalization sees the parts) accumulation changes
    rounding only.
    """
    whole, parts = (FirstStageTask(settings(), HERE) for _ in range(2))
    parts.config.training.accumulation = 4
    scalars = [
        whole.update(batches(whole, 0), 0),
        parts.update(batches(parts, 0, parts=4), 0),
    ]
    torch.testing.assert_close(*scalars, rtol=1e-4, atol=1e-6, equal_nan=True)
    pairs = zip(whole.first_stage.parameters(), parts.first_stage.parameters(), strict=True)
    differences = torch.cat([(first - second).abs().flatten() for first, second in pairs])
    assert (
        differences.mean() < 1e-5
    )  # a step is 8e-4: Adam's first step shows gradients' signs, of vanishing ones either


def test_a_tiny_autoencoder_learns(tmp_path):
    """60 steps on one batch of four pictures: at least 8 dB better, most codes in use.

    The averaged weights are exported.
    """
    task = FirstStageTask(settings(), HERE)
    task.held_out = task.dataset
    before = task.validate(0)
    rows = train(task, 0, 60)
    after = task.validate(0)
    assert after["psnr"] > before["psnr"] + 8 and after["psnr"] > 18
    assert after["ssim"] > before["ssim"] + 0.2
    assert rows[-1]["used_codes"] > 32 and 16 < rows[-1]["perplexity"] <= rows[-1]["used_codes"]
    assert rows[0]["restarted_codes"] > 32
    picture = task.pictures()["samples/true_reconstructed"]
    assert picture.shape == (3, 64, 128) and picture.min() >= 0 and picture.max() <= 1
    true = torch.cat([task.dataset[number]["image"] for number in range(4)], dim=-1) / 255
    torch.testing.assert_close(picture[:, :32], true)
    task.export(tmp_path / "first-stage.safetensors")
    loaded = load_first_stage(tmp_path / "first-stage.safetensors")
    assert loaded.config == TINY
    assert first_stage.reconstruction_quality(loaded, task.dataset, 4) == after


def test_half_the_precision_learns_as_well():
    """Networks in bfloat16, weights and codes in float32: half a dB worse at most."""
    quality, losses = [], []
    for precision in ("float32", "bfloat16"):
        config = settings()
        config.training.precision = precision
        task = FirstStageTask(config, HERE)
        task.held_out = task.dataset
        rows = train(task, 0, 40)
        losses.append(float(rows[0]["loss"]))
        quality.append(task.validate(40)["psnr"])
        assert {parameter.dtype for parameter in task.first_stage.parameters()} == {torch.float32}
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert losses[1] != losses[0] and quality[1] > quality[0] - 0.5 and quality[1] > 15


def test_a_new_training_starts_from_weights_that_are_there(tmp_path):
    first = FirstStageTask(settings(), HERE)
    train(first, 0, 5)
    first.export(tmp_path / "first.safetensors")
    config = settings()
    config.training.initial_weights = str(tmp_path / "first.safetensors")
    task = FirstStageTask(config, HERE)
    expected = load_first_stage(tmp_path / "first.safetensors").state_dict()
    torch.testing.assert_close(dict(task.first_stage.state_dict()), dict(expected), rtol=0, atol=0)
    assert task.first_stage.training
    config.first_stage = replace(TINY, codebook_size=32)
    differs = (
        r"first.safetensors: first_stage.codebook_size is 64 in the file and 32 in the settings;"
    )
    with pytest.raises(ValueError, match=differs):
        FirstStageTask(config, HERE)


@pytest.mark.parametrize("config", [settings(), adversarial()], ids=["alone", "with discriminator"])
def test_stopping_and_going_on_changes_no_bit(config, tmp_path):
    through = FirstStageTask(config, HERE)
    rows = train(through, 0, 6)
    stopped = FirstStageTask(config, HERE)
    train(stopped, 0, 3)
    torch.save(stopped.state_dict(), tmp_path / "state.pth")
    resumed = FirstStageTask(replace(config, training=replace(config.training, seed=0)), HERE)
    train(resumed, 0, 1)  # anything, to be overwritten
    resumed.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    torch.testing.assert_close(train(resumed, 3, 6), rows[3:], rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(resumed.state_dict(), through.state_dict(), rtol=0, atol=0)


def test_a_discriminator_can_join_later():
    alone = FirstStageTask(settings(), HERE)
    train(alone, 0, 1)
    joined = FirstStageTask(adversarial(discriminator_start=0), HERE)
    joined.load_state_dict(alone.state_dict())
    assert train(joined, 1, 2)[0]["discriminator"] > 0
    assert joined.discriminator is not None and alone.discriminator is None
    with pytest.raises(ValueError, match="discriminator is of other sizes than"):
        FirstStageTask(adversarial(discriminator_channels=8), HERE).load_state_dict(
            joined.state_dict()
        )


def test_gradients_that_are_not_finite_stop_the_training():
    task = FirstStageTask(settings(), HERE)
    with torch.no_grad():
        task.first_stage.decoder.conv_in.bias[0] = math.nan
    with pytest.raises(
        ValueError,
        match="10 steps in a row, up to step 10, are not finite: lower .*learning_rate_per_image",
    ):
        train(task, 0, 20)
