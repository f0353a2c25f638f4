"""Storing frames in a thread, while the next ones are drawn."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .runs import Run

MOST_WAITING = 16  # frames that are drawn and not stored yet


class _Made(NamedTuple):
    run: Run
    index: int
    image: np.ndarray
    writing: Future


class Writer:
    """Stores frames one after the other, in the order in which they come.

    A context: all frames are stored when the block ends, even if it ends by an error. After a frame
    that cannot be stored none is, as those that follow may be made from it. Its error is raised by
    the next call of a method, or at the block's end.
    """

    def __init__(
        self, frames_per_second: float, stored: Callable[[Run, int, np.ndarray], object]
    ) -> None:
        """stored: called with each frame that is stored, in the thread that calls `tell`."""
        self._frames_per_second, self._stored = frames_per_second, stored
        self._waiting: deque[_Made] = deque()
        self._error: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, "writer")

    def put(self, run: Run, index: int, latent: Tensor, image: np.ndarray) -> None:
        """Have a frame stored, and wait where too many are waiting already."""
        self.tell(MOST_WAITING - 1)
        writing = self._thread.submit(self._write, run, index, latent, image)
        self._waiting.append(_Made(run, index, image, writing))

    def tell(self, most: int = MOST_WAITING) -> None:
        """Call `stored` with what has been stored since, once no more than `most` are waiting."""
        while self._waiting and (self._waiting[0].writing.done() or len(self._waiting) > most):
            made = self._waiting.popleft()
            made.writing.result()
            self._stored(made.run, made.index, made.image)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.tell(most=0)
        finally:
            self._thread.shutdown()

    def _write(self, run: Run, index: int, latent: Tensor, image: np.ndarray) -> None:
        if self._error is not None:
            raise self._error
        try:
            run.write_frame(index, latent, image, self._frames_per_second)
        except BaseException as error:
            self._error = error
            raise
