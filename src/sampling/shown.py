"""How far a process is, on standard error."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from ..utils.distributed import Process
from ..utils.progress import progress_bar
from .groups import Group
from .method import Method
from .runs import Run

log = logging.getLogger(__name__)


class Shown(AbstractContextManager):
    """The bar of what this process draws: its share of the groups, and what others leave to it.

    Of several processes the first one's alone is seen.
    """

    def __init__(
        self,
        groups: list[Group],
        method: Method,
        process: Process,
        progress: bool,
        listener: Callable[[Run, int, np.ndarray], object] | None = None,
    ) -> None:
        """progress: whether it is seen. listener: called with each frame that is stored."""
        if progress and process.leads:
            _warn_of_idle(groups, process)
        self.method, self.listener = method, listener
        self.share = groups[process.rank :: process.count]  # that it has not begun
        self.frames, self.made = 0, 0
        task = "sampling" if process.count == 1 else f"sampling, process 1 of {process.count}"
        steps, _ = self._left(self.share)
        self.bar = progress_bar(steps, task, "step", enabled=progress and process.leads)

    def begin(self, turn: list[Group]) -> None:
        """These groups are drawn next; those of the share that are done need nothing any more."""
        self.share = [group for group in self.share if group not in turn]
        steps, frames = self._left([*turn, *self.share])
        self.bar.total, self.frames = self.bar.n + steps, self.made + frames
        self._count()

    def _left(self, groups: list[Group]) -> tuple[int, int]:
        """Steps and frames that groups lack."""
        views = [
            len(run.spec.dependencies[index])
            for group in groups
            for run in group
            for index in run.spec.generation_order
            if not run.has_latent(index)
        ]
        return sum(map(self.method.pairs, views)) * self.method.steps, len(views)

    def step(self, pairs: int) -> None:
        """A step of the sampler is done, for so many pairs of frame and view."""
        self.bar.update(pairs)

    def stored(self, run: Run, index: int, image: np.ndarray) -> None:
        """A frame is stored."""
        self.made += 1
        self._count()
        if self.listener:
            self.listener(run, index, image)

    def _count(self) -> None:
        self.bar.set_postfix_str(f"{self.made} of {self.frames} frames", refresh=False)

    def __exit__(self, *_: object) -> None:
        self.bar.close()


def _warn_of_idle(groups: list[Group], process: Process) -> None:
    """Say if a CPU's processes are too many. On GPUs smaller groups would be no sooner done."""
    idle, runs = process.count - len(groups), sum(map(len, groups))
    if process.device.type == "cpu" and idle > 0 and runs > len(groups):
        text = "%d runs in %d groups: %d of %d processes have none; take a smaller --batch-size"
        log.warning(text, runs, len(groups), idle, process.count)
