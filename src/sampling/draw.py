"""Drawing the frames of a path in memory: batches of frames, their views, their noise.

Nothing is read or written here. `runs` stores frames, and `trajectory` ties both.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..diffusion.levels import Step
from ..diffusion.registry import find_sampler
from ..diffusion.sde import VarianceExploding
from ..models.denoiser import Denoiser
from ..utils.distributed import device_of, send
from ..utils.images import read_square
from ..utils.pictures import to_frame, to_tensor
from ..utils.random import generator
from .batches import batches
from .drawing import Drawing, Frame
from .method import Method
from .views import ViewsInTurn, mean_score

MOST_NUMBERS = 2**21  # of noise that are drawn at once, 8 MB


class Drawn(NamedTuple):
    """A frame that has just been drawn."""

    frame: Frame
    latent: Tensor  # (channels, size, size) float32 on the CPU
    image: np.ndarray  # (height, width, 3) uint8


class Progress(NamedTuple):
    """How far the frames that are being drawn are."""

    frames: list[Frame]  # drawn together
    step: Step  # `step.denoised` (frames, channels, size, size): how each frame looks as yet
    steps: int  # in all
    pairs: int  # (frame, view) pairs in each evaluation of this step, of frames that are new


def draw(
    drawings: Sequence[Drawing],
    denoiser: Denoiser,
    first_stage: nn.Module,
    method: Method,
    batch_size: int = 8,
    watch: Callable[[Progress], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[Drawn]:
    """Draw all frames that the drawings lack, and yield each as soon as it is done.

    batch_size: (frame, view) pairs in one network evaluation; frames of all drawings share batches.
    watch: called after each step of the sampler. stop: asked before each evaluation. Once it is
    true, drawing ends, and the frames in work are lost.

    A frame's noise depends on seed, run number and pose index alone. Drawn in another batch or on
    another device it is the same frame up to the network's rounding. Batches depend on the paths
    of `drawings` alone. So on a CPU it does not matter to any bit when drawing was stopped.
    Raises ValueError if the device has too little memory, or the method does not fit the weights.
    """
    method = method.fitted(denoiser.config)
    for batch in batches(drawings, method, batch_size):
        try:
            latents = draw_batch(batch, denoiser, method, batch_size, watch, stop)
        except Stopped:
            return
        except torch.OutOfMemoryError as error:
            pairs = sum(method.pairs(len(frame.views)) for frame in batch)
            raise ValueError(
                f"the device's memory is not enough for a batch of {min(batch_size, pairs)}; "
                "use a smaller --batch-size or --precision bfloat16"
            ) from error
        stored = latents.float().cpu()
        new = [number for number, frame in enumerate(batch) if not frame.exists]
        for number in new:
            batch[number].drawing.latents[batch[number].index] = stored[number]
        for number in new:
            yield Drawn(batch[number], stored[number], decode(first_stage, latents[number]))


@torch.inference_mode()
def encode(first_stage: nn.Module, photo: str | Path, denoiser: Denoiser) -> Tensor:
    """The latent (channels, size, size) float32, on the CPU, of a photo's centre square.

    Raises ValueError for a first stage of other latents than the denoiser's.
    """
    image = to_tensor(read_square(photo, denoiser.config.first_stage.image_size))
    latent = first_stage.encode(image.to(device_of(denoiser)))[0].float().cpu()
    expected = denoiser.config.latent_shape
    if latent.shape != expected:
        raise ValueError(
            f"the first stage makes latents of shape {tuple(latent.shape)}, the denoiser "
            f"expects {expected}; use the --first-stage that the denoiser was trained with"
        )
    return latent


@torch.inference_mode()
def decode(first_stage: nn.Module, latent: Tensor) -> np.ndarray:
    """The image (height, width, 3) uint8 of a latent (channels, size, size).

    One by one, so that an image depends on its own latent only. Of eight together some bytes differ
    by one on two threads of a CPU, where it takes no less time (64 and 66 ms each on one thread).
    """
    return to_frame(first_stage.decode(latent[None]))


class Stopped(Exception):
    """Drawing was asked to end."""


@torch.inference_mode()
def draw_batch(
    batch: list[Frame],
    denoiser: Denoiser,
    method: Method,
    batch_size: int,
    watch: Callable[[Progress], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Tensor:
    """Draw the latents of several frames together: (frames, channels, size, size) float32.

    The arguments are those of `draw`. Raises Stopped if `stop` says so.

    Several views of a frame enter by `method.views`. "random" is the stochastic conditioning of
    3DiM (Watson et al. 2023, arXiv 2210.04628, section 3.2), a view drawn anew for each evaluation.
    """
    sde = VarianceExploding.from_config(denoiser.config.diffusion)
    shape, device = denoiser.config.latent_shape, device_of(denoiser)
    draws = frame_noise(batch, method.seed, shape, device)
    views = ViewsInTurn(batch, denoiser, method, batch_size)

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        if stop and stop():
            raise Stopped
        return mean_score(denoiser, x, sigma, views.next(), method, batch_size)

    new = sum(method.pairs(len(frame.views)) for frame in batch if not frame.exists)

    def report(step: Step) -> None:
        watch(Progress(batch, step, method.steps, new))

    prior = next(draws) * sde.sigma_max
    options = method.options | {"callback": report if watch else None}
    sampler = find_sampler(method.sampler).function
    return sampler(score, prior, sde, method.steps, noise=lambda shape: next(draws), **options)


def frame_noise(
    batch: list[Frame], seed: int, shape: tuple[int, ...], device: torch.device
) -> Iterator[Tensor]:
    """Draws of unit variance for a batch, without end: each (frames, *shape) float32.

    Each frame has a generator of its own. Many draws are made at once, and more each time, as
    samplers take between one draw and thousands.
    """
    sources = [generator(seed, "frame", frame.drawing.run, frame.index) for frame in batch]
    draws, most = 1, max(1, MOST_NUMBERS // (len(batch) * math.prod(shape)))
    while True:
        block = [source.standard_normal((draws, *shape), np.float32) for source in sources]
        yield from send(torch.from_numpy(np.stack(block, axis=1)), device)
        draws = min(2 * draws, most)
