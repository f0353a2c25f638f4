"""Sample pictures to watch a training by."""

import torch
from torch import Tensor, nn

from ..diffusion.registry import default_sampler, find_sampler
from ..diffusion.sde import VarianceExploding
from ..models import Denoiser
from ..utils.random import generator


@torch.inference_mode()
def sample_grid(
    denoiser: Denoiser,
    first_stage: nn.Module,
    target: Tensor,
    cond: Tensor,
    cameras: dict[str, Tensor],
    seed: int,
) -> Tensor:
    """A picture (3, 3 S, n S) in [0, 1]: given views above, then generated ones, true ones below.

    target, cond: latents (n, c, L, L); cameras: target_pose, cond_pose (n, 4, 4) and focal_y (n,).
    """
    source = generator(seed, "sample grid")
    sde = VarianceExploding.from_config(denoiser.config.diffusion)
    rays = denoiser.embed_cameras(**cameras)

    def noise(shape: torch.Size) -> Tensor:
        return torch.from_numpy(source.standard_normal(shape, dtype="float32")).to(target)

    sampler = find_sampler(default_sampler(denoiser.config.diffusion.trained_for))
    generated = sampler.function(
        lambda x, sigma: denoiser.score(x, cond, sigma, rays),
        noise(target.shape) * sde.sigma_max,
        sde,
        sampler.steps,
        noise=noise,
    )
    rows = [
        torch.cat(list(first_stage.decode(latents)), dim=-1)
        for latents in (cond, generated, target)
    ]
    return (torch.cat(rows, dim=-2).clamp(-1, 1) + 1) / 2
