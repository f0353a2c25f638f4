"""Pairs drawn on the device: they are pairs of the data, as likely as elsewhere, and repeatable."""

from collections import Counter

import numpy as np
import pytest
import torch
import training_task
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.datasets.device_pairs import DevicePairs
from photonvs.datasets.pairs import Pair
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of a training from latents of three sequences of eight frames."""
    return training_task.latent_settings(tmp_path_factory.mktemp("data"))


def opened(settings, *more):
    return training_task.open_pairs([*settings, *more])


def test_pairs_are_those_of_the_data(settings):
    pairs = opened(settings)
    batch = DevicePairs(pairs, CPU).batch(range(5, 69))
    names = "target_latent", "cond_latent", "target_pose", "cond_pose", "focal_y"
    for row in range(64):
        numbers = (int(batch[name][row]) for name in ("sequence", "target_frame", "cond_frame"))
        expected = pairs.load(Pair(*numbers))
        for name in names:
            assert_close(batch[name][row], expected[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("max_gap", [None, 2])
def test_every_pair_is_as_likely(settings, max_gap):
    more = [] if max_gap is None else [f"data.max_gap={max_gap}"]
    batch = DevicePairs(opened(settings, *more), CPU).batch(range(20_000))
    places = zip(
        *(batch[n].tolist() for n in ("sequence", "target_frame", "cond_frame")), strict=True
    )
    counts = Counter(places)
    frames = training_task.POSES - 1
    near = [
        (a, b)
        for a in range(frames)
        for b in range(frames)
        if a != b and abs(a - b) <= (max_gap or frames)
    ]
    assert {key[1:] for key in counts} == set(near)
    assert len(counts) == 3 * len(near)
    expected = 20_000 / len(counts)
    spread = (np.array(list(counts.values())) - expected) / np.sqrt(expected)
    assert np.square(spread).mean() < 1.5  # of random counts: 1


def test_noise_is_normal_and_a_batch_depends_on_its_number_and_the_seed(settings):
    pairs = DevicePairs(opened(settings), CPU)
    batch, again, next_one = (pairs.batch(range(k, k + 200)) for k in (0, 0, 200))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    other = DevicePairs(opened(settings, "training.seed=1"), CPU).batch(range(200))
    for name in ("noise", "cond_noise", "uniform", "cond_uniform", "sequence"):
        assert not torch.equal(batch[name], next_one[name])
        assert not torch.equal(batch[name], other[name])
    drawn = torch.stack([batch["noise"], batch["cond_noise"]]).flatten(1)
    assert_close(drawn @ drawn.T / drawn.shape[1], torch.eye(2), rtol=0, atol=0.05)
    assert batch["uniform"].min() >= 0 and batch["uniform"].max() < 1


def test_training_that_goes_on_sees_what_it_would_have_seen(settings, tmp_path):
    config = load_config("realestate10k", [*settings, "data.on_device=true", "training.steps=4"])
    train(config, tmp_path / "whole", "cpu")
    config.training.steps = 2
    train(config, tmp_path / "parts", "cpu")
    config.training.steps = 4
    train(config, tmp_path / "parts", "cpu")
    found, expected = (
        load_checkpoint(list_checkpoints(tmp_path / name / "checkpoints")[-1])["score_sde_model"]
        for name in ("parts", "whole")
    )
    assert_close(dict(found), dict(expected), rtol=0, atol=0)
    with pytest.raises(ValueError, match="data.on_device: expected data.latents"):
        load_config("realestate10k", ["data.on_device=true"])
