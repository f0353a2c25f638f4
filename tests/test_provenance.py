"""The line that says which weights a command uses."""

import os
import time

import pytest
import torch

from photonvs.models.places import SHIPPED_DENOISER
from photonvs.models.provenance import provenance
from photonvs.utils.checkpoint import FORMAT, save_checkpoint
from photonvs.utils.words import duration


def write_training(path, step: int, samples: int, warmup: int = 5000) -> None:
    config = {"training": {"warmup_steps": warmup}}
    state = {"format": FORMAT, "total_iterations": step, "samples": samples, "config": config}
    save_checkpoint(path, state)


def test_what_weights_are(tmp_path):
    assert "shipped small model" in provenance(SHIPPED_DENOISER)
    assert provenance(tmp_path / "mine.safetensors") == "exported weights"
    save_checkpoint(tmp_path / "2000-00000000.pth", {"score_sde_model": {"w": torch.zeros(1)}})
    assert provenance(tmp_path / "2000-00000000.pth") == "weights in the published layout"


def test_a_training_checkpoint_says_how_far_it_is_and_how_old(tmp_path):
    path = tmp_path / "0001-00000000.pth"
    write_training(path, 70_000, 560_000)
    os.utime(path, (0, time.time() - 3 * 3600))
    said = "a training checkpoint of step 70000 (560000 samples), written 3 hours ago"
    assert provenance(path) == said


@pytest.mark.parametrize(
    ("step", "samples", "young"),
    [(5999, 10**6, True), (6000, 4999, True), (6000, 5000, False)],
)
def test_a_young_checkpoint_is_called_young(tmp_path, step, samples, young):
    write_training(tmp_path / "one.pth", step, samples)
    assert ("it is young" in provenance(tmp_path / "one.pth")) == young


def test_times_are_said_in_their_largest_unit():
    said = [duration(seconds) for seconds in (1, 59, 59.9, 3599, 7300, 86400 * 2)]
    assert said == ["1 second", "59 seconds", "1 minute", "1 hour", "2 hours", "2 days"]
