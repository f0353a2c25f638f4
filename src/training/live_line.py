"""How a training goes, for the one who watches it.

On a terminal it is one line that stays. Elsewhere it is a line for the first step, one a minute,
and one for the last step.
"""

import logging
import sys
import time
from collections import deque
from contextlib import ExitStack
from typing import NamedTuple, Self

import torch
from torch import Tensor
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..utils.words import clock

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0
SECONDS_ON_A_TERMINAL = 0.5
WINDOW_SECONDS = 60.0  # the speed is that of so long a time
SMOOTHED_STEPS = 50  # the loss is averaged over about so many


class _Mark(NamedTuple):
    """Where the training stood at a time."""

    time: float  # seconds
    step: int
    samples: int
    waited: float  # seconds, for data


class LiveLine:
    """Shows step, smoothed loss, speed, the share of waiting for data, and the time that is left.

    step, samples: where the training stands. steps, minutes: its two limits; None for no limit of
    time. The loss and the waiting are those of the process that shows the line.
    """

    def __init__(self, step: int, samples: int, steps: int, minutes: float | None) -> None:
        self.steps, self.minutes = steps, minutes
        self.started = time.monotonic()
        self.marks = deque([_Mark(self.started, step, samples, 0.0)])
        self.loss: Tensor | None = None
        self.seen = 0  # steps since the beginning of this process
        self.shown = -float("inf")
        self.terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self.stack = ExitStack()
        if self.terminal:
            self.stack.enter_context(logging_redirect_tqdm())
            self.bar = self.stack.enter_context(tqdm(bar_format="{desc}"))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def update(
        self, step: int, samples: int, loss: Tensor | None, waited: float, last: bool
    ) -> None:
        """Note a step that is done, and show it if it is time.

        loss: 0-dim; it is looked at only when it is shown, so that a GPU is not waited for.
        waited: seconds of waiting for data in all. last: whether no step follows.
        """
        now = time.monotonic()
        self.seen += 1
        if loss is not None:
            share = 1 / min(self.seen, SMOOTHED_STEPS)
            before = loss if self.loss is None else self.loss
            after = before.lerp(loss, share)  # not finite: of a step that is skipped
            kept = torch.where(before.isfinite(), before, loss)
            self.loss = torch.where(after.isfinite(), after, kept)
        interval = SECONDS_ON_A_TERMINAL if self.terminal else SECONDS_BETWEEN_LINES
        if last or now - self.shown >= interval:
            self._show(self.text(_Mark(now, step, samples, waited)))
            self.shown = now

    def text(self, mark: _Mark) -> str:
        """The line of a step, from now on a mark that speeds are measured by."""
        while len(self.marks) > 1 and mark.time - self.marks[1].time >= WINDOW_SECONDS:
            self.marks.popleft()
        since = self.marks[0]
        self.marks.append(mark)
        seconds = max(mark.time - since.time, 1e-9)
        left = (self.steps - mark.step) * seconds / max(1, mark.step - since.step)
        if self.minutes is not None:
            left = min(left, 60 * self.minutes - (mark.time - self.started))
        loss = float("nan") if self.loss is None else self.loss.item()
        return (
            f"step {mark.step}/{self.steps}  loss {loss:.4g}  "
            f"{(mark.samples - since.samples) / seconds:.1f} samples/s  "
            f"waiting for data {(mark.waited - since.waited) / seconds:.0%}  "
            f"{clock(max(0.0, left))} left"
        )

    def _show(self, text: str) -> None:
        if self.terminal:
            self.bar.set_description_str(text)
        else:
            log.info(text)
