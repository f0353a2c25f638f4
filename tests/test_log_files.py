"""What a training logs, and that a disk without room for it takes nothing away."""

import errno
import json
import logging
from pathlib import Path

import pytest
import torch
from full_disks import largest_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photonvs.training.log_files import EventFile, GrowingFile, open_statistics
from photonvs.training.meter import Meter
from photonvs.utils.distributed import Process

FULL = Path("/dev/full")  # each write to it finds a full disk
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def curve(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_tensorboard_reads_numbers_and_pictures(tmp_path):
    file = EventFile(tmp_path, 1)
    for step in (1, 2):
        file.add(step, {"loss": step / 2, "rate": 0.25}, {})
    file.add(2, {}, {"grid": torch.rand(3, 4, 6)})
    events = read(tmp_path)
    assert curve(events, "loss") == [(1, 0.5), (2, 1.0)]
    assert curve(events, "rate") == [(1, 0.25), (2, 0.25)]
    (picture,) = events.Images("grid")
    assert (picture.step, picture.width, picture.height) == (2, 6, 4)


def test_steps_that_come_again_replace_those_of_an_earlier_run(tmp_path):
    for first, value in ((1, 0.0), (3, 1.0)):
        file = EventFile(tmp_path, first)
        for step in range(first, 5):
            file.add(step, {"loss": value}, {})
    assert sorted(curve(read(tmp_path), "loss")) == [(1, 0.0), (2, 0.0), (3, 1.0), (4, 1.0)]


@needs_full
def test_what_a_full_disk_refuses_comes_later_and_in_order(tmp_path):
    path = tmp_path / "numbers"
    path.symlink_to(FULL)
    file = GrowingFile(path)
    for line in (b"1\n", b"2\n"):
        with pytest.raises(OSError, match=str(path)) as caught:
            file.append(line)
        assert caught.value.errno == errno.ENOSPC
    path.unlink()
    file.append(b"3\n")
    assert path.read_bytes() == b"1\n2\n3\n"


def test_a_write_that_is_cut_off_goes_on_where_it_ended(tmp_path):
    """A limit of the file's size stands for a disk with room for three bytes more."""
    file = GrowingFile(tmp_path / "numbers")
    with largest_file(3), pytest.raises(OSError, match="numbers"):
        file.append(b"12345\n")
    file.append(b"6\n")
    assert file.path.read_bytes() == b"12345\n6\n"


@needs_full
def test_one_warning_says_that_logs_wait(tmp_path, caplog):
    statistics = tmp_path / "stats.jsonl"
    statistics.symlink_to(FULL)
    caplog.set_level(logging.WARNING)
    meter = Meter(tmp_path, Process(torch.device("cpu")), 0, 0)
    for step in (1, 2, 3):
        meter.add(step, 8 * step, {"loss": torch.tensor(0.5)})
        meter.report()
    assert caplog.messages == [
        f"{statistics}: No space left on device; training goes on, and what the logs lack is "
        "written later"
    ]
    statistics.unlink()
    meter.add(4, 32, {"loss": torch.tensor(0.5)})
    meter.report()
    rows = [json.loads(line) for line in statistics.read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]


def test_statistics_lose_the_steps_that_come_again_and_unfinished_lines(tmp_path):
    path = tmp_path / "stats.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"step": 4, "sam')
    open_statistics(path, 2).append(b'{"step": 3, "again": 1}\n')
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [{"step": 1}, {"step": 2}, {"step": 3, "again": 1}]
