"""What a training logs: a line, TensorBoard curves and pictures, and stats.jsonl."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from ..utils.files import atomic_path

if TYPE_CHECKING:
    from .trainer import Trainer

log = logging.getLogger(__name__)


class Meter:
    """What is logged: means between two reports, as a line, as TensorBoard curves and in stats.jsonl."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.rows: list[dict[str, Tensor]] = []
        self.since, self.waited = time.monotonic(), 0.0

    def __enter__(self) -> Meter:
        if self.trainer.process.leads:
            self.writer = SummaryWriter(self.trainer.logs, purge_step=self.trainer.step + 1)
            path = self.trainer.logs / "stats.jsonl"
            _purge(path, self.trainer.step)
            self.stats = path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        if self.trainer.process.leads:
            self.writer.close()
            self.stats.close()

    def timed(self, batches: Iterator[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
        """The same batches; the time until each is there counts as waiting for data."""
        while True:
            asked = time.monotonic()
            batch = next(batches, None)
            self.waited += time.monotonic() - asked
            if batch is None:
                return
            yield batch

    def add(self, scalars: dict[str, Tensor]) -> None:
        """Note a step's scalars; they stay tensors, so that a GPU is not waited for."""
        self.rows.append(scalars)

    def report(self) -> None:
        """Log the means since the last report, over all processes; every process must call it."""
        trainer, process = self.trainer, self.trainer.process
        names = sorted(self.rows[0])
        values = torch.tensor(
            [[row[name].item() for name in names] for row in self.rows], dtype=torch.float64
        )
        counts = process.sum(values.isfinite().sum(0).double())
        sums = process.sum(values.nan_to_num().sum(0))
        means = {
            name: (total / count).item()
            for name, total, count in zip(names, sums, counts, strict=True)
            if count > 0
        }
        seconds = (time.monotonic() - self.since) / len(self.rows)
        means["samples_per_second"] = trainer.settings.batch_size / seconds
        means["data_wait_share"] = self.waited / (time.monotonic() - self.since)
        means["memory_gigabytes"] = _memory(process.device)
        if process.leads:
            self.write({f"training/{name}": value for name, value in means.items()})
            left = _duration((trainer.settings.steps - trainer.step) * seconds)
            log.info(
                f"step {trainer.step}/{trainer.settings.steps}  loss {means.get('loss', float('nan')):.4g}  "
                f"{means['samples_per_second']:.1f} samples/s  waiting for data {means['data_wait_share']:.0%}  {left} left"
            )
        self.rows, self.since, self.waited = [], time.monotonic(), 0.0

    def write(self, scalars: dict[str, float]) -> None:
        """Write scalars of the present step to TensorBoard and stats.jsonl."""
        for name, value in scalars.items():
            self.writer.add_scalar(name, value, self.trainer.step)
        self.stats.write(
            json.dumps({"step": self.trainer.step, "samples": self.trainer.samples, **scalars})
            + "\n"
        )
        self.stats.flush()

    def show(self, pictures: dict[str, Tensor]) -> None:
        """Write pictures to TensorBoard."""
        for name, picture in pictures.items():
            self.writer.add_image(name, picture, self.trainer.step)


def _purge(path: Path, step: int) -> None:
    """Take out of stats.jsonl the steps after this one, which come again, and a line that a killed process left unfinished."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    if kept != lines:
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _memory(device: torch.device) -> float:
    """The most memory used so far, gigabytes: of the GPU, or else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux, bytes on macOS
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _duration(seconds: float) -> str:
    days, rest = divmod(round(seconds), 86400)
    return (f"{days} d " if days else "") + time.strftime("%H:%M:%S", time.gmtime(rest))
