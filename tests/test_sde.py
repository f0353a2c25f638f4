"""The noise schedule, the noise levels of training and the loss, against closed forms."""

import math

import pytest
import torch
from seeded import reference
from torch.testing import assert_close

from photonvs.config import DenoiserConfig, DiffusionConfig, ModelConfig
from photonvs.diffusion.sde import VarianceExploding, draw_noise_levels, score_matching_loss


def weighted(loss_weighting: str, sigma_data: float = 0.5) -> ModelConfig:
    diffusion = DiffusionConfig(loss_weighting=loss_weighting)
    return ModelConfig(denoiser=DenoiserConfig(sigma_data=sigma_data), diffusion=diffusion)


def draw(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_schedule_runs_between_its_ends_and_is_geometric() -> None:
    sde = VarianceExploding(sigma_min=0.01, sigma_max=378.0)
    assert sde.sigma(0.0) == pytest.approx(0.01)
    assert sde.sigma(1.0) == pytest.approx(378.0)
    assert sde.sigma(0.5) == pytest.approx(math.sqrt(0.01 * 378))


def test_time_is_the_inverse_of_the_noise_level() -> None:
    sde = VarianceExploding(sigma_min=0.02, sigma_max=80.0)
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert_close(sde.t(sde.sigma(t)), t, rtol=0, atol=1e-14)
    assert sde.t(sde.sigma(0.3)) == pytest.approx(0.3, abs=1e-14)


def test_published_noise_levels() -> None:
    published = reference()
    sde = VarianceExploding()
    assert_close(
        sde.sigma(torch.linspace(0, 1, 20)),
        torch.from_numpy(published["sigmas_20"]),
        rtol=2e-6,
        atol=0,
    )
    assert_close(
        sde.sigma(torch.from_numpy(published["loss_t"])),
        torch.from_numpy(published["loss_std"]),
        rtol=2e-6,
        atol=0,
    )


def test_process_follows_the_settings() -> None:
    sde = VarianceExploding.from_config(DiffusionConfig(sigma_min=0.3, sigma_max=4.0))
    assert (sde.sigma_min, sde.sigma_max) == (0.3, 4.0)


@pytest.mark.parametrize(
    ("sigma_min", "sigma_max"), [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.01, math.inf)]
)
def test_impossible_noise_levels_are_refused(sigma_min: float, sigma_max: float) -> None:
    with pytest.raises(
        ValueError,
        match=f"sigma_min={sigma_min}, sigma_max={sigma_max}; expected 0 < sigma_min < sigma_max",
    ):
        VarianceExploding(sigma_min, sigma_max)


def test_uniform_noise_levels_have_uniform_times() -> None:
    sigma = draw_noise_levels(
        torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64), DiffusionConfig()
    )
    expected = [1e-5, 0.25 * (1 + 3e-5), 0.5 * (1 + 1e-5), 1.0]
    assert_close(
        VarianceExploding().t(sigma),
        torch.tensor(expected, dtype=torch.float64),
        rtol=0,
        atol=1e-12,
    )


