"""Drawing frames: which can be drawn together, what they are conditioned on, their noise, and the sampler on top of it.

Nothing is written here; `sampling.py` decides what is to be drawn and keeps it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .diffusion.samplers import DEFAULT_SAMPLER, find_sampler
from .diffusion.sde import VarianceExploding
from .models import Denoiser
from .sampling_outputs import Run
from .utils.random import generator

VIEWS = "average", "random"
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Method:
    """How frames are drawn; it is recorded with them."""

    sampler: str  # a name in SAMPLERS
    steps: int  # noise levels
    seed: int
    precision: (
        str  # of the score network; the sampler's own arithmetic and the first stage are float32
    )
    views: str  # of several conditioning views: average of their scores, as published; or random: another one each time
    options: dict[str, float] = field(default_factory=dict)  # of the sampler

    @property
    def evaluations(self) -> int:
        """Evaluations of the score for one frame."""
        return find_sampler(self.sampler).evaluations(self.steps)

    def autocast(self, device: torch.device) -> AbstractContextManager:
        """The context in which the score network runs."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(device.type, PRECISIONS[self.precision])

    def pairs(self, frame: "Frame") -> int:
        """(frame, view) pairs in one evaluation of the frame's score."""
        return 1 if self.views == "random" else len(frame.views)


def choose_method(
    sampler: str = DEFAULT_SAMPLER,
    steps: int | None = None,
    seed: int = 0,
    precision: str = "float32",
    views: str = "average",
    options: dict[str, float] | None = None,
) -> Method:
    """A method, checked; steps None: the sampler's default. Raises ValueError naming what is wrong."""
    found = find_sampler(sampler)
    steps = found.steps if steps is None else steps
    unknown = [name for name in options or {} if name not in found.options()]
    if unknown:
        raise ValueError(
            f"sampler {sampler}: found the option {unknown[0]}, expected {', '.join(found.options())}"
        )
    if steps < 1 or seed < 0:
        raise ValueError(
            f"steps {steps}, seed {seed}: expected steps of at least 1 and a seed of at least 0"
        )
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if views not in VIEWS:
        raise ValueError(f"views {views!r}: expected one of {', '.join(VIEWS)}")
    return Method(sampler, steps, seed, precision, views, dict(options or {}))


class Frame(NamedTuple):
    """A frame to draw: the pose with this index, in this run."""

    run: Run
    index: int

    @property
    def views(self) -> tuple[int, ...]:
        """Indices of the frames that it is conditioned on."""
        return self.run.spec.dependencies[self.index]


@dataclass(frozen=True)
class Views:
    """The conditioning views of a batch of frames: those of the first frame, then those of the second, …"""

    counts: list[int]  # of each frame
    latents: Tensor  # (views, channels, size, size)
    rays: tuple[
        Tensor, Tensor, Tensor
    ]  # ref, target, cond embeddings, each (views, ray channels, size, size)

    def one_each(self, numbers: Sequence[int]) -> "Views":
        """Of each frame's views the one with this number, from 0."""
        rows = np.cumsum([0, *self.counts[:-1]]) + numbers
        ref, target, cond = (part[rows] for part in self.rays)
        return Views([1] * len(rows), self.latents[rows], (ref, target, cond))


def next_batch(waiting: list[Frame], method: Method, batch_size: int) -> list[Frame]:
    """The first of `waiting` whose views all exist: at most `batch_size` pairs an evaluation, but always one frame."""
    missing = set(waiting)
    batch: list[Frame] = []
    room = batch_size
    for frame in waiting:
        fits = method.pairs(frame) <= room or not batch
        if fits and not any(Frame(frame.run, view) in missing for view in frame.views):
            batch.append(frame)
            room -= method.pairs(frame)
        if room <= 0:
            break
    return batch


