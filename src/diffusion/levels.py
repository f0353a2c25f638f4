"""Noise levels to step through, and what a score says at one of them."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .sde import VarianceExploding

Score = Callable[[Tensor, Tensor], Tensor]  # of a sample and a noise level, a 0-dim tensor
ScoreAt = Callable[[Tensor, float], Tensor]  # of a sample and a noise level, a number


class Step(NamedTuple):
    """What a sampler's callback gets after a step."""

    number: int  # from 1
    sigma: float  # the noise level that the step began at
    denoised: Tensor  # the expected clean sample, as seen from there; shaped like the sample


Callback = Callable[[Step], object]


def karras_schedule(
    steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0
) -> list[float]:
    """`steps` noise levels falling from sigma_max to sigma_min, and 0 (EDM, equation 5).

    rho = 7 favours the low levels. One step is sigma_max alone.
    Raises ValueError unless steps >= 1 and 0 < sigma_min <= sigma_max.
    """
    check_steps(steps)
    if not 0 < sigma_min <= sigma_max < math.inf:
        raise ValueError(
            f"noise levels: found {sigma_min} to {sigma_max}; expected 0 < sigma_min <= sigma_max"
        )
    ends = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    roots = torch.linspace(*ends, steps, dtype=torch.float64)
    return [*(roots**rho).tolist(), 0.0]


def start(
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    sigma_min: float | None,
    sigma_max: float | None,
    rho: float,
) -> tuple[Tensor, list[float]]:
    """The sample at the first level, and the levels; None stands for the process's end."""
    sigma_min = sde.sigma_min if sigma_min is None else sigma_min
    sigma_max = sde.sigma_max if sigma_max is None else sigma_max
    levels = karras_schedule(steps, sigma_min, sigma_max, rho)
    return prior * (sigma_max / sde.sigma_max), levels


def at_numbers(score: Score) -> ScoreAt:
    """`score` of a level given as a number; the result has x's precision, not the network's."""
    # Filled on the device: a number that is copied there would make a GPU wait.
    return lambda x, sigma: score(x, x.new_full((), sigma)).to(x.dtype)


def denoised(x: Tensor, sigma: float, score_at: ScoreAt) -> Tensor:
    """The expected clean sample given `x` at noise level `sigma` (Tweedie's formula)."""
    return x + sigma**2 * score_at(x, sigma)


def check_steps(steps: int) -> None:
    """Raise ValueError for less than one step."""
    if steps < 1:
        raise ValueError(f"steps: found {steps}; expected at least 1")