def test_lognormal_noise_levels_have_normal_logarithms() -> None:
    config = DiffusionConfig(noise_levels="lognormal", log_sigma_mean=-0.4, log_sigma_std=0.7)
    # Normal cdf at -1, 0, 2.
    uniform = torch.tensor([0.15865525393145707, 0.5, 0.9772498680518208], dtype=torch.float64)
    log_sigma = draw_noise_levels(uniform, config).log()
    assert_close(
        log_sigma, torch.tensor([-1.1, -0.4, 1.0], dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_lognormal_noise_levels_are_clamped() -> None:
    config = DiffusionConfig(
        sigma_min=0.1,
        sigma_max=2.0,
        noise_levels="lognormal",
        log_sigma_mean=0.0,
        log_sigma_std=3.0,
    )
    assert_close(
        draw_noise_levels(torch.tensor([0.0, 0.5, 1 - 2**-24]), config),
        torch.tensor([0.1, 1.0, 2.0]),
    )


@pytest.mark.parametrize("noise_levels", ["uniform", "lognormal"])
def test_noise_levels_increase_with_the_uniform_number_and_stay_in_range(noise_levels: str) -> None:
    config = DiffusionConfig(noise_levels=noise_levels)
    sigma = draw_noise_levels(torch.arange(1000) / 1000, config)
    assert sigma.dtype == torch.float32
    assert (sigma.diff() >= 0).all()
    assert (sigma[10:].diff() > 0).all()  # the lowest lognormal ones are clamped
    assert config.sigma_min <= sigma[0] < sigma[-1] <= config.sigma_max


@pytest.mark.parametrize("levels", ["uniform", "lognormal"])
@pytest.mark.parametrize("weighting", [None, "published", "edm"])
def test_the_weighting_follows_the_noise_levels_unless_it_is_set(levels, weighting) -> None:
    config = DiffusionConfig(noise_levels=levels, loss_weighting=weighting)
    implied = {"uniform": "published", "lognormal": "edm"}[levels]
    assert config.weighting == (weighting or implied)
    # Files of earlier versions, which don't have the setting, hold the same model.
    assert (config == DiffusionConfig(noise_levels=levels)) == (weighting in (None, implied))


def test_loss_of_a_zero_score_is_half_the_squared_noise() -> None:
    clean, noise = draw((3, 4, 5, 5), 0), draw((3, 4, 5, 5), 1)
    loss = score_matching_loss(
        lambda x, sigma: 0 * x, clean, noise, torch.tensor([0.1, 1.0, 30.0]), weighted("published")
    )
    assert_close(loss, noise.square().sum((1, 2, 3)) / 2)


@pytest.mark.parametrize("weighting", ["published", "edm"])
def test_loss_vanishes_for_the_score_of_the_clean_sample_itself(weighting: str) -> None:
    clean, noise = draw((3, 4, 5, 5), 0), draw((3, 4, 5, 5), 1)
    sigma = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return (clean - x) / sigma.view(3, 1, 1, 1) ** 2

    loss = score_matching_loss(score, clean, noise, sigma, weighted(weighting))
    assert_close(loss, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-18)


def test_edm_loss_is_the_weighted_error_of_the_denoised_sample() -> None:
    clean, noise = draw((3, 4, 5, 5), 0), draw((3, 4, 5, 5), 1)
    sigma = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    sigma_wide, sigma_data = sigma.view(3, 1, 1, 1), 0.7
    x = clean + sigma_wide * noise
    score = torch.sin(x) - x
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    expected = weight * (x + sigma_wide**2 * score - clean).square().sum((1, 2, 3))
    loss = score_matching_loss(
        lambda x, _: torch.sin(x) - x, clean, noise, sigma, weighted("edm", sigma_data)
    )
    assert_close(loss, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("level", [0.05, 0.6, 20.0])
def test_loss_of_the_true_score_of_gaussian_data(level: float) -> None:
    """For data N(0, s^2) the posterior's variance stays, s^2 / (s^2 + sigma^2) an element.

    EDM's weight makes it 1.
    """
    std, count, elements = 0.6, 4000, 16
    clean, noise = std * draw((count, elements), 2), draw((count, elements), 3)
    sigma = torch.full((count,), level, dtype=torch.float64)

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return -x / (std**2 + sigma[:, None] ** 2)

    published = score_matching_loss(score, clean, noise, sigma, weighted("published")).mean().item()
    expected = elements / 2 * std**2 / (std**2 + level**2)
    assert published == pytest.approx(expected, rel=0.03)  # standard error 0.6 %
    losses = score_matching_loss(score, clean, noise, sigma, weighted("edm", sigma_data=std))
    assert losses.mean().item() == pytest.approx(elements, rel=0.03)
