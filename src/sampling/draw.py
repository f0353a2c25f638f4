"""Drawing the frames of a path in memory: what is drawn together, conditioned on what, with which noise.

Nothing is read or written here. `runs` stores frames, and `trajectory` ties both.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..cameras.spec import SamplingSpec
from ..diffusion.levels import Step
from ..diffusion.registry import find_sampler
from ..diffusion.sde import VarianceExploding
from ..models.denoiser import Denoiser
from ..utils.distributed import device_of
from ..utils.pictures import read_square, to_frame, to_tensor
from ..utils.precision import autocast
from ..utils.random import generator
from .method import Method


@dataclass(eq=False)
class Drawing:
    """One drawing of a path's frames: its cameras, and the latents of the frames that exist already."""

    spec: SamplingSpec
    latents: dict[int, Tensor]  # (channels, size, size) float32 on the CPU, by pose index; grows
    run: int = 0  # number; another one gives other frames

    def waiting(self) -> list["Frame"]:
        """The frames that do not exist yet, in the order in which they are made."""
        order = self.spec.generation_order
        return [Frame(self, index) for index in order if index not in self.latents]


class Frame(NamedTuple):
    """A frame of a drawing, by its pose's index."""

    drawing: Drawing
    index: int

    @property
    def views(self) -> tuple[int, ...]:
        """Indices of the frames that it is conditioned on."""
        return self.drawing.spec.dependencies[self.index]


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
    pairs: int  # (frame, view) pairs in each evaluation of this step


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

    batch_size: (frame, view) pairs in one network evaluation; frames of all drawings share batches. A frame's noise
    depends on seed, run number and pose index alone: drawn in another batch or on another device it is
    the same frame up to the network's rounding.
    watch: called after each step of the sampler. stop: asked before each evaluation; once it is true, drawing ends,
    and the frames in work are lost. Raises ValueError if the device has too little memory.
    """
    waiting = [frame for drawing in drawings for frame in drawing.waiting()]
    while waiting:
        batch = next_batch(waiting, method, batch_size)
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
        waiting = [frame for frame in waiting if frame not in batch]
        for frame, latent in zip(batch, latents, strict=True):
            frame.drawing.latents[frame.index] = latent.float().cpu()
        for frame, latent in zip(batch, latents, strict=True):
            yield Drawn(frame, frame.drawing.latents[frame.index], decode(first_stage, latent))


def encode(first_stage: nn.Module, photo: object, denoiser: Denoiser) -> Tensor:
    """The latent (channels, size, size) of a photo's centre square; photo: an image file.

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


def decode(first_stage: nn.Module, latent: Tensor) -> np.ndarray:
    """The image (height, width, 3) uint8 of a latent (channels, size, size).

    One by one, so that an image depends on its own latent only.
    """
    return to_frame(first_stage.decode(latent[None]))


def next_batch(waiting: list[Frame], method: Method, batch_size: int) -> list[Frame]:
    """The first of `waiting` whose views all exist: at most `batch_size` pairs an evaluation, but always one frame."""
    batch: list[Frame] = []
    room = batch_size
    for frame in waiting:
        pairs = method.pairs(len(frame.views))
        fits = pairs <= room or not batch
        if fits and all(view in frame.drawing.latents for view in frame.views):
            batch.append(frame)
            room -= pairs
        if room <= 0:
            break
    return batch


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
    """Draw the latents of several frames together: (frames, channels, size, size) float32. As `draw`; may raise Stopped.

    Several views of a frame enter by `method.views`. "random" is the stochastic conditioning of 3DiM (Watson et
    al. 2023, arXiv 2210.04628, section 3.2), a view drawn anew for each evaluation.
    """
    sde = VarianceExploding.from_config(denoiser.config.diffusion)
    noise = frame_noise(batch, method.seed)
    views = ViewsInTurn(batch, denoiser, method, batch_size)

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        if stop and stop():
            raise Stopped
        return mean_score(denoiser, x, sigma, views.next(), method, batch_size)

    def report(step: Step) -> None:
        watch(Progress(batch, step, method.steps, views.pairs))

    shape = (len(batch), *denoiser.config.latent_shape)
    prior = noise(shape).to(device_of(denoiser)) * sde.sigma_max
    options = method.options | {"callback": report if watch else None}
    sampler = find_sampler(method.sampler).function
    return sampler(score, prior, sde, method.steps, noise=noise, **options)


def frame_noise(batch: list[Frame], seed: int) -> Callable[[tuple[int, ...]], Tensor]:
    """noise(shape) for a batch: unit variance, (frames, …) float32 on the CPU, each frame's from a generator of its own."""
    sources = [generator(seed, "frame", frame.drawing.run, frame.index) for frame in batch]

    def noise(shape: tuple[int, ...]) -> Tensor:
        size = tuple(shape[1:])
        return torch.from_numpy(
            np.stack([source.standard_normal(size, np.float32) for source in sources])
        )

    return noise


