"""What frames are conditioned on: the views of a batch of frames, and the score given them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..diffusion.sde import noised_view
from ..models.denoiser import Denoiser
from ..models.score_network import Given
from ..utils.distributed import device_of, send
from ..utils.precision import autocast
from ..utils.random import generator
from .drawing import Drawing, Frame
from .method import Method


@dataclass(frozen=True)
class Views:
    """The conditioning views of a batch of frames, frame after frame."""

    counts: list[int]  # of each frame
    latents: Tensor  # (views, channels, size, size), at the noise levels `sigmas`
    sigmas: Tensor  # (views,)
    rays: tuple[
        Tensor, Tensor, Tensor
    ]  # ref, target, cond embeddings, each (views, ray channels, G, G)
    given: Given | None = None  # what each evaluation needs of all this, made once

    def one_each(self, rows: Tensor) -> "Views":
        """One view of each frame: those in these rows, (frames,) on the views' device."""
        latents, sigmas, *rays = (
            part.index_select(0, rows) for part in (self.latents, self.sigmas, *self.rays)
        )
        return Views([1] * len(rows), latents, sigmas, tuple(rays))

    def prepared(self, denoiser: Denoiser, method: Method) -> "Views":
        """These views, with what the network makes of them at any noise level of the target."""
        with autocast(self.latents.device, method.precision):
            given = denoiser.prepare(self.latents, self.rays, self.sigmas)
        return replace(self, given=given)


class ViewsInTurn:
    """What each evaluation sees: all views of each frame, or one at random (`method.views`)."""

    def __init__(
        self, batch: list[Frame], denoiser: Denoiser, method: Method, batch_size: int
    ) -> None:
        self.turns = None
        wanted: list[Sequence[int]] = [frame.views for frame in batch]
        if method.views == "random":
            drawn = [drawn_views(frame, method) for frame in batch]
            wanted = [sorted(set(views)) for views in drawn]
            self.turns = iter(send(rows_of(drawn, wanted), device_of(denoiser)))
        self.all = gather_views(batch, wanted, denoiser, method, batch_size)
        # What is prepared takes 50 MB a pair of the published network: of no more than one batch.
        if self.turns is None and len(self.all.latents) <= batch_size:
            self.all = self.all.prepared(denoiser, method)

    def next(self) -> Views:
        """The views of the next evaluation."""
        return self.all if self.turns is None else self.all.one_each(next(self.turns))


def rows_of(drawn: Sequence[Sequence[int]], kept: Sequence[Sequence[int]]) -> Tensor:
    """For each evaluation, where every frame's view is among all: (evaluations, frames) int64.

    drawn: a view of each frame for each evaluation. kept: the frames' views, as they are stored.
    """
    before = np.cumsum([0, *map(len, kept[:-1])])
    rows = [
        [first + views.index(view) for view in chosen]
        for first, views, chosen in zip(before, kept, drawn, strict=True)
    ]
    return torch.tensor(rows).T


def drawn_views(frame: Frame, method: Method) -> list[int]:
    """The frame's view for each evaluation of its score, drawn at random.

    Like its noise, the choice does not depend on the batch.
    """
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
    latents, sigmas = zip(*(_as_used(*pair, denoiser, method) for pair in pairs), strict=True)
    latents, sigmas = torch.stack(latents), torch.tensor(sigmas)
    targets, conds = (
        torch.from_numpy(np.stack([drawing.spec.poses[index] for drawing, index in chosen]))
        for chosen in zip(*(((one, index), (one, view)) for one, index, view in pairs), strict=True)
    )
    focal_y = torch.tensor([drawing.spec.focal_y for drawing, _, _ in pairs], dtype=targets.dtype)
    cameras = targets, conds, focal_y
    if device.type == "cuda":  # where rays are quicker made; other devices may know no float64
        cameras = [send(part, device) for part in cameras]
    parts = zip(*(part.split(batch_size) for part in cameras), strict=True)
    with autocast(device, method.precision):
        embedded = [denoiser.embed_cameras(*part) for part in parts]
    rays = tuple(torch.cat(parts).float() for parts in zip(*embedded, strict=True))
    counts = [len(views) for views in wanted]
    return Views(counts, send(latents, device), send(sigmas, device), rays)


def _as_used(
    drawing: Drawing, index: int, view: int, denoiser: Denoiser, method: Method
) -> tuple[Tensor, float]:
    """A view's latent as frame `index` is conditioned on it, and its noise level.

    A given frame is clean. A generated one has noise that depends on seed, run and both frames.
    """
    latent, diffusion = drawing.latents[view], denoiser.config.diffusion
    sigma = method.sigma_cond or diffusion.sigma_cond or diffusion.sigma_min
    if view in drawing.spec.given or sigma == diffusion.sigma_min:
        return latent, diffusion.sigma_min
    source = generator(method.seed, "view noise", drawing.run, index, view)
    noise = torch.from_numpy(source.standard_normal(latent.shape, np.float32))
    return noised_view(latent, noise, torch.tensor(sigma), diffusion.sigma_min), sigma


def mean_score(
    denoiser: Denoiser, x: Tensor, sigma: Tensor, views: Views, method: Method, batch_size: int
) -> Tensor:
    """The score of each frame, averaged over its views: (frames, channels, size, size), float32.

    As published, several views enter as the mean of the scores given each alone. x: shaped like the
    result. sigma: 0-dim.
    """
    # Not repeat_interleave: on a GPU it would wait for the counts.
    x = torch.cat(
        [one.expand(count, -1, -1, -1) for one, count in zip(x.split(1), views.counts, strict=True)]
    )
    sigmas = sigma.expand(len(x))
    with autocast(x.device, method.precision):
        if views.given is not None:
            scores = [denoiser.score_given(x, sigmas, views.given).float()]
        else:
            inputs = x, views.latents, sigmas, views.sigmas, *views.rays
            parts = zip(*(tensor.split(batch_size) for tensor in inputs), strict=True)
            scores = [
                denoiser.score(part_x, part_views, level, tuple(rays), cond_level).float()
                for part_x, part_views, level, cond_level, *rays in parts
            ]
    if max(views.counts) == 1:
        return torch.cat(scores)
    # Not index_add: on a GPU its order of summation, and so its rounding, changes from call to
    # call.
    return torch.stack([of_frame.mean(dim=0) for of_frame in torch.cat(scores).split(views.counts)])
