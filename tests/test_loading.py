"""Loading batches in processes of their own: what goes wrong in them, and that they end."""

import multiprocessing
import os
import re
import signal
import subprocess
import time

import pytest
import torch
import training_task
from full_disks import on_small_disk, small_disks_can_be_made
from torch.utils.data import Dataset

from photonvs.training.loading import SHARED_MEMORY, in_shared_memory, numbered_batches


class Numbers(Dataset):
    """Samples 0, 1, 2, ...; what is to happen at number 5."""

    def __init__(self, event):
        self.event = event

    def __getitem__(self, number):
        if number == 5:
            self.event()
        return {"half": torch.tensor(number / 2)}


def fail() -> None:
    raise ValueError("video tour7 cannot be read")


def load(event, workers: int) -> list[list[int]]:
    """The numbers of batches of two, of twenty samples."""
    parts = (range(start, start + 2) for start in range(0, 20, 2))
    with numbered_batches(Numbers(event), parts, workers, pin_memory=False) as batches:
        return [batch["number"].tolist() for batch in batches]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_carry_the_numbers_of_their_samples(workers):
    assert load(lambda: None, workers) == [[first, first + 1] for first in range(0, 20, 2)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_that_cannot_be_loaded_ends_with_its_own_line_and_the_workers(workers):
    with pytest.raises(ValueError, match="^video tour7 cannot be read$"):
        load(fail, workers)
    assert not multiprocessing.active_children()


def test_workers_that_are_busy_do_not_hold_up_the_end():
    """Each batch would take 40 seconds. They end after the sample at hand."""

    class Slow(Dataset):
        def __getitem__(self, number):
            time.sleep(0 if number == 0 else 0.2)
            return {}

    parts = (range(start, start + 200) for start in (1, 201))
    started = time.monotonic()
    with (
        pytest.raises(ZeroDivisionError),
        numbered_batches(Slow(), parts, 2, pin_memory=False),
    ):
        time.sleep(0.5)
        raise ZeroDivisionError
    assert time.monotonic() - started < 5
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGBUS, r"bus error: the \d+ MB of /dev/shm .*--shm-size=8g, or lower data.work"),
        (signal.SIGKILL, "was killed, as a system does that runs out of memory: lower data.work"),
    ],
)
def test_a_worker_that_dies_is_explained_in_one_line(number, words):
    with pytest.raises(OSError, match=words) as caught:
        load(lambda: os.kill(os.getpid(), number), 2)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


def test_shared_memory_that_is_full_is_no_defect_of_a_sample():
    def collate(samples):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space")

    assert "--shm-size=8g" in str(in_shared_memory(collate, []))


@pytest.fixture(scope="module")
def unreadable(tmp_path_factory):
    """Footage whose videos are none."""
    train = training_task.write_footage(tmp_path_factory.mktemp("data"))
    for video in (train / "videos").iterdir():
        video.write_text("not a video")
    return train


def end_of(line: list[str]) -> tuple[int, list[str], float]:
    """Run a training. Returns its status, its lines, and the seconds from error to end."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True)
    lines, said = [], None
    for text in process.stderr:
        lines.append(text)
        said = said or (time.monotonic() if "error: " in text else None)
    return process.wait(60), lines, time.monotonic() - said


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_training_whose_videos_cannot_be_read_says_so_and_ends(unreadable, tmp_path, processes):
    settings = training_task.settings(unreadable, "data.workers=2")
    line = training_task.command(tmp_path, settings, processes)
    status, lines, seconds = end_of(line)
    assert status == 1
    errors = [line for line in lines if line.startswith("train.py: error: ")]
    assert len(errors) == 1
    assert re.fullmatch(
        r"train.py: error: sample \d+: 100 pairs in a row could not be read; the last: "
        r"\S*video\d.mp4: not a video.*\n",
        errors[0],
    )
    assert not any("DataLoader" in line or "worker process" in line for line in lines)
    assert seconds < 20  # 1.5, under torchrun 2.7, on a machine with little else to do


@pytest.mark.slow
@pytest.mark.skipif(not small_disks_can_be_made(), reason="needs a mount namespace of its own")
def test_a_container_with_little_shared_memory_gets_advice(tmp_path):
    footage = training_task.write_footage(tmp_path)
    larger = "first_stage.image_size=128", "denoiser.latent_size=64", "training.batch_size=16"
    larger += "denoiser.attention_resolutions=[32]", "data.workers=2"
    line = training_task.command(tmp_path, training_task.settings(footage, *larger))
    status, lines, _ = end_of(on_small_disk(SHARED_MEMORY, "1m", line))
    assert status == 1
    assert lines[-1].startswith("train.py: error: there is no room left for a batch: the 1 MB of ")
    assert "docker run --shm-size=8g, or lower data.workers" in lines[-1]
