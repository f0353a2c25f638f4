"""Samplers of the variance-exploding process: one function each, all with the same first arguments.

score(x, sigma): the score of the data at noise level `sigma` (a 0-dim tensor), shaped like x, (batch, ...).
prior: the start, (batch, ...): a draw of unit variance times `sde.sigma_max`. Precision and device follow it.
steps: noise levels, at least 1; the last step goes from the lowest level to 0. More of them cost more evaluations of
    `score`; how many is said with each sampler, and by `SAMPLERS[name].evaluations(steps)`.
noise(shape): a fresh draw of unit variance; asked for only where noise is added, and in the same order every time.
progress(): called after every evaluation of `score`.

All but `predictor_corrector` go down the noise levels of `karras_schedule`: `rho` bends it, and `sigma_max` and `sigma_min`
are its ends (default: those of the process). With a lower `sigma_max` the prior is scaled down to it. Each sample of a
batch is what it would be alone. Bad arguments raise ValueError.

Sources: "EDM" is Karras et al. 2022, arXiv 2206.00364; "DPM-Solver++" is Lu et al. 2022, arXiv 2211.01095.
"""

import inspect
import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from .sde import T_MIN, VarianceExploding

Score = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[torch.Size], Tensor]
Progress = Callable[[], object]
ScoreAt = Callable[[Tensor, float], Tensor]


@torch.no_grad()
def predictor_corrector(
    score: Score,
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    noise: Noise,
    *,
    snr: float = 0.075,
    progress: Progress | None = None,
) -> Tensor:
    """The published sampler: a reverse-diffusion step and a Langevin step at each level; 2 * steps evaluations.

    Song et al. 2021 (arXiv 2011.13456), algorithms 2 and 4. Both evaluations of a step are labelled sigma(t) of the
    continuous time; the levels themselves are geometric. The Langevin step is 2 (snr ||noise|| / ||score||)^2. The published
    system averages those norms over the batch, so that a sample depends on its neighbours; here each sample has its
    own, which is the same for a batch of one. Returns the mean of the last Langevin step.
    """
    _check_steps(steps)
    score_at = _score_at(score, progress)
    times = torch.linspace(1, T_MIN, steps, dtype=torch.float64).tolist()
    levels = [*sde.sigma(torch.linspace(1, 0, steps, dtype=torch.float64)).tolist(), 0.0]
    x = prior
    for t, (sigma, sigma_next) in zip(times, pairwise(levels), strict=True):
        variance = sigma**2 - sigma_next**2
        x = x + variance * score_at(x, sde.sigma(t)) + math.sqrt(variance) * noise(x.shape).to(x)
        gradient, draw = score_at(x, sde.sigma(t)), noise(x.shape).to(x)
        steepness = _norm(gradient)
        # Where the score vanishes the ratio means nothing: no step.
        step_size = torch.where(steepness == 0, 0, 2 * (snr * _norm(draw) / steepness).square())
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
    progress: Progress | None = None,
) -> Tensor:
    """Heun's method on the probability-flow equation, second order (EDM, algorithm 1); 2 * steps - 1 evaluations.

    Deterministic: `noise` is never called.
    """
    score_at = _score_at(score, progress)
    x, levels = _start(prior, sde, steps, sigma_min, sigma_max, rho)
    for sigma, sigma_next in pairwise(levels):
        x = _heun_step(x, sigma, sigma_next, score_at)
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
    progress: Progress | None = None,
) -> Tensor:
    """Heun's method with noise added before each step (EDM, algorithm 2); 2 * steps - 1 evaluations.

    At levels in [S_min, S_max] the level is raised by the factor 1 + min(S_churn / steps, sqrt(2) - 1), but not above
    the process's sigma_max, where `score` is unknown; S_noise scales what is added. Defaults: EDM's for ImageNet (table 5).
    """
    score_at = _score_at(score, progress)
    x, levels = _start(prior, sde, steps, sigma_min, sigma_max, rho)
    for sigma, sigma_next in pairwise(levels):
        gamma = min(S_churn / steps, math.sqrt(2) - 1) if S_min <= sigma <= S_max else 0.0
        sigma_hat = min(sigma * (1 + gamma), max(sigma, sde.sigma_max))
        if sigma_hat > sigma:
            x = x + S_noise * math.sqrt(sigma_hat**2 - sigma**2) * noise(x.shape).to(x)
        x = _heun_step(x, sigma_hat, sigma_next, score_at)
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
    progress: Progress | None = None,
) -> Tensor:
    """Euler ancestral sampling, first order; `steps` evaluations.

    Each step goes below the next level and adds noise back up to it: at eta = 1 as much as the posterior q(x_next | x, clean)
    has (Ho et al. 2020, arXiv 2006.11239, equations 6 and 7, for this process); eta = 0 is Euler's method, without noise.
    """
    score_at = _score_at(score, progress)
    x, levels = _start(prior, sde, steps, sigma_min, sigma_max, rho)
    for sigma, sigma_next in pairwise(levels):
        sigma_up = min(sigma_next, eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2))
        sigma_down = math.sqrt(sigma_next**2 - sigma_up**2)
        x = x + (sigma_down - sigma) * _slope(x, sigma, score_at)
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
    progress: Progress | None = None,
) -> Tensor:
    """DPM-Solver++(2M), second order from two neighbouring evaluations (algorithm 2); `steps` evaluations.

    eta = 0: deterministic, `noise` is never called. eta > 0 needs `noise`: the stochastic form, SDE-DPM-Solver++(2M) at
    eta = 1; the strength (variance) of the noise in the reverse-time equation is proportional to eta.
    """
    if eta > 0 and noise is None:
        raise ValueError(f"dpm_solver: eta={eta} adds noise; pass noise, or eta=0")
    score_at = _score_at(score, progress)
    x, levels = _start(prior, sde, steps, sigma_min, sigma_max, rho)
    previous, width_previous = None, None
    for sigma, sigma_next in pairwise(levels[:-1]):
        clean = denoised(x, sigma, score_at)
        width = math.log(sigma / sigma_next)  # of the step, in -log sigma
        extrapolated = clean
        if previous is not None:
            extrapolated = clean + width / (2 * width_previous) * (clean - previous)
        decay = math.exp(-(1 + eta) * width)
        x = decay * x + (1 - decay) * extrapolated
        if eta > 0:
            x = x + sigma_next * math.sqrt(-math.expm1(-2 * eta * width)) * noise(x.shape).to(x)
        previous, width_previous = clean, width
    return denoised(x, levels[-2], score_at)  # at the lowest level; -log sigma has no end at 0


