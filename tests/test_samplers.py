"""The samplers on distributions whose score is known."""

import math
from itertools import pairwise

import pytest
import torch
from known_scores import (
    COVARIANCE,
    MEAN,
    SDE,
    Recorder,
    gaussian_flow,
    gaussian_score,
    mixture_score,
    no_noise,
    noise_from,
)
from torch import Tensor
from torch.testing import assert_close

from photonvs.diffusion.registry import SAMPLERS, find_sampler
from photonvs.diffusion.samplers import ancestral, dpm_solver, heun

# Name, steps, keywords, relative error of standard deviations.
CASES = [
    ("predictor-corrector", 400, {}, 0.06),
    ("heun", 40, {}, 0.04),
    ("churn", 100, {"S_noise": 1.0}, 0.04),
    ("ancestral", 400, {}, 0.05),
    ("dpm-solver", 40, {}, 0.04),
    ("dpm-solver", 60, {"eta": 1.0}, 0.04),
]


def drawn(score, channels: int, name: str, steps: int, keywords: dict) -> Tensor:
    """8,000 samples (8000, channels) of a score."""
    noise, sampler = noise_from(1), SAMPLERS[name].function
    # 100 of them are one sample to the corrector, whose ratio of norms is heavy-tailed for a few.
    prior = noise((80, 100, channels)) * SDE.sigma_max
    return sampler(score, prior, SDE, steps, noise=noise, **keywords).flatten(0, 1)


@pytest.mark.parametrize(("name", "steps", "keywords", "tolerance"), CASES)
def test_gaussian_data(name: str, steps: int, keywords: dict, tolerance: float) -> None:
    x = drawn(gaussian_score, 2, name, steps, keywords)
    # Standard errors: mean 0.011, standard deviation 0.8 %, correlation 0.007.
    assert_close(x.mean(0), MEAN, rtol=0, atol=0.05)
    assert_close(x.std(0), COVARIANCE.diag().sqrt(), rtol=tolerance, atol=0)
    assert torch.corrcoef(x.T)[0, 1].item() == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize(("name", "steps", "keywords", "tolerance"), CASES)
def test_mixture_of_two_gaussians(name: str, steps: int, keywords: dict, tolerance: float) -> None:
    x = drawn(mixture_score, 1, name, steps, keywords)
    # Standard error 0.005.
    assert (x > 0).double().mean().item() == pytest.approx(0.7, abs=0.02)
    for centre in (-1, 1):
        mode = x[x.sign() == centre]
        assert mode.mean().item() == pytest.approx(centre, abs=0.03)
        assert mode.std().item() == pytest.approx(0.2, rel=tolerance + 0.04)


