"""Generating in the background: one drawing at a time, which can be stopped and goes on."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..models.model import Model
from ..samples import Sample
from ..sampling.draw import Progress
from ..sampling.method import Method
from ..sampling.runs import Run, open_runs
from ..sampling.trajectory import sample_trajectory
from ..utils.images import read_frame
from ..utils.words import one_line
from .pictures import RoughColours

SECONDS_BETWEEN_LOOKS = 0.25  # at a frame that is forming


@dataclass(frozen=True)
class Task:
    """Runs of a sample, and how they are drawn."""

    sample: Sample
    method: Method
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """How far a task is."""

    share: float  # of all steps, 0 to 1
    seconds_left: float
    frame: int  # that is forming, by pose index
    step: int  # of `steps`
    steps: int
    rough: np.ndarray | None  # how it looks as yet, (h, w, 3) uint8


@dataclass(frozen=True)
class Listener:
    """Who is told what happens. All calls come from the drawing thread."""

    look: Callable[[Look], object]
    frame: Callable[[Run, int, np.ndarray], object]  # of each frame that is done
    ended: Callable[[Task, bool, str], object]  # whether all is done, and a sentence of a fault


class Work:
    """Draws tasks, one at a time, in a thread of its own."""

    def __init__(self, open_model: Callable[[], Model]) -> None:
        """open_model: called once, when the first task begins."""
        self._open_model = open_model
        self._model: Model | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def running(self) -> bool:
        """Whether a task is being drawn."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, task: Task, listener: Listener) -> None:
        """Begin a task, or go on with it. None may be running."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(task, listener), daemon=True)
        self._thread.start()

    def stop(self, wait: float | None = None) -> None:
        """End after the evaluation in work; `wait`: so many seconds for that."""
        self._stop.set()
        if wait is not None and self._thread is not None:
            self._thread.join(wait)

    def _run(self, task: Task, listener: Listener) -> None:
        try:
            done = self._draw(task, listener)
        except (ValueError, OSError) as error:
            listener.ended(task, False, one_line(error))
        except (RuntimeError, MemoryError) as error:
            # Of torch, say: no memory, or a device that fails.
            listener.ended(task, False, f"generating failed: {one_line(error)}")
        else:
            listener.ended(task, done, "")

    def _draw(self, task: Task, listener: Listener) -> bool:
        opened = open_runs([task.sample.directory], task.runs)  # a mistake shall not wait
        if self._model is None:
            self._model = self._open_model()
        model = self._model
        method = task.method.fitted(model.denoiser.config)
        clock = _Clock(method, opened)
        runs = sample_trajectory(
            [task.sample.directory],
            model.denoiser,
            model.first_stage,
            method,
            runs=task.runs,
            weights=model.identity,
            progress=False,
            stop=self._stop.is_set,
            watch=lambda now: clock.watch(now, listener),
            stored=listener.frame,
        )
        return all(run.complete() for run in runs)


class _Clock:
    """Counts steps, and looks at the forming frame from time to time."""

    def __init__(self, method: Method, runs: Sequence[Run]) -> None:
        waiting = [
            len(run.spec.dependencies[index])
            for run in runs
            for index in run.spec.generation_order
            if not run.has_latent(index)
        ]
        self.total = sum(method.pairs(views) for views in waiting) * method.steps
        self.done = 0
        self.begun = self.looked = time.monotonic()
        self.run = runs[0]
        self.colours: RoughColours | None = None

    def watch(self, now: Progress, listener: Listener) -> None:
        self.done += now.pairs
        moment = time.monotonic()
        if moment - self.looked < SECONDS_BETWEEN_LOOKS and now.step.number < now.steps:
            return
        self.looked = moment
        left = (moment - self.begun) / self.done * (self.total - self.done)
        frame = now.frames[0]
        rough = self._rough(frame.drawing.latents[self.run.frames()[0]], now)
        share = self.done / max(self.total, 1)
        listener.look(Look(share, left, frame.index, now.step.number, now.steps, rough))

    def _rough(self, given: object, now: Progress) -> np.ndarray:
        if self.colours is None:
            image = read_frame(self.run.place.image(self.run.frames()[0]))
            self.colours = RoughColours(given, image)
        return self.colours(now.step.denoised[0])
