"""Runs that are drawn side by side, and which of several processes draws which."""

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import torch

from ..utils.distributed import Process
from ..utils.leases import HeldElsewhereError, lease
from .runs import Run

# On a CPU. More at once are hardly faster there: of 4 and of 8, a pair takes the shipped model 22
# and 21 ms on one core, and the published size 1.57 and 1.58 s. Several processes could share less.
MOST_RUNS = 4

Group = list[Run]


def grouped(
    runs: list[Run], batch_size: int, device: torch.device, process: Process
) -> list[Group]:
    """The runs in groups, the longest first. A group's frames share batches, those of two do not.

    A group has `batch_size` runs at most. On a CPU groups are the same for any number of processes,
    and so is every bit of the frames. On a GPU there are enough groups for all processes.
    """
    if device.type == "cpu":
        most = min(batch_size, MOST_RUNS)
    else:
        most = min(batch_size, math.ceil(len(runs) / process.count))
    ordered = sorted(runs, key=lambda run: len(run.frames()), reverse=True)
    count = math.ceil(len(runs) / most)
    bounds = [len(runs) * number // count for number in range(count + 1)]
    return [ordered[start:end] for start, end in pairwise(bounds)]


def held_in_turn(groups: list[Group], process: Process) -> Iterator[list[Group]]:
    """The groups that this process makes, under leases until the next ones are asked for.

    One process alone has all at once. One of several has one after the other: first those of its
    share, which is every count-th group, then those that others leave, as they are behind or dead.
    The first process ends last, as it waits for what the others hold.

    Raises HeldElsewhereError if another command's process makes what one process alone asks for.
    """
    if process.count == 1:
        with lease(*_unfinished(groups)):
            yield groups
        return
    for group, wait in _order(groups, process):
        with suppress(HeldElsewhereError):
            if folders := _unfinished([group]):
                with lease(*folders, wait=wait):
                    yield [group]


def _order(groups: list[Group], process: Process) -> Iterator[tuple[Group, float]]:
    """The groups as one of several processes tries them, and the seconds to wait for a holder."""
    for number in range(process.count):
        share = (process.rank + number) % process.count
        yield from ((group, 0.0) for group in groups[share :: process.count])
    if process.leads:
        yield from ((group, math.inf) for group in groups)


def _unfinished(groups: list[Group]) -> list[Path]:
    return [run.folder for group in groups for run in group if not run.finished()]
