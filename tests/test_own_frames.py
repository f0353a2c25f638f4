"""Frames that the network made itself as views: how they are made, stored, and taken."""

import numpy as np
import pytest
import torch
import training_task
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.datasets.device_pairs import DevicePairs
from photonvs.datasets.own_frames import OwnFrames, write_own_frames
from photonvs.datasets.pairs import Pair
from photonvs.training.own_frames import make_own_frames


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of a training from latents of three sequences of eight frames."""
    return training_task.latent_settings(tmp_path_factory.mktemp("data"))


def opened(settings, *more):
    words = [*settings, *more]
    return training_task.open_pairs(words), load_config("realestate10k", words).model


class Copying(torch.nn.Module):
    """Says that a frame is its view plus 1, and keeps the levels that it is asked at."""

    def __init__(self, config):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.config, self.levels, self.starts = config, [], []

    def embed_cameras(self, target_pose, cond_pose, focal_y):
        return target_pose

    def prepare(self, view, rays, sigma_cond):
        assert sigma_cond.tolist() == pytest.approx([self.config.diffusion.sigma_min] * len(view))
        return view

    def score_given(self, x, sigma, view):
        self.levels.append(float(sigma))
        self.starts.append(x.clone())
        return (view + 1 - x) / sigma**2


def test_each_own_frame_is_made_from_the_own_frame_before_it(settings, tmp_path):
    pairs, config = opened(settings)
    network = Copying(config)
    count = make_own_frames(pairs, tmp_path / "own.npz", network, 2, sigma=3.0, steps=4)
    frames = training_task.POSES - 1
    assert count == 2 * (frames - 1)
    own = OwnFrames(tmp_path / "own.npz", pairs.poses_file)
    first, second, third = pairs.numbers.tolist()
    for number in (first, second):
        true = pairs.latents(number, range(frames)).astype(np.float32)
        for frame in range(1, frames):
            expected = true[0] + frame  # marks add up
            np.testing.assert_allclose(own.latent(number, frame), expected, rtol=2e-3, atol=2e-3)
        assert own.latent(number, 0) is None
    assert own.latent(third, 1) is None
    assert network.levels[0] == pytest.approx(3.0) and max(network.levels) < 3.01
    # They begin at the true frame with noise of that level.
    true = np.stack([pairs.latents(number, [1])[0] for number in (first, second)])
    noise = network.starts[0] - torch.from_numpy(true.astype(np.float32))
    assert noise.std().item() == pytest.approx(3.0, rel=0.1)


@pytest.fixture
def marked(settings, tmp_path):
    """Settings with own frames of the first sequence that are 100 everywhere."""
    pairs, _ = opened(settings)
    number = int(pairs.numbers[0])
    places = [(number, frame) for frame in range(1, pairs.usable(number))]
    latents = np.full((len(places), 12, 8, 8), 100, np.float16)
    write_own_frames(tmp_path / "own.npz", pairs.poses_file, places, latents)
    return number, [*settings, f"data.own_frames={tmp_path}/own.npz", "data.own_share=0.5"]


def test_a_share_of_the_pairs_that_can_have_own_views(marked, settings):
    number, words = marked
    pairs, plain = opened(words)[0], opened(settings)[0]
    taken = []
    for target in range(7):
        for cond in range(7):
            if target != cond:
                pair = Pair(number, target, cond)
                sample, true = pairs.load(pair), plain.load(pair)
                assert_close(sample["target_latent"], true["target_latent"])
                own = bool((sample["cond_latent"] == 100).all())
                assert own or torch.equal(sample["cond_latent"], true["cond_latent"])
                assert not (own and cond == 0)
                taken += [own] if cond else []
    assert 0.25 < np.mean(taken) < 0.75
    other = Pair(int(pairs.numbers[1]), 2, 3)
    assert torch.equal(pairs.load(other)["cond_latent"], plain.load(other)["cond_latent"])


def test_the_same_on_the_device(marked, settings):
    number, words = marked
    pairs = opened(words)[0]
    batch = DevicePairs(pairs, torch.device("cpu")).batch(range(4000))
    own = (batch["cond_latent"] == 100).flatten(1).all(1)
    can = (batch["sequence"] == number) & (batch["cond_frame"] > 0)
    assert not own[~can].any()
    assert own[can].float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert not (batch["target_latent"] == 100).any()


def test_files_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no own frames there"):
        OwnFrames(tmp_path / "none.npz", "a")
    write_own_frames(tmp_path / "own.npz", "a", [(0, 1)], np.zeros((1, 2, 2, 2), np.float16))
    with pytest.raises(ValueError, match="own frames of other poses"):
        OwnFrames(tmp_path / "own.npz", "b")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a file of own frames"):
        OwnFrames(tmp_path / "bad.npz", "a")
