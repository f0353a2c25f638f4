"""Consistency tuning: a network that leads from any noise level to the clean sample in one step.

A consistency function f(x, sigma) is the end of the probability flow that passes x at level sigma
(Song et al. 2023, arXiv 2303.01469). Tuning asks that it be the same at two neighbouring levels of
one flow. The flow between them is taken from the clean sample and one draw of noise. The levels
come nearer in stages, so that a trained denoiser, which is f for a jump to level 0, becomes f.
That is "Consistency Models Made Easy", Geng et al. 2024, arXiv 2406.14548.

f is x + sigma^2 * score, of either preconditioning. At sigma = 0 that is x, as it has to be.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..config import ConsistencyConfig
from ..model_config import ModelConfig
from .sde import column

# Of the loss's rounded tip, times the square root of a sample's elements (Song and Dhariwal 2024,
# arXiv 2310.14189, section 3.3).
ROUNDING = 0.00054


def stage_of(step: int, steps: int, settings: ConsistencyConfig) -> int:
    """The stage, from 0, of an optimizer step (from 0) of `steps`."""
    return min(step * settings.stages // steps, settings.stages - 1)


def lower_levels(
    sigma: Tensor, stage: int, settings: ConsistencyConfig, sigma_min: float
) -> Tensor:
    """The lower noise level of each pair, shaped like `sigma`, the upper ones.

    It is sigma (1 - n(sigma) / shrinkage^(stage + 1)), n = 1 + wide * sigmoid(-wide_slope * sigma)
    (section 3.2 of the paper). Below sigma_min, which no network learns, it is 0.
    """
    wide = 1 + settings.wide * torch.sigmoid(-settings.wide_slope * sigma)
    lower = sigma * (1 - wide / settings.shrinkage ** (stage + 1))
    return torch.where(lower < sigma_min, 0, lower)


def consistency_loss(
    score: Callable[[Tensor, Tensor], Tensor],
    clean: Tensor,
    noise: Tensor,
    sigma: Tensor,
    lower: Tensor,
    config: ModelConfig,
    exponent: float = 0.5,
) -> Tensor:
    """One value a sample, (n,): how much f differs between levels `sigma` and `lower`, both (n,).

    score, clean, noise: as for `score_matching_loss`. f at the lower level is a constant; at level
    0 it is `clean`. The distance is sqrt(||difference||^2 + c^2) - c. It is weighted by the
    `exponent`-th power of what weights the score's squared distance: 1 / sigma^2 ("published") or
    1 / sigma^2 + 1 / sigma_data^2 ("edm").
    """
    reached = _consistent(score, clean, noise, sigma)
    with torch.no_grad():
        # Any level will do where the result is not used.
        goal = _consistent(score, clean, noise, torch.where(lower > 0, lower, sigma))
        goal = torch.where(column(lower, clean) > 0, goal, clean)
    difference = reached - goal
    rounding = ROUNDING * math.sqrt(clean[0].numel())
    distance = (difference.square().flatten(1).sum(1) + rounding**2).sqrt() - rounding
    weight = sigma.square().reciprocal()
    if config.diffusion.weighting == "edm":
        weight = weight + config.denoiser.sigma_data**-2
    return weight**exponent * distance


def _consistent(
    score: Callable[[Tensor, Tensor], Tensor], clean: Tensor, noise: Tensor, sigma: Tensor
) -> Tensor:
    """f of a clean sample with noise at level sigma (n,).

    It is clean + sigma * (noise + sigma * score), so that large numbers don't cancel out late.
    """
    level = column(sigma, clean)
    return clean + level * (noise + level * score(clean + level * noise, sigma))
