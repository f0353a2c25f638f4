"""What a model that is being made has planned and done, in its made.json, and trainings by time."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..utils.checkpoint import list_checkpoints, own_step
from ..utils.files import write_text
from ..utils.json_files import read_json
from .log_files import STATISTICS, statistics_lines

log = logging.getLogger(__name__)

TRIED = 0.1  # of a training's time, before its steps are planned
UNPLANNED = 10**9  # steps, of a training whose end is not known yet
SPARE = 0.95  # of the time that is left, for what the speed does not show


class Interrupted(ValueError):
    """A stage was stopped before its end."""


class Plan:
    """Numbers that were planned, by name, and the seconds that each stage took; kept in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        made = read_json(file) if file.is_file() else {}
        self.planned: dict[str, float] = made.get("planned", {})
        self.seconds: dict[str, float] = made.get("seconds", {})

    def __contains__(self, name: str) -> bool:
        return name in self.planned

    def __getitem__(self, name: str) -> float:
        return self.planned[name]

    def __setitem__(self, name: str, value: float) -> None:
        self.planned[name] = value
        self._write()

    def stage(self, name: str, do: Callable[[], None]) -> None:
        """Do a stage, and add up its time."""
        started = time.monotonic()
        log.info("stage: %s", name)
        try:
            do()
        finally:
            self.seconds[name] = self.seconds.get(name, 0) + time.monotonic() - started
            self._write()
        log.info("stage %s: done, %.0f seconds in all", name, self.seconds[name])

    def _write(self) -> None:
        made = {"planned": self.planned, "seconds": self.seconds}
        write_text(self.file, json.dumps(made, indent=1) + "\n")


@dataclass(frozen=True)
class Part:
    """A part of a training: its last one, unless it says otherwise."""

    number: int = 0
    of: int = 1

    @property
    def last(self) -> bool:
        """Whether the training ends with it."""
        return self.number == self.of - 1


def train_in_time(
    plan: Plan,
    name: str,
    config: Config,
    run: Callable[[Config], object],
    folder: Path,
    minutes: float,
    *,
    decay: float,
    part: Part = Part(),
    by_the_clock: bool = False,
) -> None:
    """Do a part of a training, whose steps fit into the minutes; their number is planned first.

    run: the training, with checkpoints/ and logs/ in `folder`. decay: share of the steps, at the
    end, in which the rate falls to zero. by_the_clock: end when the time is over. Raises
    `Interrupted` if the training was stopped.
    """
    if f"{name} ended {part.number}" in plan:
        return
    started, training = time.monotonic(), config.training
    if f"{name} steps" not in plan:
        plan[f"{name} steps"] = _affordable_steps(name, config, run, folder, minutes)
    steps = int(plan[f"{name} steps"])
    training.steps = max(1, round((part.number + 1) / part.of * steps))
    training.decay_steps = int(decay * steps) if part.last else 0
    training.minutes, again = None, time.monotonic()
    if by_the_clock:
        training.minutes = max(0.0, minutes / part.of - (again - started) / 60)
    run(config)
    late = by_the_clock and time.monotonic() - again >= 60 * training.minutes
    if _step(folder) < training.steps and not late:
        raise Interrupted(f"{name}: stopped; the same command goes on")
    plan[f"{name} ended {part.number}"] = _step(folder)


def _affordable_steps(
    name: str, config: Config, run: Callable[[Config], object], folder: Path, minutes: float
) -> int:
    """Steps that fit into the minutes, after a tenth of them at the full rate."""
    started, training = time.monotonic(), config.training
    training.steps, training.minutes, training.decay_steps = UNPLANNED, TRIED * minutes, 0
    run(config)
    seconds = time.monotonic() - started
    if seconds < 60 * training.minutes:
        raise Interrupted(f"{name}: stopped; the same command goes on")
    rate = _samples_a_second(folder / "logs" / STATISTICS) / training.batch_size
    return _step(folder) + max(1, int(rate * max(0.0, SPARE * 60 * minutes - seconds)))


def _step(folder: Path) -> int:
    """The step of a training's newest checkpoint."""
    return own_step(list_checkpoints(folder / "checkpoints")[-1])


def _samples_a_second(stats: Path) -> float:
    """The speed of a training, by the last line of its log that has it."""
    rows, name = map(json.loads, statistics_lines(stats)), "training/samples_per_second"
    return [row[name] for row in rows if name in row][-1]
