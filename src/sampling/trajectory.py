"""The frames of a path, drawn one after the other and stored."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..models.denoiser import Denoiser
from ..utils.distributed import Process, device_of
from .draw import Drawn, Progress, decode, draw, encode
from .drawing import Drawing
from .groups import grouped, held_in_turn
from .method import Method
from .runs import Run, open_runs
from .shown import Shown
from .writer import Writer


@torch.inference_mode()
def sample_trajectory(
    directories: Iterable[str | Path],
    denoiser: Denoiser,
    first_stage: nn.Module,
    method: Method | None = None,
    *,
    runs: Iterable[int] = (0,),
    batch_size: int = 8,
    frames_per_second: float = 10.0,
    weights: dict | None = None,
    process: Process | None = None,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
    watch: Callable[[Progress], object] | None = None,
    stored: Callable[[Run, int, np.ndarray], object] | None = None,
) -> list[Run]:
    """Make all frames of these runs of each folder samples/<id>.

    What is there is kept, so a stopped run goes on.

    method: default `Method()`. runs: run numbers. batch_size, stop, watch: as for `draw`.
    frames_per_second: of a newly written video. weights: plain values that identify the weights;
    run.json records them, with the other settings that make a difference. process: this one, of
    several that do the same and share the runs (`groups`); default: it is alone. progress: show it
    on standard error. stored: called with each frame's run, index and image once it is stored, in
    this thread. Storing goes on beside drawing, in a thread of its own.

    Returns the runs; `run.made` holds the frames made now. Of several processes each returns its
    own, and the first one, which ends last, also those that were there. Raises ValueError or
    FileNotFoundError for a bad task or setting, frames made with other settings, a result with NaN,
    or while a process of another command makes one of the runs.
    """
    method = (method or Method()).fitted(denoiser.config)
    _check_numbers(batch_size, frames_per_second)
    process = process or Process(device_of(denoiser))
    how = batch_size, frames_per_second, weights, stop, watch
    making = _Making(denoiser, first_stage, method, *how)
    opened = open_runs(directories, runs)
    for run in opened:
        run.check(making.settings)
    mine = {run for run in opened if process.leads and run.finished()}
    groups = grouped(opened, batch_size, device_of(denoiser), process)
    turns = held_in_turn(groups, process)
    with Shown(groups, method, process, progress, stored) as shown, closing(turns):
        for turn in turns:
            mine.update(run for group in turn for run in group if not run.finished())
            making.make(turn, shown)
            if making.stopped():
                break
    return opened if process.count == 1 else [run for run in opened if run in mine]


@dataclass(frozen=True)
class _Making:
    """How frames are made; the arguments of `sample_trajectory`."""

    denoiser: Denoiser
    first_stage: nn.Module
    method: Method
    batch_size: int
    frames_per_second: float
    weights: dict | None
    stop: Callable[[], bool] | None
    watch: Callable[[Progress], object] | None

    @property
    def settings(self) -> dict:
        """What is recorded with the frames."""
        config = asdict(self.denoiser.config)
        return {**asdict(self.method), "weights": self.weights, "config": config}

    def stopped(self) -> bool:
        return bool(self.stop and self.stop())

    def make(self, groups: list[list[Run]], shown: Shown) -> None:
        """Draw and store what these groups of runs lack."""
        begun = [run for group in groups for run in group]
        for run in begun:
            if not run.finished():  # and so under a lease
                run.sweep()
        drawing_of = self._begin(begun)
        for run in begun:
            run.write_summary(self.frames_per_second)
        shown.begin(groups)
        with Writer(self.frames_per_second, shown.stored) as writer:
            report = partial(_report, shown, writer, self.watch)
            for group in takewhile(lambda _: not self.stopped(), groups):
                of = {drawing_of[run]: run for run in group}
                for (drawing, index), latent, image in self._draw(list(of), report):
                    writer.put(of[drawing], index, latent, image)

    def _draw(
        self, drawings: list[Drawing], report: Callable[[Progress], object]
    ) -> Iterator[Drawn]:
        models = self.denoiser, self.first_stage
        return draw(drawings, *models, self.method, self.batch_size, report, self.stop)

    def _begin(self, runs: list[Run]) -> dict[Run, Drawing]:
        """Each run as far as it is, recorded as made with these settings.

        Given images are encoded, and latents without an image decoded.
        """
        for run in runs:
            run.claim(self.settings)
        encoded: dict[Path, Tensor] = {}
        drawings = {}
        for run in runs:
            latents = run.read_latents(self.denoiser.config.latent_shape)
            for index, photo in run.given.items():
                if index in latents:
                    continue
                if photo not in encoded:
                    encoded[photo] = encode(self.first_stage, photo, self.denoiser)
                latents[index] = encoded[photo]
                run.write_latent(index, latents[index])
            for index, latent in latents.items():
                if not run.has_image(index):
                    latent = latent.to(device_of(self.denoiser))
                    run.write_image(index, decode(self.first_stage, latent))
            drawings[run] = Drawing(run.spec, latents, run.number)
        return drawings


def _check_numbers(batch_size: int, frames_per_second: float) -> None:
    if batch_size < 1 or not frames_per_second > 0:
        raise ValueError(
            f"batch size {batch_size}, {frames_per_second} frames a second: expected at least 1 "
            "and more than 0"
        )


def _report(
    shown: Shown, writer: Writer, watch: Callable[[Progress], object] | None, now: Progress
) -> None:
    writer.tell()
    shown.step(now.pairs)
    if watch:
        watch(now)
