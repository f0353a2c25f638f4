"""The training loop that all networks share: data by sample number, checkpoints, logs, stopping.

What is trained is a `Task`. Everything random in a run depends on (seed, number of the sample). So
a run that was stopped and resumed, on as many processes or on others, sees the same samples with
the same noise in the same order.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..config import Config, settings_from_dict
from ..datasets.device_pairs import DevicePairs
from ..utils.checkpoint import (
    FORMAT,
    checkpoint_name,
    load_checkpoint,
    load_newest_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from ..utils.checks import differences
from ..utils.distributed import Process
from ..utils.files import write_text
from ..utils.words import millions
from .activations import checkpoint_activations
from .cost import Arithmetic, operations, product_rate
from .live_line import LiveLine
from .loading import numbered_batches
from .meter import Meter
from .steps import Scalars, memory_errors_in_words
from .stopping import STOP_FILE, StopRequest

log = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 10.0  # of the last checkpoint, on a full disk


class Task(Protocol):
    """What the trainer trains."""

    config: Config
    model_sections: tuple[str, ...]  # of the config; they must not change when a run goes on
    # dataset[k] for k = 0, 1, 2, ... without end is a dict of tensors; len: samples an epoch.
    dataset: Dataset
    network: nn.Module  # what is trained
    title: str  # of the network, and what it is trained on, for people

    def update(self, batches: list[dict[str, Tensor]], step: int) -> Scalars:
        """One optimizer step over `training.accumulation` batches of this process's samples.

        A batch holds the dataset's tensors and `number` (n,), the samples' numbers. Returns what to
        log.
        """

    def state_dict(self) -> dict:
        """All that changes while training, under the checkpoint's keys."""

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""

    def blank_loss(self) -> Tensor:
        """The loss of one made-up sample, from its pixels or latents on, to count what it costs.

        It draws no random number and changes nothing.
        """

    def pictures(self) -> dict[str, Tensor]:
        """Pictures (3, height, width) in [0, 1] to watch the training by; see `Meter.show`."""


