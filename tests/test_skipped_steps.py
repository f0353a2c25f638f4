"""Steps whose gradient is not finite: what is skipped, what is said, when a training gives up."""

import logging

import numpy as np
import pytest
import torch
import training_task
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.datasets.pairs import FramePairs
from photonvs.models import build_first_stage
from photonvs.training import first_stage
from photonvs.training.first_stage import train_first_stage
from photonvs.training.latents import encode_latents
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

BATCH = 8  # of training_task.settings


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


@pytest.fixture
def configured(footage):
    plain = training_task.settings(footage, "training.checkpoint_every=0")
    return lambda *more: load_config("realestate10k", [*plain, *more])


@pytest.fixture
def spoil(monkeypatch):
    """spoil(numbers): the samples of these numbers have a focal length that is none."""
    original = FramePairs.__getitem__

    def spoil_samples(numbers) -> None:
        def sample(dataset, number):
            found = original(dataset, number)
            return found | {"focal_y": torch.tensor(torch.nan)} if number in numbers else found

        monkeypatch.setattr(FramePairs, "__getitem__", sample)

    return spoil_samples


def final(instance_data) -> dict:
    return load_checkpoint(list_checkpoints(instance_data / "checkpoints")[-1])


def learnt(state: dict, *parts: str) -> dict:
    """What a training has changed, of a checkpoint; the rate is that of the step."""
    optimizers = {part: state[part]["state"] for part in parts if "optimizer" in part}
    return {part: state[part] for part in parts} | optimizers


def assert_same(one: dict, other: dict, **tolerance) -> None:
    parts = "score_sde_model", "ema", "optimizer"
    assert_close(learnt(one, *parts), learnt(other, *parts), **tolerance)


def test_a_skipped_step_names_its_samples_and_changes_nothing(configured, spoil, tmp_path, caplog):
    train(configured("training.steps=2"), tmp_path / "before", "cpu")
    spoil([2 * BATCH + 3])
    caplog.set_level(logging.WARNING)
    train(configured("training.steps=3"), tmp_path / "skipped", "cpu")
    before, skipped = final(tmp_path / "before"), final(tmp_path / "skipped")
    assert_same(skipped, before, rtol=0, atol=0)
    assert (skipped["total_iterations"], skipped["samples"]) == (3, 3 * BATCH)
    (said,) = [text for text in caplog.messages if "skipped" in text]
    assert said.startswith("step 3 is skipped, as its gradient is not finite (1 skipped so far); ")
    assert "the loss is not finite for pose " in said and said.count("of sequence") == 1
    assert training_task.logged(tmp_path / "skipped", "training/skipped_steps") == [0, 0, 1]
    assert len(training_task.logged(tmp_path / "skipped", "training/loss")) == 2


def test_training_goes_on_and_stops_and_parts_change_nothing(configured, spoil, tmp_path):
    spoil([1 * BATCH, 3 * BATCH + 7])
    train(configured(), tmp_path / "whole", "cpu")
    for steps in (2, 4, 6):
        train(configured(f"training.steps={steps}"), tmp_path / "stopped", "cpu")
    assert_same(final(tmp_path / "stopped"), final(tmp_path / "whole"), rtol=0, atol=0)
    train(configured("training.accumulation=2"), tmp_path / "parts", "cpu")
    assert_same(final(tmp_path / "parts"), final(tmp_path / "whole"), rtol=1e-3, atol=1e-4)
    for run in ("whole", "parts"):
        skipped = training_task.logged(tmp_path / run, "training/skipped_steps")
        assert skipped == [0, 1, 0, 1, 0, 0]


def test_ten_in_a_row_end_the_training_and_good_ones_between_do_not(configured, spoil, tmp_path):
    spoil({step * BATCH for step in range(20) if step != 9})
    config = configured("training.steps=40", "training.checkpoint_every=0")
    with pytest.raises(ValueError, match=r"10 steps in a row, up to step 20, .* lower training.le"):
        train(config, tmp_path, "cpu")


@pytest.mark.slow
def test_processes_skip_the_same_steps(footage, tmp_path):
    """One frame's latent is damaged. The process that reads it is not the only one that skips."""
    encoding = training_task.settings(footage)
    config = load_config("realestate10k", encoding)
    encode_latents(config, tmp_path / "latents", build_first_stage(config.first_stage))
    shard = np.load(tmp_path / "latents" / "0000.npy", mmap_mode="r+")
    shard[3, 5] = np.inf
    shard.flush()
    settings = [*encoding, f"data.latents={tmp_path / 'latents'}", "training.batch_size=4"]
    outputs = [
        training_task.run(tmp_path / str(processes), settings, processes) for processes in (1, 2)
    ]
    skipped = training_task.logged(tmp_path / "1", "training/skipped_steps")
    assert skipped == training_task.logged(tmp_path / "2", "training/skipped_steps")
    assert 0 < sum(skipped) < 6
    said = [
        [line for line in output.splitlines() if "is skipped, as" in line] for output in outputs
    ]
    assert len(said[0]) == sum(skipped) and said[0] == said[1]
    assert_same(final(tmp_path / "1"), final(tmp_path / "2"), rtol=1e-3, atol=1e-4)


def test_a_step_of_the_first_stage_is_skipped_without_a_trace(footage, tmp_path, monkeypatch):
    """Also the discriminator's statistics and the idle codes stay as they were."""

    def run(name: str, steps: int) -> dict:
        settings = [
            f"data.poses={footage}/poses.npy",
            f"data.videos={footage}/videos",
            "data.workers=0",
            "first_stage.image_size=32",
            "first_stage.channels=32",
            "first_stage.channel_multipliers=[1,1]",
            "first_stage_training.discriminator_weight=0.5",
            "first_stage_training.discriminator_start=0",
            "first_stage_training.discriminator_channels=4",
            "first_stage_training.discriminator_layers=2",
            "first_stage_training.restart_after=1",
            "training.batch_size=4",
            f"training.steps={steps}",
        ]
        config = load_config("first-stage-small", settings)
        train_first_stage(config, tmp_path / name, "cpu")
        folder = tmp_path / name / "first-stage" / "checkpoints"
        return load_checkpoint(list_checkpoints(folder)[-1])

    before = run("before", 2)
    calls, original = [], first_stage.from_bytes

    def third_is_spoilt(images):
        calls.append(images)
        return original(images) * (torch.nan if len(calls) == 3 else 1)

    monkeypatch.setattr(first_stage, "from_bytes", third_is_spoilt)
    skipped = run("skipped", 3)
    assert (skipped["total_iterations"], before["total_iterations"]) == (3, 2)
    parts = "first_stage", "ema", "optimizer", "idle_codes", "discriminator"
    parts += ("discriminator_optimizer",)
    assert_close(learnt(skipped, *parts), learnt(before, *parts), rtol=0, atol=0)
