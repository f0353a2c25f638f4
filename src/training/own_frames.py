"""Frames that a score network made itself, to train on as conditioning views.

Along a path a network is conditioned on frames that it made, one after the other. These have its
own marks, which true frames don't show it. Here such frames are made for sequences of the training
data, and stored (`data.own_frames`). A part of the pairs then has them as views (`data.own_share`).

Each frame is begun from the true one with noise, so its content stays true, and only the manner is
the network's. It is conditioned on the own frame before it, and so marks add up as along a path.
The level of these views is that of sampling.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from ..datasets.latents import LatentPairDataset
from ..datasets.own_frames import write_own_frames
from ..datasets.pairs import Pair
from ..diffusion.registry import default_sampler, find_sampler
from ..diffusion.sde import VarianceExploding, noised_view
from ..models.denoiser import Denoiser
from ..utils.distributed import device_of
from ..utils.progress import progress_bar
from ..utils.random import generator

TOGETHER, TOGETHER_ON_GPU = 32, 512  # sequences whose frames are made in one batch


@torch.inference_mode()
def make_own_frames(
    pairs: LatentPairDataset,
    path: Path,
    denoiser: Denoiser,
    sequences: int,
    *,
    sigma: float = 2.0,
    steps: int = 8,
    seed: int = 0,
) -> int:
    """Write own frames of the first `sequences` of the training data; returns how many frames.

    The first frame of a sequence has none. sigma: the noise level that frames are begun at. steps:
    of the default sampler of the weights. Noise depends on the seed, sequence and frame alone.
    """
    chosen = pairs.numbers[:sequences].tolist()
    places: list[tuple[int, int]] = []
    latents: list[Tensor] = []
    with progress_bar(len(chosen), "own frames", " sequences") as bar:
        together = TOGETHER if device_of(denoiser).type == "cpu" else TOGETHER_ON_GPU
        for start in range(0, len(chosen), together):
            numbers = chosen[start : start + together]
            before: dict[int, Tensor] = {}  # each sequence's own frame before this one
            for frame in range(1, max(pairs.usable(number) for number in numbers)):
                going = [number for number in numbers if frame < pairs.usable(number)]
                made = _frames(pairs, going, frame, before, denoiser, sigma, steps, seed)
                before = dict(zip(going, made, strict=True))
                places += [(number, frame) for number in going]
                latents.append(made.half())
            bar.update(len(numbers))
    write_own_frames(path, pairs.poses_file, places, torch.cat(latents).numpy())
    return len(places)


def _frames(
    pairs: LatentPairDataset,
    numbers: list[int],
    frame: int,
    before: dict[int, Tensor],
    denoiser: Denoiser,
    sigma: float,
    steps: int,
    seed: int,
) -> Tensor:
    """This frame of some sequences, (n, c, L, L) float32 on the CPU, each from the one before."""
    device, diffusion = device_of(denoiser), denoiser.config.diffusion
    batch = default_collate([pairs.load(Pair(number, frame, frame - 1)) for number in numbers])
    views = [before.get(number, batch["cond_latent"][row]) for row, number in enumerate(numbers)]
    sources = [generator(seed, "own frame", number, frame) for number in numbers]
    shape = batch["target_latent"].shape[1:]
    drawn = np.stack([source.standard_normal(shape, np.float32) for source in sources])
    cameras = {name: batch[name].to(device) for name in ("target_pose", "cond_pose", "focal_y")}
    level = torch.full((len(numbers),), diffusion.sigma_cond or diffusion.sigma_min)
    view_noise = torch.from_numpy(np.stack([source.standard_normal(shape) for source in sources]))
    view = noised_view(torch.stack(views), view_noise.float(), level, diffusion.sigma_min)
    rays = denoiser.embed_cameras(**cameras)
    given = denoiser.prepare(view.to(device), rays, level.to(device))
    begun = (batch["target_latent"] + sigma * torch.from_numpy(drawn)).to(device)
    sde = VarianceExploding.from_config(diffusion)
    sampler = find_sampler(default_sampler(diffusion.trained_for)).function

    def noise(shape: torch.Size) -> Tensor:
        more = np.stack([source.standard_normal(shape[1:], np.float32) for source in sources])
        return torch.from_numpy(more)

    # A sampler scales its start, which is at the process's highest level, down to its own.
    prior = begun * (sde.sigma_max / sigma)
    score = denoiser.score_given
    made = sampler(
        lambda x, level: score(x, level, given), prior, sde, steps, noise=noise, sigma_max=sigma
    )
    return made.float().cpu()