class Trainer:
    """One training run in its folder of checkpoints and its folder of logs."""

    def __init__(self, task: Task, checkpoints: Path, logs: Path, process: Process) -> None:
        self.task, self.process = task, process
        self.settings = task.config.training
        self.checkpoints, self.logs = checkpoints, logs
        self.step, self.samples = 0, 0  # optimizer steps done, samples seen
        self.saved = time.monotonic()  # the last checkpoint
        batch, parts = self.settings.batch_size, self.settings.accumulation
        shares = process.count * parts
        if batch % shares:
            raise ValueError(
                f"training.batch_size {batch} cannot be shared by {process.count} processes in "
                f"{parts} parts each: take a multiple of {shares}"
            )
        self.part = batch // shares  # samples of one backward pass
        if process.leads:
            for unfinished in checkpoints.glob(".*.pth"):  # of a run that was killed while it saved
                unfinished.unlink()
        self._resume()

    def _resume(self) -> None:
        """Go on from the newest readable checkpoint, if there is one.

        The first process says which.
        """
        newest = load_newest_checkpoint(self.checkpoints) if self.process.leads else None
        path = self.process.from_first(newest and newest[0])
        if path is None:
            return
        state = newest[1] if newest else load_checkpoint(path)
        for section in self.task.model_sections:
            wanted = getattr(self.task.config, section)
            found = settings_from_dict(type(wanted), state["config"][section])
            if found != wanted:
                raise ValueError(
                    f"checkpoint {path}: {differences(section, found, wanted)}; "
                    "use the same, or another --instance-data for a new model"
                )
        self.task.load_state_dict(state)
        self.step, self.samples = state["total_iterations"], state["samples"]
        if self.process.leads:
            log.info("going on from %s: step %d", path, self.step)

    def run(self, validate: Callable[[int], dict[str, float]] | None = None) -> None:
        """Train until the wanted step or time, a signal or the stop file; save at the end.

        validate: called with the step by every process, every `training.validate_every` steps. Its
        numbers are logged. A ValueError or OSError that it raises must be raised in all processes.
        """
        settings, leads = self.settings, self.process.leads
        if self.step >= settings.steps:
            log.info("step %d of %d is done already", self.step, settings.steps)
            return
        arithmetic = self._arithmetic()
        if leads:
            log.info(self._first_words(arithmetic))
        # From here on: what is computed a second time shall not count.
        if settings.activation_checkpointing:
            checkpoint_activations(self.task.network)
        stop = StopRequest(settings.minutes, self.checkpoints / STOP_FILE if leads else None)
        line = LiveLine(self.step, self.samples, settings.steps, settings.minutes)
        meter = Meter(self.logs, self.process, self.step, self.samples, arithmetic)
        with line, self._loading() as batches:
            self._write_config()
            done = False
            while not done:
                parts = self._load(batches, meter)
                with memory_errors_in_words(self.part, settings.accumulation):
                    scalars = self.task.update(parts, self.step)
                self.step += 1
                self.samples += settings.batch_size
                meter.add(self.step, self.samples, scalars)
                done = self.step >= settings.steps or self.process.any(bool(stop))
                if leads:
                    line.update(
                        self.step, self.samples, scalars.get("loss"), meter.waited, last=done
                    )
                # First, so that an error in what only watches loses nothing.
                if leads and not done and self._checkpoint_due():
                    self._save()
                if done:
                    self._save_at_the_end()
                if self._due(settings.log_every) or done:
                    meter.report()
                self._watch(meter, validate)

    def _arithmetic(self) -> Arithmetic:
        """What a sample costs, known to the first process, and the rate of all devices."""
        rate = product_rate(self.process.device, self.settings.precision)
        rates = self.process.sum(torch.tensor(rate, dtype=torch.float64))
        task, leads = self.task, self.process.leads
        return Arithmetic(operations(task.blank_loss, task.network) if leads else 0, rates.item())

    def _first_words(self, arithmetic: Arithmetic) -> str:
        """What is trained, on what, with what, and what a step costs."""
        settings, processes = self.settings, self.process.count
        weights = sum(parameter.numel() for parameter in self.task.network.parameters())
        parts = [f"batch {settings.batch_size}"]
        if processes > 1:
            parts.append(f"{processes} processes")
        if settings.accumulation > 1:
            parts.append(f"{settings.accumulation} parts")
        cost = settings.batch_size * arithmetic.operations
        return (
            f"training {self.task.title}; {millions(weights)} parameters; "
            f"{self.process.device}, {settings.precision}, {', '.join(parts)}; "
            f"{cost:.2g} floating-point operations a step"
        )

    def _watch(self, meter: Meter, validate: Callable[[int], dict[str, float]] | None) -> None:
        """Log pictures and the numbers of `validate` where they are due."""
        if self.process.leads and self._due(self.settings.sample_every):
            meter.show(self.task.pictures())
        if validate and self._due(self.settings.validate_every):
            self._validate(meter, validate)

    def _validate(self, meter: Meter, validate: Callable[[int], dict[str, float]]) -> None:
        """Log the numbers of `validate`. Training goes on after an OSError, in all processes."""
        try:
            scores = validate(self.step)
        except OSError as error:  # such as a full disk
            if self.process.leads:
                log.warning("no validation of step %d (%s); training goes on", self.step, error)
            return
        except ValueError as error:
            self.process.raise_together(error)
            raise
        if self.process.leads:
            meter.write({f"validation/{name}": value for name, value in scores.items()})
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
            log.info("validation of step %d: %s", self.step, numbers or "none (data.validation)")

    def _due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def _checkpoint_due(self) -> bool:
        """By steps, or by the time since the last one."""
        minutes = self.settings.checkpoint_minutes
        late = minutes is not None and time.monotonic() - self.saved >= 60 * minutes
        return late or self._due(self.settings.checkpoint_every)

    def _loading(self) -> AbstractContextManager[Iterator[dict[str, Tensor]]]:
        """This process's batches from where the run stands: each step's samples, part by part."""
        settings, rank, count = self.settings, self.process.rank, self.process.count
        first = self.samples + rank * self.part
        # Of a step's batch, this process takes every count-th part, `accumulation` of them: one
        # range of numbers a part.
        last = first + (settings.steps - self.step) * settings.batch_size
        parts = range(first, last, count * self.part)
        numbers = (range(start, start + self.part) for start in parts)
        if isinstance(self.task.dataset, DevicePairs):
            return nullcontext(map(self.task.dataset.batch, numbers))
        return numbered_batches(
            self.task.dataset,
            numbers,
            self.task.config.data.workers,
            pin_memory=self.process.device.type == "cuda",
        )

    def _load(self, batches: Iterator[dict[str, Tensor]], meter: Meter) -> list[dict[str, Tensor]]:
        """The parts of the next step. All processes end if one of them cannot load its own."""
        parts, error = [], None
        try:
            parts = list(meter.timed(islice(batches, self.settings.accumulation)))
        except (ValueError, OSError) as caught:
            error = caught
        self.process.raise_together(error)
        return parts

    def _write_config(self) -> None:
        if self.process.leads:
            write_text(
                self.checkpoints / "config.yaml",
                OmegaConf.to_yaml(OmegaConf.structured(self.task.config)),
            )

    def _save(self) -> OSError | None:
        """Write a checkpoint and delete old ones; returns what hindered it, such as a full disk.

        That is said, and older checkpoints are whole then. The next save is the next try.
        """
        epoch, rest = divmod(self.samples, len(self.task.dataset))
        path = self.checkpoints / checkpoint_name(epoch, rest // self.settings.batch_size)
        header = {
            "format": FORMAT,
            "config": asdict(self.task.config),
            "samples": self.samples,
            "epoch": epoch,
            "total_iterations": self.step,
        }
        self.saved = time.monotonic()
        try:
            save_checkpoint(path, header | self.task.state_dict())
        except OSError as error:
            text = "checkpoint %s could not be written (%s); those before are whole"
            log.warning(text, path, error.strerror or error)
            return error
        log.info("saved %s", path)
        prune_checkpoints(
            self.checkpoints, self.settings.keep_checkpoints, self.settings.keep_every
        )
        return None

    def _save_at_the_end(self) -> None:
        """Save, and wait a while for room where there is none; nobody leaves before.

        Raises OSError in all processes if there is none in the end.
        """
        error = None
        if self.process.leads:
            started = time.monotonic()
            patience = 60 * self.settings.save_minutes
            while (error := self._save()) and time.monotonic() - started < patience:
                time.sleep(SECONDS_BETWEEN_TRIES)
        self.process.raise_together(error)
