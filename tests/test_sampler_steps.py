"""The samplers step by step, against plain loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from known_scores import (
    SDE,
    Recorder,
    gaussian_score,
    no_noise,
    noise_from,
)
from seeded import reference
from torch.testing import assert_close

from photonvs.diffusion.levels import karras_schedule
from photonvs.diffusion.registry import SAMPLERS
from photonvs.diffusion.samplers import ancestral, churn, dpm_solver, heun, predictor_corrector
from photonvs.diffusion.sde import VarianceExploding


def pc_by_hand(x: np.ndarray, steps: int, draws: list[np.ndarray], score) -> np.ndarray:
    """The published sampler for one sample, from its description, in numpy."""
    grid = 0.01 * (378 / 0.01) ** (np.arange(steps) / (steps - 1))
    for step, t in enumerate(1 - (1 - 1e-5) * np.arange(steps) / (steps - 1)):
        index = math.floor(t * (steps - 1))
        below = grid[index - 1] if index > 0 else 0.0
        label = 0.01 * (378 / 0.01) ** t
        variance = grid[index] ** 2 - below**2
        x = x + variance * score(x, label) + np.sqrt(variance) * draws[2 * step]
        gradient, draw = score(x, label), draws[2 * step + 1]
        epsilon = 2 * (0.075 * np.sqrt((draw**2).sum()) / np.sqrt((gradient**2).sum())) ** 2
        mean = x + epsilon * gradient
        x = mean + np.sqrt(2 * epsilon) * draw
    return mean


def test_predictor_corrector_against_a_plain_loop() -> None:
    def score(x, sigma):  # both numpy's and torch's; neither linear nor separable in sigma
        return (0.3 * x**2 / (1 + x**2) - x) / (0.5 + sigma) ** 2

    noise, steps, shape = noise_from(5), 30, (3, 4, 2, 2)
    prior, draws = noise(shape) * SDE.sigma_max, [noise(shape) for _ in range(2 * steps)]
    remaining = iter(draws)
    x = predictor_corrector(score, prior, SDE, steps, lambda _: next(remaining))
    for sample in range(3):
        expected = pc_by_hand(
            prior[sample].numpy(), steps, [draw[sample].numpy() for draw in draws], score
        )
        assert_close(x[sample], torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


def test_predictor_corrector_uses_the_published_levels() -> None:
    """With no score it only adds noise, of variance sigma_i^2 - sigma_(i-1)^2.

    Draw i reaches only sample i here.
    """
    draws = iter(
        torch.stack(
            [torch.eye(20, dtype=torch.float64), torch.zeros(20, 20, dtype=torch.float64)], 1
        ).flatten(0, 1)
    )
    prior = torch.zeros(20, 1, dtype=torch.float64)
    added = predictor_corrector(
        lambda x, sigma: 0 * x, prior, SDE, 20, lambda shape: next(draws)[:, None]
    )
    published = torch.from_numpy(reference()["sigmas_20"]).double()
    assert_close(added.square().flip(0).cumsum(0).sqrt()[:, 0], published, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("sampler", "keywords"), [(ancestral, {}), (dpm_solver, {"eta": 1.0})])
def test_stochastic_steps_follow_the_posterior(sampler, keywords: dict) -> None:
    """With a clean sample c, a step draws from the Gaussian q(x at level b | x at level a, c)."""
    c, a, b = 0.7, 6.0, 2.0
    score = Recorder(lambda x, sigma: (c - x) / sigma**2)
    prior, draw = (
        torch.tensor([[5.0, -3.0]], dtype=torch.float64),
        torch.tensor([[0.4, -1.1]], dtype=torch.float64),
    )
    x = sampler(score, prior, VarianceExploding(b, a), 2, lambda shape: draw, **keywords)
    assert_close(
        score.points[1], c + (b / a) ** 2 * (prior - c) + b * math.sqrt(1 - (b / a) ** 2) * draw
    )
    assert_close(x, torch.full_like(x, c))


def test_dpm_solver_extrapolates_to_the_middle_of_a_step() -> None:
    """The second step is exact where the denoised sample is linear in -log sigma."""
    score = Recorder(lambda x, sigma: (0.4 - 2 * sigma.log() - x) / sigma**2)
    levels = karras_schedule(3, 0.1, 40.0)[:3]
    dpm_solver(
        score, torch.full((1, 1), 55.0, dtype=torch.float64), VarianceExploding(0.1, 40.0), 3
    )
    middle = 0.4 - math.log(levels[1]) - math.log(levels[2])
    decay = levels[2] / levels[1]
    assert_close(score.points[2], decay * score.points[1] + (1 - decay) * middle)


def test_churn_without_churn_is_heun() -> None:
    prior = noise_from(14)((5, 2)) * SDE.sigma_max
    assert torch.equal(
        churn(gaussian_score, prior, SDE, 10, no_noise, S_churn=0.0),
        heun(gaussian_score, prior, SDE, 10),
    )


def test_churn_raises_the_level_only_where_asked() -> None:
    score = Recorder(gaussian_score)
    churn(
        score,
        noise_from(15)((1, 2)) * SDE.sigma_max,
        SDE,
        20,
        noise_from(16),
        S_churn=4.0,
        S_min=0.1,
        S_max=20.0,
    )
    levels = karras_schedule(20, SDE.sigma_min, SDE.sigma_max)[:-1]
    assert score.levels[0::2] == pytest.approx(
        [level * (1.2 if 0.1 <= level <= 20 else 1.0) for level in levels]
    )
    assert score.levels[1::2] == pytest.approx(levels[1:])


def test_churn_adds_noise_of_the_raised_variance() -> None:
    score = Recorder(gaussian_score)
    start, draw = (
        torch.tensor([[1.0, 2.0]], dtype=torch.float64),
        torch.tensor([[1.0, -1.0]], dtype=torch.float64),
    )
    sde = VarianceExploding(0.01, 100.0)
    churn(score, start * 5, sde, 1, lambda shape: draw, S_churn=0.3, S_noise=1.1, sigma_max=20.0)
    assert_close(score.points[0], start + 1.1 * 20 * math.sqrt(1.3**2 - 1) * draw)


def test_churn_stays_within_the_process() -> None:
    score, sde = Recorder(gaussian_score), VarianceExploding(0.01, 20.0)
    churn(score, noise_from(17)((1, 2)) * 20, sde, 10, noise_from(18), S_max=math.inf)
    assert max(score.levels) == pytest.approx(20.0, rel=1e-12)


@pytest.mark.parametrize("name", ["heun", "churn", "ancestral", "dpm-solver"])
def test_a_lower_first_level_scales_the_prior(name: str) -> None:
    score, prior = Recorder(gaussian_score), noise_from(19)((2, 2)) * SDE.sigma_max
    SAMPLERS[name].function(score, prior, SDE, 3, noise_from(20), sigma_max=60.0, sigma_min=0.5)
    assert_close(score.points[0], prior * 60 / SDE.sigma_max)
    assert (score.levels[0], min(score.levels)) == (pytest.approx(60.0), pytest.approx(0.5))


def test_karras_schedule() -> None:
    levels = karras_schedule(3, 0.01, 100.0, rho=2.0)
    assert levels == pytest.approx([100.0, ((10 + 0.1) / 2) ** 2, 0.01, 0.0])
    assert karras_schedule(1, 0.01, 100.0) == pytest.approx([100.0, 0.0])