@dataclass(frozen=True)
class Views:
    """The conditioning views of a batch of frames: those of the first frame, then those of the second, …"""

    counts: list[int]  # of each frame
    latents: Tensor  # (views, channels, size, size)
    rays: tuple[
        Tensor, Tensor, Tensor
    ]  # ref, target, cond embeddings, each (views, ray channels, G, G)

    def one_each(self, numbers: Sequence[int]) -> "Views":
        """Of each frame's views the one with this number, from 0."""
        rows = np.cumsum([0, *self.counts[:-1]]) + numbers
        ref, target, cond = (part[rows] for part in self.rays)
        return Views([1] * len(rows), self.latents[rows], (ref, target, cond))


class ViewsInTurn:
    """What each evaluation sees: all views of each frame, or with `method.views` "random" one of them."""

    def __init__(
        self, batch: list[Frame], denoiser: Denoiser, method: Method, batch_size: int
    ) -> None:
        self.turns = None
        wanted: list[Sequence[int]] = [frame.views for frame in batch]
        if method.views == "random":
            drawn = [drawn_views(frame, method) for frame in batch]
            wanted = [sorted(set(views)) for views in drawn]
            places = [
                [kept.index(view) for view in views]
                for kept, views in zip(wanted, drawn, strict=True)
            ]
            self.turns = zip(
                *places, strict=True
            )  # for each evaluation, which view every frame sees
        self.pairs = sum(method.pairs(len(frame.views)) for frame in batch)
        self.all = gather_views(batch, wanted, denoiser, method, batch_size)

    def next(self) -> Views:
        """The views of the next evaluation."""
        return self.all if self.turns is None else self.all.one_each(next(self.turns))


def drawn_views(frame: Frame, method: Method) -> list[int]:
    """The frame's view for each evaluation of its score, drawn at random; like its noise it does not depend on the batch."""
    choice = generator(method.seed, "view", frame.drawing.run, frame.index)
    return [frame.views[choice.integers(len(frame.views))] for _ in range(method.evaluations)]


def gather_views(
    batch: list[Frame],
    wanted: Sequence[Sequence[int]],
    denoiser: Denoiser,
    method: Method,
    batch_size: int,
) -> Views:
    """Latents and ray embeddings of each frame's `wanted` views, `batch_size` at a time.

    The rays depend on the cameras only, so once a frame is enough.
    """
    device = device_of(denoiser)
    pairs = [
        (frame.drawing, frame.index, view)
        for frame, views in zip(batch, wanted, strict=True)
        for view in views
    ]
    latents = torch.stack([drawing.latents[view] for drawing, _, view in pairs])
    targets, conds = (
        torch.from_numpy(np.stack([drawing.spec.poses[index] for drawing, index in chosen]))
        for chosen in zip(*(((one, index), (one, view)) for one, index, view in pairs), strict=True)
    )
    focal_y = torch.tensor([drawing.spec.focal_y for drawing, _, _ in pairs], dtype=targets.dtype)
    cameras = zip(*(part.split(batch_size) for part in (targets, conds, focal_y)), strict=True)
    with autocast(device, method.precision):
        embedded = [denoiser.embed_cameras(*part) for part in cameras]
    ref, target, cond = (torch.cat(parts).float() for parts in zip(*embedded, strict=True))
    return Views([len(views) for views in wanted], latents.to(device), (ref, target, cond))


def mean_score(
    denoiser: Denoiser, x: Tensor, sigma: Tensor, views: Views, method: Method, batch_size: int
) -> Tensor:
    """The score of each frame, averaged over its views: (frames, channels, size, size), float32.

    As published, several views enter as the mean of the scores given each alone. x: shaped like the result. sigma: 0-dim.
    """
    counts = torch.tensor(views.counts, device=x.device)
    inputs = x.repeat_interleave(counts, dim=0), views.latents, *views.rays
    scores = []
    for part_x, part_views, *rays in zip(
        *(tensor.split(batch_size) for tensor in inputs), strict=True
    ):
        with autocast(x.device, method.precision):
            part = denoiser.score(part_x, part_views, sigma.expand(len(part_x)), tuple(rays))
        scores.append(part.float())
    if max(views.counts) == 1:
        return torch.cat(scores)
    # Not index_add: on a GPU its order of summation, and so its rounding, changes from call to call.
    return torch.stack([of_frame.mean(dim=0) for of_frame in torch.cat(scores).split(views.counts)])