def karras_schedule(
    steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0
) -> list[float]:
    """`steps` noise levels falling from sigma_max to sigma_min, and 0 (EDM, equation 5); rho = 7 favours the low levels.

    One step is sigma_max alone. Raises ValueError unless steps >= 1 and 0 < sigma_min <= sigma_max.
    """
    _check_steps(steps)
    if not 0 < sigma_min <= sigma_max < math.inf:
        raise ValueError(
            f"noise levels: found {sigma_min} to {sigma_max}; expected 0 < sigma_min <= sigma_max"
        )
    roots = torch.linspace(
        sigma_max ** (1 / rho), sigma_min ** (1 / rho), steps, dtype=torch.float64
    )
    return [*(roots**rho).tolist(), 0.0]


def denoised(x: Tensor, sigma: float, score_at: ScoreAt) -> Tensor:
    """The expected clean sample given `x` at noise level `sigma` (Tweedie's formula)."""
    return x + sigma**2 * score_at(x, sigma)


def _slope(x: Tensor, sigma: float, score_at: ScoreAt) -> Tensor:
    """dx/dsigma along the probability flow (EDM, equation 1 for sigma(t) = t)."""
    return -sigma * score_at(x, sigma)


def _heun_step(x: Tensor, sigma: float, sigma_next: float, score_at: ScoreAt) -> Tensor:
    """One step of the probability flow; Euler's to level 0, where there is no score to correct it with."""
    slope = _slope(x, sigma, score_at)
    euler = x + (sigma_next - sigma) * slope
    if sigma_next == 0:
        return euler
    return x + (sigma_next - sigma) * (slope + _slope(euler, sigma_next, score_at)) / 2


def _start(
    prior: Tensor,
    sde: VarianceExploding,
    steps: int,
    sigma_min: float | None,
    sigma_max: float | None,
    rho: float,
) -> tuple[Tensor, list[float]]:
    """The sample at the first level, and the levels."""
    sigma_min = sde.sigma_min if sigma_min is None else sigma_min
    sigma_max = sde.sigma_max if sigma_max is None else sigma_max
    return prior * (sigma_max / sde.sigma_max), karras_schedule(steps, sigma_min, sigma_max, rho)


def _score_at(score: Score, progress: Progress | None) -> ScoreAt:
    """`score` at a level given as a number, in x's precision even where the network computes in a lower one."""

    def score_at(x: Tensor, sigma: float) -> Tensor:
        result = score(x, x.new_tensor(sigma)).to(x.dtype)
        if progress is not None:
            progress()
        return result

    return score_at


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm of each sample, shaped to multiply x: (batch, 1, ...)."""
    return x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"steps: found {steps}; expected at least 1")


class Sampler(NamedTuple):
    """A sampler as the command line offers it."""

    function: Callable[..., Tensor]
    steps: int  # by default
    evaluations: Callable[[int], int]  # of the score, for that many steps

    def options(self) -> dict[str, float | None]:
        """What can be tuned, by name, with its default (None: the process's)."""
        parameters = inspect.signature(self.function).parameters.values()
        return {
            one.name: one.default
            for one in parameters
            if one.kind is one.KEYWORD_ONLY and one.name != "progress"
        }


SAMPLERS = {
    "predictor-corrector": Sampler(predictor_corrector, 2000, lambda steps: 2 * steps),
    "heun": Sampler(heun, 25, lambda steps: 2 * steps - 1),
    "churn": Sampler(churn, 64, lambda steps: 2 * steps - 1),
    "ancestral": Sampler(ancestral, 50, lambda steps: steps),
    "dpm-solver": Sampler(dpm_solver, 24, lambda steps: steps),
}
# docs/samplers.md: at 24 evaluations in no measure worse than the published sampler at 4,000, and no path runs away.
DEFAULT_SAMPLER = "dpm-solver"


def find_sampler(name: str) -> Sampler:
    """The sampler of that name; raises ValueError for a name not in `SAMPLERS`."""
    if name not in SAMPLERS:
        raise ValueError(f"sampler: found {name!r}; expected one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]
