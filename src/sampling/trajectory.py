"""The frames of a path, drawn one after the other and stored."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..models.denoiser import Denoiser
from ..utils.distributed import device_of
from ..utils.leases import lease
from ..utils.progress import progress_bar
from .draw import Progress, decode, draw, encode
from .drawing import Drawing
from .method import Method
from .runs import Run, open_runs
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
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
    watch: Callable[[Progress], object] | None = None,
    stored: Callable[[Run, int, np.ndarray], object] | None = None,
) -> list[Run]:
    """Make all frames of these runs of each folder samples/<id>.

    What is there is kept, so a stopped run goes on.

    method: default `Method()`. runs: run numbers. batch_size, stop, watch: as for `draw`.
    frames_per_second: of a newly written video. weights: plain values that identify the weights;
    run.json records them, with the other settings that make a difference. progress: show it on
    standard error. stored: called with each frame's run, index and image once it is stored, in
    this thread. Storing goes on beside drawing, in a thread of its own.

    Returns the runs; `run.made` holds the frames made now. Raises ValueError or FileNotFoundError
    for a bad task or setting, frames made with other settings, a result with NaN, or while another
    process makes one of the runs.
    """
    method = (method or Method()).fitted(denoiser.config)
    _check_numbers(batch_size, frames_per_second)
    opened = open_runs(directories, runs)
    settings = {**asdict(method), "weights": weights, "config": asdict(denoiser.config)}
    with lease(*(run.folder for run in opened if not run.finished())):
        drawings = _begin(opened, settings, denoiser, first_stage)
        for run in opened:
            run.write_summary(frames_per_second)
        waiting = [frame for drawing in drawings for frame in drawing.waiting()]
        total = sum(method.pairs(len(frame.views)) for frame in waiting) * method.steps
        with progress_bar(total, "sampling", "step", enabled=progress) as bar:
            done = _counted(bar, len(waiting), stored)
            with Writer(frames_per_second, done) as writer:
                report = partial(_report, bar, writer, watch)
                drawn = draw(drawings, denoiser, first_stage, method, batch_size, report, stop)
                run_of = dict(zip(drawings, opened, strict=True))
                for (drawing, index), latent, image in drawn:
                    writer.put(run_of[drawing], index, latent, image)
    return opened


def _check_numbers(batch_size: int, frames_per_second: float) -> None:
    if batch_size < 1 or not frames_per_second > 0:
        raise ValueError(
            f"batch size {batch_size}, {frames_per_second} frames a second: expected at least 1 "
            "and more than 0"
        )


def _counted(
    bar: tqdm, frames: int, stored: Callable[[Run, int, np.ndarray], object] | None
) -> Callable[[Run, int, np.ndarray], None]:
    """What is done with each frame that is stored: it is shown, and passed on."""
    numbers = count(1)

    def done(run: Run, index: int, image: np.ndarray) -> None:
        bar.set_postfix_str(f"{next(numbers)} of {frames} frames", refresh=False)
        if stored:
            stored(run, index, image)

    return done


def _report(
    bar: tqdm, writer: Writer, watch: Callable[[Progress], object] | None, now: Progress
) -> None:
    writer.tell()
    bar.update(now.pairs)
    if watch:
        watch(now)


def _begin(
    runs: list[Run], settings: dict, denoiser: Denoiser, first_stage: nn.Module
) -> list[Drawing]:
    """Each run as far as it is, recorded as made with these settings.

    Given images are encoded, and latents without an image decoded.
    """
    for run in runs:
        run.claim(settings)
    encoded: dict[Path, Tensor] = {}
    drawings = []
    for run in runs:
        latents = run.read_latents(denoiser.config.latent_shape)
        for index, photo in run.given.items():
            if index in latents:
                continue
            if photo not in encoded:
                encoded[photo] = encode(first_stage, photo, denoiser)
            latents[index] = encoded[photo]
            run.write_latent(index, latents[index])
        for index, latent in latents.items():
            if not run.has_image(index):
                run.write_image(index, decode(first_stage, latent.to(device_of(denoiser))))
        drawings.append(Drawing(run.spec, latents, run.number))
    return drawings
