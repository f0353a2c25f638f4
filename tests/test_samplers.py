"""The samplers on distributions whose score is known, and step by step against plain loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from seeded import reference
from torch import Tensor
from torch.testing import assert_close

from photonvs.diffusion.levels import karras_schedule
from photonvs.diffusion.registry import SAMPLERS, find_sampler
from photonvs.diffusion.samplers import (
    ancestral,
    churn,
    dpm_solver,
    heun,
    predictor_corrector,
)
from photonvs.diffusion.sde import VarianceExploding

SDE = VarianceExploding()
MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.3], [0.3, 0.25]], dtype=torch.float64)


def noise_from(seed: int, dtype: torch.dtype = torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator, dtype=dtype)


def no_noise(shape: torch.Size) -> Tensor:
    raise AssertionError("a deterministic sampler asked for noise")


def gaussian_score(x: Tensor, sigma: Tensor) -> Tensor:
    """Of N(MEAN, COVARIANCE), x: (..., 2)."""
    precision = torch.linalg.inv(COVARIANCE + sigma**2 * torch.eye(2, dtype=x.dtype))
    return (MEAN - x) @ precision


def gaussian_flow(x: Tensor, sigma: float) -> Tensor:
    """The exact end of the probability flow of N(MEAN, COVARIANCE) that passes x at noise level sigma."""
    variances, axes = torch.linalg.eigh(COVARIANCE)
    return MEAN + ((x - MEAN) @ axes * (variances / (variances + sigma**2)).sqrt()) @ axes.T


def mixture_score(x: Tensor, sigma: Tensor) -> Tensor:
    """Of 0.3 N(-1, 0.2^2) + 0.7 N(1, 0.2^2), x: (..., 1)."""
    variance = 0.2**2 + sigma**2
    centres = torch.tensor([-1.0, 1.0], dtype=x.dtype)
    weights = (
        torch.tensor([0.3, 0.7], dtype=x.dtype).log() - (x - centres) ** 2 / (2 * variance)
    ).softmax(dim=-1)
    return ((weights * centres).sum(-1, keepdim=True) - x) / variance


class Recorder:
    """A score that keeps what it was asked."""

    def __init__(self, score) -> None:
        self.score, self.points, self.levels = score, [], []

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        assert sigma.shape == () and sigma.dtype == x.dtype
        self.points.append(x)
        self.levels.append(sigma.item())
        return self.score(x, sigma)


CASES = [  # name, steps, keywords, relative error of standard deviations
    ("predictor-corrector", 400, {}, 0.06),
    ("heun", 40, {}, 0.04),
    ("churn", 100, {"S_noise": 1.0}, 0.04),
    ("ancestral", 400, {}, 0.05),
    ("dpm-solver", 40, {}, 0.04),
    ("dpm-solver", 60, {"eta": 1.0}, 0.04),
]


@pytest.mark.parametrize(("name", "steps", "keywords", "tolerance"), CASES)
def test_gaussian_data(name: str, steps: int, keywords: dict, tolerance: float) -> None:
    noise = noise_from(1)
    # 100 pairs in one sample: the corrector's ratio of norms, heavy-tailed for a few numbers, means something for many.
    prior = noise((80, 100, 2)) * SDE.sigma_max
    x = (
        SAMPLERS[name]
        .function(gaussian_score, prior, SDE, steps, noise=noise, **keywords)
        .flatten(0, 1)
    )
    # Standard errors: mean 0.011, standard deviation 0.8 %, correlation 0.007.
    assert_close(x.mean(0), MEAN, rtol=0, atol=0.05)
    assert_close(x.std(0), COVARIANCE.diag().sqrt(), rtol=tolerance, atol=0)
    assert torch.corrcoef(x.T)[0, 1].item() == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize(("name", "steps", "keywords", "tolerance"), CASES)
def test_mixture_of_two_gaussians(name: str, steps: int, keywords: dict, tolerance: float) -> None:
    noise = noise_from(2)
    prior = noise((80, 100, 1)) * SDE.sigma_max
    x = (
        SAMPLERS[name]
        .function(mixture_score, prior, SDE, steps, noise=noise, **keywords)
        .flatten(0, 1)
    )
    assert (x > 0).double().mean().item() == pytest.approx(0.7, abs=0.02)  # standard error 0.005
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
    """With no score it only adds noise, of variance sigma_i^2 - sigma_(i-1)^2; draw i reaches only sample i here."""
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


@pytest.mark.parametrize(("sampler", "keywords"), [(ancestral, {}), (dpm_solver, {"eta": 1.0})])
def test_stochastic_steps_follow_the_posterior(sampler, keywords: dict) -> None:
    """If the clean sample is known to be c, the first step draws from the Gaussian q(x at level b | x at level a, c)."""
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
    """Where the denoised sample is linear in -log sigma, its second step uses exactly the value halfway in -log sigma."""
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
