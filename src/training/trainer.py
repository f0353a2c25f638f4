"""The training loop that all networks share: data by sample number, checkpoints, logs, stopping and going on.

What is trained is a `Task`. Everything random in a run depends on (seed, number of the sample), so a run that was stopped and
resumed, on as many processes or on others, sees the same samples with the same noise in the same order.
"""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..config import Config, TrainingConfig, config_from_dict, config_to_dict
from ..utils.checkpoint import (
    FORMAT,
    checkpoint_name,
    load_checkpoint,
    load_newest_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from ..utils.distributed import Process
from ..utils.files import atomic_path
from ..utils.signals import STOP_SIGNALS
from .meter import Meter
from .stopping import STOP_FILE, StopRequest

log = logging.getLogger(__name__)


class Task(Protocol):
    """What the trainer trains."""

    config: Config
    model_sections: tuple[str, ...]  # of the config; they must not change when a run goes on
    dataset: Dataset  # dataset[k] for k = 0, 1, 2, ... without end is a dict of tensors; len: samples an epoch

    def update(self, batches: Iterator[dict[str, Tensor]], step: int) -> dict[str, Tensor]:
        """One optimizer step over `training.accumulation` batches of this process's samples; returns scalars to log.

        A batch holds the dataset's tensors and `number` (n,), the samples' numbers. NaN stands for "nothing to log now".
        """

    def state_dict(self) -> dict:
        """All that changes while training, under the checkpoint's keys."""

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""

    def pictures(self) -> dict[str, Tensor]:
        """Pictures (3, height, width) in [0, 1] to watch the training by."""


class Trainer:
    """One training run in its folder of checkpoints and its folder of logs."""

    def __init__(self, task: Task, checkpoints: Path, logs: Path, process: Process) -> None:
        self.task, self.process = task, process
        self.settings = task.config.training
        self.checkpoints, self.logs = checkpoints, logs
        self.step, self.samples = 0, 0  # optimizer steps done, samples seen
        _check(task.config)
        shares = process.count * self.settings.accumulation
        if self.settings.batch_size % shares:
            raise ValueError(
                f"training.batch_size {self.settings.batch_size} cannot be shared by {process.count} processes in "
                f"{self.settings.accumulation} parts each: take a multiple of {shares}"
            )
        self.part = self.settings.batch_size // shares  # samples of one backward pass
        if process.leads:
            for unfinished in checkpoints.glob(".*.pth"):  # of a run that was killed while it saved
                unfinished.unlink()
        self._resume()

    def _resume(self) -> None:
        """Go on from the newest readable checkpoint, if there is one; the first process says which."""
        found = load_newest_checkpoint(self.checkpoints) if self.process.leads else None
        path = self.process.from_first(found and found[0])
        if path is None:
            return
        state = found[1] if found else load_checkpoint(path)
        saved = config_from_dict(state["config"])
        for section in self.task.model_sections:
            if getattr(saved, section) != getattr(self.task.config, section):
                raise ValueError(
                    f"checkpoint {path} has {getattr(saved, section)}, the settings say {getattr(self.task.config, section)}: "
                    "use the same, or another --instance-data for a new model"
                )
        self.task.load_state_dict(state)
        self.step, self.samples = state["total_iterations"], state["samples"]
        if self.process.leads:
            log.info("going on from %s: step %d", path, self.step)

    def run(self, validate: Callable[[int], dict[str, float]] | None = None) -> None:
        """Train until the wanted step or time, a signal or the stop file; save at the end.

        validate: called with the step by the first process, every `training.validate_every` steps; its numbers are logged.
        """
        if self.step >= self.settings.steps:
            log.info("step %d of %d is done already", self.step, self.settings.steps)
            return
        stop_file = self.checkpoints / STOP_FILE if self.process.leads else None
        stop = StopRequest(self.settings.minutes, stop_file)
        saved = time.monotonic()
        with Meter(self) as meter:
            self._write_config()
            batches = self._batches()
            done = False
            while not done:
                scalars = self.task.update(
                    meter.timed(islice(batches, self.settings.accumulation)), self.step
                )
                self.step += 1
                self.samples += self.settings.batch_size
                meter.add(scalars)
                done = self.step >= self.settings.steps or self.process.any(bool(stop))
                if self._due(self.settings.log_every) or done:
                    meter.report()
                minutes = self.settings.checkpoint_minutes
                late = minutes is not None and time.monotonic() - saved >= 60 * minutes
                if (
                    self._due(self.settings.checkpoint_every) or late or done
                ) and self.process.leads:
                    self._save(must_succeed=done)
                    saved = time.monotonic()
                # After saving, so that an error in what only watches loses nothing.
                if self._due(self.settings.sample_every) and self.process.leads:
                    meter.show(self.task.pictures())
                if validate and self._due(self.settings.validate_every) and self.process.leads:
                    meter.write(
                        {f"validation/{name}": value for name, value in validate(self.step).items()}
                    )
        self.process.any(False)  # nobody leaves before the first process has saved

    def _due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """This process's batches from where the run stands: of each step's samples, part by part."""
        settings, rank, count = self.settings, self.process.rank, self.process.count
        workers = self.task.config.data.workers
        first = self.samples + rank * self.part
        # Of a step's batch, this process takes every count-th part, `accumulation` of them: one number range a part.
        parts = range(
            first, first + (settings.steps - self.step) * settings.batch_size, count * self.part
        )
        loader = DataLoader(
            NumberedSamples(self.task.dataset),
            batch_sampler=(range(start, start + self.part) for start in parts),
            num_workers=workers,
            pin_memory=self.process.device.type == "cuda",
            prefetch_factor=2 if workers else None,
            worker_init_fn=_leave_signals_to_the_trainer,
        )
        return iter(loader)

    def _write_config(self) -> None:
        if self.process.leads:
            with atomic_path(self.checkpoints / "config.yaml") as temporary:
                temporary.write_text(OmegaConf.to_yaml(OmegaConf.structured(self.task.config)))

    def _save(self, must_succeed: bool) -> None:
        """Write a checkpoint and delete old ones; a full disk ends the run only at its end."""
        epoch, rest = divmod(self.samples, len(self.task.dataset))
        path = self.checkpoints / checkpoint_name(epoch, rest // self.settings.batch_size)
        header = {
            "format": FORMAT,
            "config": config_to_dict(self.task.config),
            "samples": self.samples,
        }
        header |= {"epoch": epoch, "total_iterations": self.step}
        try:
            save_checkpoint(path, header | self.task.state_dict())
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            if must_succeed:
                raise OSError(
                    f"checkpoint {path} could not be written ({error}); the one before is whole"
                ) from error
            log.warning("checkpoint %s could not be written (%s); training goes on", path, error)
            return
        log.info("saved %s", path)
        prune_checkpoints(
            self.checkpoints, self.settings.keep_checkpoints, self.settings.keep_every
        )


def rate_factor(settings: TrainingConfig, step: int) -> float:
    """What the learning rate is multiplied by in a step (from 0): linear warm-up, and linear decay before the last step."""
    warmup = (step + 1) / max(1, settings.warmup_steps)
    decay = (settings.steps - step) / max(1, settings.decay_steps)
    return min(1.0, warmup, decay)


def _check(config: Config) -> None:
    """Raise ValueError for a number that no training can have."""
    settings = config.training
    for name in ("batch_size", "accumulation", "steps", "log_every", "keep_checkpoints"):
        if getattr(settings, name) < 1:
            raise ValueError(f"training.{name} {getattr(settings, name)}: expected at least 1")
    for name in (
        "warmup_steps",
        "decay_steps",
        "sample_every",
        "validate_every",
        "checkpoint_every",
        "keep_every",
        "seed",
    ):
        if getattr(settings, name) < 0:
            raise ValueError(f"training.{name} {getattr(settings, name)}: expected 0 or more")
    if config.data.workers < 0:
        raise ValueError(f"data.workers {config.data.workers}: expected 0 or more")
    if not settings.gradient_norm > 0:
        raise ValueError(f"training.gradient_norm {settings.gradient_norm}: expected more than 0")
    if not 0 <= settings.ema_decay < 1:
        raise ValueError(
            f"training.ema_decay {settings.ema_decay}: expected at least 0 and less than 1"
        )


def _leave_signals_to_the_trainer(worker: int) -> None:
    """Slurm and terminals signal all processes of a run; a worker that died of it would take the trainer along unsaved."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class NumberedSamples(Dataset):
    """A dataset whose samples carry their number."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return {**self.dataset[number], "number": torch.tensor(number)}
