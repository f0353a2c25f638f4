"""Samplers of the variance-exploding process: one function each, all with the same first arguments.

score(x, sigma): the score of the data at noise level `sigma` (a 0-dim tensor), shaped like x,
(batch, ...). prior: the start, (batch, ...), a draw of unit variance times `sde.sigma_max`.
Precision and device follow it. steps: noise levels, at least 1; the last step goes from the lowest
level to 0. How many evaluations of
    `score` they cost is said with each sampler.
noise(shape): a fresh draw of unit variance. Asked for only where noise is added, always in the same
order. callback(step): called after each step with a `Step`: its number, its noise level, the
denoised estimate.

All but `predictor_corrector` go down the noise levels of `karras_schedule`. `rho` bends it, and
`sigma_max` and `sigma_min` are its ends (default: those of the process). With a lower `sigma_max`
the prior is scaled down to it. Each sample of a batch is what it would be alone. Bad arguments
raise ValueError.

Sources: "EDM" is Karras et al. 2022, arXiv 2206.00364; "DPM-Solver++" is Lu et al. 2022, arXiv
2211.01095.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from .levels import Callback, Score, ScoreAt, Step, at_numbers, check_steps, denoised, start
from .sde import T_MIN, VarianceExploding

Noise = Callable[[torch.Size], Tensor]


@torch.no_grad()
def predictor_corrector(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise,
    *,
    snr: float = 0.075,
    callback: Callback | None = None,
) -> Tensor:
    """The published sampler; 2 * steps evaluations.

    Each level has a reverse-diffusion step and a Langevin step.

    Song et al. 2021 (arXiv 2011.13456), algorithms 2 and 4. Both evaluations of a step are labelled
    sigma(t) of the continuous time; the levels themselves are geometric. The Langevin step is 2
    (snr ||noise|| / ||score||)^2. The published system averages those norms over the batch, so that
    a sample depends on its neighbours. Here each sample has its own, which is the same for a batch
    of one. Returns the mean of the last Langevin step.
    """
    check_steps(steps)
    score_at = at_numbers(score)
    times = torch.linspace(1, T_MIN, steps, dtype=torch.float64).tolist()
    levels = [*sde.sigma(torch.linspace(1, 0, steps, dtype=torch.float64)).tolist(), 0.0]
    x = prior
    for number, (t, (sigma, sigma_next)) in enumerate(
        zip(times, pairwise(levels), strict=True), start=1
    ):
        variance = sigma**2 - sigma_next**2
        predicted = score_at(x, sde.sigma(t))
        if callback:
            callback(Step(number, sigma, x + sigma**2 * predicted))
        x = x + variance * predicted + math.sqrt(variance) * noise(x.shape).to(x)
        gradient, draw = score_at(x, sde.sigma(t)), noise(x.shape).to(x)
        steepness = _norm(gradient)
        step_size = 2 * (snr * _norm(draw) / steepness).square()
        # Where the score vanishes the ratio means nothing: no step.
        step_size = step_size.masked_fill(steepness == 0, 0)
        mean = x + step_size * gradient
        x = mean + (2 * step_size).sqrt() * draw
    return mean


@torch.no_grad()
def heun(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise | None = None,
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
    callback: Callback | None = None,
) -> Tensor:
    """Heun's method on the probability-flow equation (EDM, algorithm 1); 2 * steps - 1 evaluations.

    Deterministic: `noise` is never called.
    """
    score_at = at_numbers(score)
    x, levels = start(prior, sde, steps, sigma_min, sigma_max, rho)
    for number, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        x = _heun_step(x, sigma, sigma_next, score_at, number, callback)
    return x


@torch.no_grad()
def churn(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise,
    *,
    S_churn: float = 40.0,
    S_min: float = 0.05,
    S_max: float = 50.0,
    S_noise: float = 1.003,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
    callback: Callback | None = None,
) -> Tensor:
    """Heun's method with noise before each step (EDM, algorithm 2); 2 * steps - 1 evaluations.

    At levels in [S_min, S_max] the level is raised by the factor 1 + min(S_churn / steps, sqrt(2) -
    1), but not above the process's sigma_max, where `score` is unknown. S_noise scales what is
    added. Defaults: EDM's for ImageNet (table 5).
    """
    score_at = at_numbers(score)
    x, levels = start(prior, sde, steps, sigma_min, sigma_max, rho)
    for number, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        gamma = min(S_churn / steps, math.sqrt(2) - 1) if S_min <= sigma <= S_max else 0.0
        sigma_hat = min(sigma * (1 + gamma), max(sigma, sde.sigma_max))
        if sigma_hat > sigma:
            x = x + S_noise * math.sqrt(sigma_hat**2 - sigma**2) * noise(x.shape).to(x)
        x = _heun_step(x, sigma_hat, sigma_next, score_at, number, callback)
    return x


@torch.no_grad()
def ancestral(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise,
    *,
    eta: float = 1.0,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
    callback: Callback | None = None,
) -> Tensor:
    """Euler ancestral sampling, first order; `steps` evaluations.

    Each step goes below the next level and adds noise back up to it. At eta = 1 that is as much as
    the posterior q(x_next | x, clean) has (Ho et al. 2020, arXiv 2006.11239, equations 6 and 7, for
    this process); eta = 0 is Euler's method, without noise.
    """
    score_at = at_numbers(score)
    x, levels = start(prior, sde, steps, sigma_min, sigma_max, rho)
    for number, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        sigma_up = min(sigma_next, eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2))
        sigma_down = math.sqrt(sigma_next**2 - sigma_up**2)
        slope = _slope(x, sigma, score_at)
        if callback:
            callback(Step(number, sigma, x - sigma * slope))
        x = x + (sigma_down - sigma) * slope
        if sigma_up > 0:
            x = x + sigma_up * noise(x.shape).to(x)
    return x


@torch.no_grad()
def dpm_solver(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise | None = None,
    *,
    eta: float = 0.0,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
    callback: Callback | None = None,
) -> Tensor:
    """DPM-Solver++(2M), second order (algorithm 2); `steps` evaluations.

    eta = 0: deterministic, `noise` is never called. eta > 0 needs `noise`: the stochastic form,
    SDE-DPM-Solver++(2M) at eta = 1. The variance of the noise in the reverse-time equation is
    proportional to eta.
    """
    if eta > 0 and noise is None:
        raise ValueError(f"dpm_solver: eta={eta} adds noise; pass noise, or eta=0")
    score_at = at_numbers(score)
    x, levels = start(prior, sde, steps, sigma_min, sigma_max, rho)
    previous, width_previous = None, None
    for number, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        clean = denoised(x, sigma, score_at)
        if callback:
            callback(Step(number, sigma, clean))
        if sigma_next == 0:  # -log sigma has no end there
            return clean
        width = math.log(sigma / sigma_next)  # of the step, in -log sigma
        extrapolated = clean
        if previous is not None:
            extrapolated = clean + width / (2 * width_previous) * (clean - previous)
        decay = math.exp(-(1 + eta) * width)
        x = decay * x + (1 - decay) * extrapolated
        if eta > 0:
            added = sigma_next * math.sqrt(-math.expm1(-2 * eta * width))
            x = x + added * noise(x.shape).to(x)
        previous, width_previous = clean, width
    raise AssertionError("a schedule ends at 0")


def _slope(x: Tensor, sigma: float, score_at: ScoreAt) -> Tensor:
    """dx/dsigma along the probability flow (EDM, equation 1 for sigma(t) = t)."""
    return -sigma * score_at(x, sigma)


def _heun_step(
    x: Tensor,
    sigma: float,
    sigma_next: float,
    score_at: ScoreAt,
    number: int,
    callback: Callback | None,
) -> Tensor:
    """One step of the probability flow. To level 0 it is Euler's: no score corrects it there."""
    slope = _slope(x, sigma, score_at)
    if callback:
        callback(Step(number, sigma, x - sigma * slope))
    euler = x + (sigma_next - sigma) * slope
    if sigma_next == 0:
        return euler
    return x + (sigma_next - sigma) * (slope + _slope(euler, sigma_next, score_at)) / 2


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm of each sample, shaped to multiply x: (batch, 1, ...)."""
    return x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))