@pytest.mark.parametrize("sampler", [heun, dpm_solver])
def test_deterministic_samplers_follow_the_probability_flow(sampler) -> None:
    prior = noise_from(3)((50, 2)) * SDE.sigma_max
    x = sampler(gaussian_score, prior, SDE, 400, no_noise, sigma_min=1e-4)
    assert_close(x, gaussian_flow(prior, SDE.sigma_max), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("sampler", "keywords", "order"),
    [(heun, {}, 2), (dpm_solver, {}, 2), (ancestral, {"eta": 0.0}, 1)],
)
def test_order_of_convergence(sampler, keywords: dict, order: int) -> None:
    prior = noise_from(4)((50, 2)) * SDE.sigma_max
    start = prior * (20 / SDE.sigma_max)

    def error(steps: int) -> float:
        x = sampler(
            gaussian_score, prior, SDE, steps, no_noise, sigma_min=1e-4, sigma_max=20.0, **keywords
        )
        return (x - gaussian_flow(start, 20.0)).square().mean().sqrt().item()

    errors = [error(steps) for steps in (81, 161, 321)]  # half the step each time
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("name", SAMPLERS)
def test_number_of_evaluations(name: str, steps: int) -> None:
    score, seen = Recorder(gaussian_score), []
    prior = noise_from(8)((2, 2)) * SDE.sigma_max
    SAMPLERS[name].function(score, prior, SDE, steps, noise_from(9), callback=seen.append)
    expected = {
        "predictor-corrector": 2 * steps,
        "heun": 2 * steps - 1,
        "churn": 2 * steps - 1,
    }.get(name, steps)
    assert len(score.levels) == SAMPLERS[name].evaluations(steps) == expected
    assert [step.number for step in seen] == list(range(1, steps + 1))


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_callback_sees_the_denoised_estimate(name: str) -> None:
    """For a point distribution every estimate is the point; levels fall from the first one."""
    point, seen = torch.tensor([0.5, -1.0], dtype=torch.float64), []
    prior = noise_from(8)((3, 2)) * SDE.sigma_max

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return (point - x) / sigma**2

    options = {"S_churn": 0.0} if name == "churn" else {}
    end = SAMPLERS[name].function(
        score, prior, SDE, 8, noise_from(9), callback=seen.append, **options
    )
    levels = [step.sigma for step in seen]
    assert levels[0] == pytest.approx(SDE.sigma_max) and levels == sorted(levels, reverse=True)
    tolerance = 0.1 if name == "predictor-corrector" else 1e-9  # its labels are a little lower
    for step in seen:
        assert_close(step.denoised, point.expand(3, 2), atol=tolerance * max(step.sigma, 1), rtol=0)
    assert_close(end, point.expand(3, 2), atol=0.1, rtol=0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sample_does_not_depend_on_its_neighbours(name: str) -> None:
    together, alone = noise_from(10), noise_from(10)
    prior = together((3, 2)) * SDE.sigma_max
    prior[0] *= 1e-3  # a neighbour with norms of another size
    start = alone((3, 2))[1:2] * SDE.sigma_max
    batch = SAMPLERS[name].function(gaussian_score, prior, SDE, 12, together)
    single = SAMPLERS[name].function(
        gaussian_score, start, SDE, 12, lambda shape: alone((3, 2))[1:2]
    )
    assert_close(batch[1:2], single, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_same_start_and_noise_give_the_same_sample(name: str) -> None:
    prior = noise_from(11)((2, 4, 3, 3)) * SDE.sigma_max
    before = prior.clone()
    results = [
        SAMPLERS[name].function(lambda x, s: -x / (1 + s**2), prior, SDE, 8, noise_from(seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2]) == (name in ("heun", "dpm-solver"))
    assert torch.equal(prior, before)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_vanishing_score_keeps_the_sample_finite(name: str) -> None:
    prior = torch.ones(2, 3)
    x = SAMPLERS[name].function(
        lambda x, sigma: torch.zeros_like(x), prior, SDE, 6, lambda shape: torch.zeros(shape)
    )
    assert_close(x, prior)


@pytest.mark.parametrize("network_precision", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", SAMPLERS)
def test_precision_follows_the_prior_and_no_graph_is_kept(
    name: str, network_precision: torch.dtype
) -> None:
    factor = torch.ones((), requires_grad=True)

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return (-factor * x / (1 + sigma**2)).to(network_precision)

    prior = noise_from(12, torch.float32)((2, 3)) * SDE.sigma_max
    x = SAMPLERS[name].function(score, prior, SDE, 4, noise_from(13))
    assert x.dtype == torch.float32 and not x.requires_grad and x.isfinite().all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_bad_steps_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="steps: found 0; expected at least 1"):
        SAMPLERS[name].function(gaussian_score, torch.zeros(1, 2), SDE, 0, noise_from(0))


def test_bad_levels_and_names_and_missing_noise_are_refused() -> None:
    with pytest.raises(ValueError, match="found 5.0 to 2.0; expected 0 < sigma_min <= sigma_max"):
        heun(gaussian_score, torch.zeros(1, 2), SDE, 3, sigma_min=5.0, sigma_max=2.0)
    with pytest.raises(ValueError, match="dpm_solver: eta=1.0 adds noise; pass noise, or eta=0"):
        dpm_solver(gaussian_score, torch.zeros(1, 2), SDE, 3, eta=1.0)
    with pytest.raises(
        ValueError,
        match="sampler: found 'ddim'; expected one of predictor-corrector, heun, churn, ",
    ):
        find_sampler("ddim")
