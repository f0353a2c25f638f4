"""Sampling with a network that consistency tuning made (`diffusion.consistency`)."""

from itertools import pairwise

import torch
from torch import Tensor

from .levels import Callback, Score, Step, at_numbers, denoised, start
from .samplers import Noise
from .sde import VarianceExploding


@torch.no_grad()
def consistency(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise | None = None,
    *,
    sigma_last: float = 0.5,
    sigma_max: float | None = None,
    rho: float = 7.0,
    callback: Callback | None = None,
) -> Tensor:
    """Multistep consistency sampling (Song et al. 2023, algorithm 1); `steps` evaluations.

    An evaluation leads from its level to a clean sample. Noise leads from there to the next level.
    Levels are those of `karras_schedule` from sigma_max to `sigma_last`. One step is sigma_max
    alone and needs no noise. Arguments: as for all `samplers`.
    """
    if steps > 1 and noise is None:
        raise ValueError(f"consistency: {steps} steps add noise; pass noise, or 1 step")
    score_at = at_numbers(score)
    x, levels = start(prior, sde, steps, sigma_last, sigma_max, rho)
    for number, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        x = denoised(x, sigma, score_at)
        if callback:
            callback(Step(number, sigma, x))
        if sigma_next > 0:
            x = x + sigma_next * noise(x.shape).to(x)
    return x
