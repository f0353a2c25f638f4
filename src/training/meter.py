"""What a training logs: TensorBoard curves and pictures, and stats.jsonl."""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..utils.distributed import Process
from .cost import Arithmetic
from .log_files import STATISTICS, EventFile, open_statistics
from .pictures import captioned

log = logging.getLogger(__name__)


class Meter:
    """Logs means between two reports, as TensorBoard curves and in stats.jsonl.

    folder: of the logs. step, samples: how far the training is. What the logs have after that step,
    of a run that was not saved, is taken out. arithmetic: None where it is not to be logged.
    """

    def __init__(
        self,
        folder: Path,
        process: Process,
        step: int,
        samples: int,
        arithmetic: Arithmetic | None = None,
    ) -> None:
        self.process, self.arithmetic = process, arithmetic
        self.step, self.samples = step, samples
        self.rows: list[dict[str, Tensor]] = []
        self.reported = samples  # of the last report
        self.since = time.monotonic()
        self.waited = 0.0  # seconds for data, in all
        self.waited_before = 0.0  # until the last report
        self.failing = False  # whether something waits to be written
        if process.leads:
            folder.mkdir(parents=True, exist_ok=True)
            self.events = EventFile(folder, step + 1)
            self.statistics = open_statistics(folder / STATISTICS, step)

    def timed(self, batches: Iterator[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
        """The same batches; the time until each is there counts as waiting for data."""
        while True:
            asked = time.monotonic()
            batch = next(batches, None)
            self.waited += time.monotonic() - asked
            if batch is None:
                return
            yield batch

    def add(self, step: int, samples: int, scalars: dict[str, Tensor]) -> None:
        """Note a step, the samples seen until then by all processes, and the step's scalars.

        They stay tensors, so that a GPU is not waited for.
        """
        self.step, self.samples = step, samples
        self.rows.append(scalars)

    def report(self) -> None:
        """Log the means since the last report, over all processes; every process must call it."""
        means = self._means()
        seconds = time.monotonic() - self.since
        means["samples_per_second"] = speed = (self.samples - self.reported) / seconds
        waited = torch.tensor(self.waited - self.waited_before)
        means["data_wait_share"] = self.process.sum(waited).item() / self.process.count / seconds
        if self.arithmetic:
            operations = speed * self.arithmetic.operations  # a second
            means["teraflops_per_second"] = operations / 1e12
            means["model_flops_utilization"] = operations / self.arithmetic.rate
        means["memory_gigabytes"] = _memory(self.process.device)
        if self.process.leads:
            self.write({f"training/{name}": value for name, value in means.items()})
        self.rows, self.reported = [], self.samples
        self.since, self.waited_before = time.monotonic(), self.waited

    def _means(self) -> dict[str, float]:
        """Of each scalar's finite values, over all processes; without those that have none."""
        names = sorted(self.rows[0])
        values = torch.tensor(
            [[row[name].item() for name in names] for row in self.rows], dtype=torch.float64
        )
        counts = self.process.sum(values.isfinite().sum(0).double())
        sums = self.process.sum(values.nan_to_num().sum(0))
        return {
            name: (total / count).item()
            for name, total, count in zip(names, sums, counts, strict=True)
            if count > 0
        }

    def write(self, scalars: dict[str, float]) -> None:
        """Write scalars of the present step to TensorBoard and stats.jsonl."""
        row = {"step": self.step, "samples": self.samples, **scalars}
        line = json.dumps(row) + "\n"
        self._try(self.statistics.append, line.encode())
        self._try(self.events.add, self.step, scalars, {})

    def show(self, pictures: dict[str, Tensor]) -> None:
        """Write pictures (3, height, width) in [0, 1] of the present step to TensorBoard.

        A name such as samples/given_true says the rows from top to bottom, which are written beside
        them.
        """
        named = {
            name: captioned(picture, name.rpartition("/")[2].split("_"))
            for name, picture in pictures.items()
        }
        self._try(self.events.add, self.step, {}, named)

    def _try(self, write: Callable[..., None], *what: object) -> None:
        """Write; where that fails, training goes on, and what is not written waits.

        One warning is said until all is written.
        """
        try:
            write(*what)
            self.failing = bool(self.statistics.waiting or self.events.file.waiting)
        except OSError as error:
            if not self.failing:
                text = "%s: %s; training goes on, and what the logs lack is written later"
                log.warning(text, error.filename, error.strerror)
            self.failing = True


def _memory(device: torch.device) -> float:
    """The most memory used so far, gigabytes: of the GPU, or else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux, bytes on macOS
    return peak / (1e9 if sys.platform == "darwin" else 1e6)
