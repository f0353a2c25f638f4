"""Sampling: the frames of a trajectory, each drawn from the diffusion model given one or more frames that exist already.

`sample_trajectory` is the program, `main` its command line. What lies in a run's folder and how it is kept consistent:
`sampling_outputs.py`. How a frame is drawn: `sampling_batch.py`.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .config import config_to_dict
from .diffusion.samplers import DEFAULT_SAMPLER
from .models import Denoiser
from .sampling_batch import Frame, choose_method, device_of, draw_frames, latent_shape, next_batch
from .sampling_outputs import Run, open_runs
from .utils.pictures import read_square, to_frame, to_tensor


@torch.inference_mode()
def sample_trajectory(
    directories: Iterable[str | Path],
    denoiser: Denoiser,
    first_stage: nn.Module,
    *,
    sampler: str = DEFAULT_SAMPLER,
    steps: int | None = None,
    seed: int = 0,
    precision: str = "float32",
    views: str = "average",
    sampler_options: dict[str, float] | None = None,
    runs: Iterable[int] = (0,),
    batch_size: int = 8,
    frames_per_second: float = 10.0,
    weights: dict | None = None,
    progress: bool = True,
) -> list[Run]:
    """Make all frames of these runs of each folder samples/<id>; what is there already is kept, so a stopped run goes on.

    steps: noise levels (None: the sampler's default). precision: of the score network, a name in PRECISIONS. views: how several
    conditioning views of a frame enter, a name in VIEWS. sampler_options: keyword arguments of the sampler. runs: run numbers.
    batch_size: (frame, conditioning view) pairs in one network evaluation; the frames of all runs and folders share batches.
    weights: plain values that identify the weights; run.json records them, with the other settings that make a difference.

    Returns the runs; `run.made` holds the frames made now. A frame's noise depends on seed, run number and pose index alone;
    drawn in another batch, on another device, it is the same frame up to the network's rounding.
    Raises ValueError or FileNotFoundError for a bad task or setting, frames made with other settings, or a result with NaN.
    """
    method = choose_method(sampler, steps, seed, precision, views, sampler_options)
    if batch_size < 1 or not frames_per_second > 0:
        raise ValueError(
            f"batch size {batch_size}, {frames_per_second} frames a second: expected at least 1 and more than 0"
        )
    opened = open_runs(directories, runs)
    config = config_to_dict(denoiser.config)
    model = {part: config[part] for part in ("first_stage", "denoiser", "diffusion")}
    for run in opened:
        run.claim({**asdict(method), "weights": weights, "config": model})
    _encode_given(opened, denoiser, first_stage)
    _decode_missing(opened, denoiser, first_stage)
    _write_summaries(opened, frames_per_second)

    waiting = [
        Frame(run, index)
        for run in opened
        for index in run.frames()
        if not run.latent_path(index).is_file()
    ]
    with _progress_bar(
        sum(method.pairs(frame) for frame in waiting) * method.evaluations, progress
    ) as bar:
        while waiting:
            batch = next_batch(waiting, method, batch_size)
            for frame, latent in zip(
                batch, draw_frames(batch, denoiser, method, batch_size, bar.update), strict=True
            ):
                frame.run.write_latent(frame.index, latent)
            waiting = [frame for frame in waiting if frame not in batch]
            touched = list(dict.fromkeys(frame.run for frame in batch))
            _decode_missing(touched, denoiser, first_stage)
            _write_summaries(touched, frames_per_second)
    return opened


def _encode_given(runs: list[Run], denoiser: Denoiser, first_stage: nn.Module) -> None:
    """Save the latents of given images, in every run that lacks them."""
    encoded: dict[Path, Tensor] = {}
    for run in runs:
        for index, path in run.given.items():
            if run.latent_path(index).is_file():
                continue
            if path not in encoded:
                image = to_tensor(read_square(path, denoiser.config.first_stage.image_size))
                encoded[path] = first_stage.encode(image.to(device_of(denoiser)))[0]
                if encoded[path].shape != latent_shape(denoiser):
                    raise ValueError(
                        f"the first stage makes latents of shape {tuple(encoded[path].shape)}, the score network expects "
                        f"{latent_shape(denoiser)}; use the --first-stage that the score network was trained with"
                    )
            run.write_latent(index, encoded[path])


def _decode_missing(runs: list[Run], denoiser: Denoiser, first_stage: nn.Module) -> None:
    """Save the images of latents that have none; one by one, so that an image depends on its own latent only."""
    for run in runs:
        for index in run.frames():
            if run.latent_path(index).is_file() and not run.image_path(index).is_file():
                latent = run.read_latent(index, latent_shape(denoiser)).to(device_of(denoiser))
                run.write_image(index, to_frame(first_stage.decode(latent[None])))


def _write_summaries(runs: list[Run], frames_per_second: float) -> None:
    for run in runs:
        if run.complete():
            run.write_summary(frames_per_second)


def _progress_bar(total: int, enabled: bool) -> tqdm:
    """A bar over network evaluations with the remaining time; away from a terminal, a line every half minute."""
    terminal = sys.stderr.isatty()
    interval = 0.1 if terminal else 30.0
    return tqdm(
        total=total,
        unit="eval",
        disable=not (enabled and total),
        mininterval=interval,
        maxinterval=max(10.0, interval),
        bar_format=None
        if terminal
        else "sampling: {percentage:.0f} %, {remaining} left, {rate_fmt}\n",
    )
