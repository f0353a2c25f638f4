"""Training on a disk that is full for a while, or for good."""

import json
import logging
import re
import resource
import threading
import time

import pytest
import training_task
from full_disks import largest_file
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.training import trainer
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

ROOM = 50_000  # bytes: enough for logs, not for a checkpoint


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


@pytest.fixture
def configured(footage):
    often = "training.checkpoint_every=1", "training.validate_every=1"
    return lambda *more: load_config(
        "realestate10k", training_task.settings(footage, *often, *more)
    )


@pytest.fixture
def limits():
    """The limits of this process's files, which come back after the test."""
    with largest_file(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        yield resource.getrlimit(resource.RLIMIT_FSIZE)


def saved(instance_data) -> list[int]:
    """The steps whose checkpoints are there, each of them whole."""
    paths = list_checkpoints(instance_data / "checkpoints")
    return [load_checkpoint(path)["total_iterations"] for path in paths]


def final(instance_data) -> dict:
    return load_checkpoint(list_checkpoints(instance_data / "checkpoints")[-1])


def full_between(limits, first: int, last: int):
    """A validation that fills the disk after one step and makes room after another."""

    def validate(step: int) -> dict[str, float]:
        if step in (first, last):
            size = ROOM if step == first else limits[0]
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        return {}

    return lambda task, folder: validate


def test_training_goes_on_and_saves_again_when_there_is_room(configured, limits, tmp_path, caplog):
    train(configured(), tmp_path / "whole", "cpu")
    caplog.clear()
    train(configured(), tmp_path / "full", "cpu", full_between(limits, 2, 4))
    assert saved(tmp_path / "full") == [1, 2, 5, 6]
    failed = [text for text in caplog.messages if "could not be written" in text]
    assert len(failed) == 2
    assert re.fullmatch(
        r"checkpoint \S*/\d{4}-\d{8}\.pth could not be written \(File too large\); "
        r"those before are whole",
        failed[0],
    )
    parts = "score_sde_model", "ema", "optimizer"
    assert_close(
        {part: final(tmp_path / "full")[part] for part in parts},
        {part: final(tmp_path / "whole")[part] for part in parts},
        rtol=0,
        atol=0,
    )


def test_at_its_end_a_training_waits_for_room(configured, limits, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_TRIES", 0.1)

    def make_room() -> None:
        while "could not be written" not in caplog.text:
            time.sleep(0.01)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    room = threading.Thread(target=make_room)
    room.start()
    train(configured("training.steps=3"), tmp_path, "cpu", full_between(limits, 2, 0))
    room.join()
    assert saved(tmp_path) == [1, 2, 3]


def test_a_disk_that_stays_full_ends_in_one_line_and_the_checkpoints_before_are_whole(
    configured, limits, tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_TRIES", 0.1)
    settings = "training.steps=3", "training.save_minutes=0.005"
    with pytest.raises(OSError, match=r"checkpoints/0\d{3}-\d{8}\.pth") as caught:
        train(configured(*settings), tmp_path, "cpu", full_between(limits, 2, 0))
    assert "File too large" in str(caught.value)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert saved(tmp_path) == [1, 2]
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_the_weights_are_saved_before_what_only_watches(configured, tmp_path, caplog):
    """A validation without room for its frames is left out, and said."""
    steps = []

    def validate(step: int) -> dict[str, float]:
        steps.append((step, saved(tmp_path)))
        raise OSError(28, "No space left on device", "frames/0001.png")

    caplog.set_level(logging.WARNING)
    train(configured("training.steps=2"), tmp_path, "cpu", lambda *_: validate)
    assert steps == [(1, [1]), (2, [1, 2])]
    assert len([text for text in caplog.messages if "no validation of step" in text]) == 2
    rows = [json.loads(line) for line in (tmp_path / "logs/stats.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