def draw_frames(
    batch: list[Frame],
    denoiser: Denoiser,
    method: Method,
    batch_size: int,
    progress: Callable[[int], object],
) -> Tensor:
    """Draw the latents of several frames together: (frames, channels, size, size) float32.

    Several views of a frame enter by `method.views`: "random" is the stochastic conditioning of 3DiM (Watson et al. 2023,
    arXiv 2210.04628, section 3.2), a view drawn anew for each evaluation.
    batch_size: (frame, view) pairs in one network evaluation; progress(n): called when n more pairs are to be evaluated.
    Raises ValueError if the device has too little memory.
    """
    sde = VarianceExploding.from_config(denoiser.config.diffusion)
    noise = frame_noise(batch, method.seed)
    wanted: list[Sequence[int]] = [frame.views for frame in batch]
    if method.views == "random":
        drawn = [drawn_views(frame, method) for frame in batch]
        wanted = [sorted(set(views)) for views in drawn]
        places = [
            [kept.index(view) for view in views] for kept, views in zip(wanted, drawn, strict=True)
        ]
        turns = zip(
            *places, strict=True
        )  # for each evaluation, which of its views every frame sees

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        chosen = views.one_each(next(turns)) if method.views == "random" else views
        progress(len(chosen.latents))
        return mean_score(denoiser, x, sigma, chosen, method, batch_size)

    try:
        views = gather_views(batch, wanted, denoiser, method, batch_size)
        prior = noise((len(batch), *latent_shape(denoiser))).to(device_of(denoiser)) * sde.sigma_max
        return find_sampler(method.sampler).function(
            score, prior, sde, method.steps, noise=noise, **method.options
        )
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"the device's memory is not enough for a batch of {min(batch_size, sum(map(method.pairs, batch)))}; use a smaller "
            "--batch-size or --precision bfloat16"
        ) from error


def frame_noise(batch: list[Frame], seed: int) -> Callable[[tuple[int, ...]], Tensor]:
    """noise(shape) for a batch: unit variance, (frames, …) float32 on the CPU, each frame's from a generator of its own.

    A frame's noise depends on seed, run number and pose index only: not on its batch, the device or an interruption.
    """
    sources = [generator(seed, "frame", frame.run.number, frame.index) for frame in batch]

    def noise(shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(
            np.stack([source.standard_normal(tuple(shape[1:]), np.float32) for source in sources])
        )

    return noise


def drawn_views(frame: Frame, method: Method) -> list[int]:
    """The frame's view for each evaluation of its score, drawn at random; like its noise it does not depend on the batch."""
    choice = generator(method.seed, "view", frame.run.number, frame.index)
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
        (frame.run, frame.index, view)
        for frame, views in zip(batch, wanted, strict=True)
        for view in views
    ]
    latents = torch.stack([run.read_latent(view, latent_shape(denoiser)) for run, _, view in pairs])
    targets = torch.from_numpy(np.stack([run.spec.poses[index] for run, index, _ in pairs]))
    conds = torch.from_numpy(np.stack([run.spec.poses[view] for run, _, view in pairs]))
    focal_y = torch.tensor([run.spec.focal_y for run, _, _ in pairs], dtype=targets.dtype)
    cameras = zip(*(part.split(batch_size) for part in (targets, conds, focal_y)), strict=True)
    with method.autocast(device):
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
        with method.autocast(x.device):
            scores.append(
                denoiser.score(part_x, part_views, sigma.expand(len(part_x)), tuple(rays)).float()
            )
    if max(views.counts) == 1:
        return torch.cat(scores)
    # Not index_add: on a GPU its order of summation, and so its rounding, changes from call to call.
    return torch.stack([of_frame.mean(dim=0) for of_frame in torch.cat(scores).split(views.counts)])


def device_of(denoiser: Denoiser) -> torch.device:
    """Where the network is."""
    return next(denoiser.parameters()).device


def latent_shape(denoiser: Denoiser) -> tuple[int, int, int]:
    """(channels, size, size) of a frame's latent."""
    settings = denoiser.config.denoiser
    return settings.latent_channels, settings.latent_size, settings.latent_size
