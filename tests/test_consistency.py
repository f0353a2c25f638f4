"""Consistency tuning against Gaussian data, whose consistency function is known; its sampler."""

import math

import pytest
import torch
from known_scores import COVARIANCE, MEAN, SDE, gaussian_flow, noise_from
from torch.testing import assert_close

from photonvs.config import ConsistencyConfig, ModelConfig
from photonvs.diffusion.consistency import ROUNDING, consistency_loss, lower_levels, stage_of
from photonvs.diffusion.few_steps import consistency
from photonvs.diffusion.levels import Step
from photonvs.diffusion.sde import VarianceExploding

SETTINGS = ConsistencyConfig()


def consistency_score(x, sigma):
    """What a tuned network says for N(MEAN, COVARIANCE): (f - x) / sigma^2; sigma 0-dim."""
    return (gaussian_flow(x, sigma.item()) - x) / sigma**2


def test_one_step_is_the_end_of_the_flow() -> None:
    prior = noise_from(0)((1000, 2)) * SDE.sigma_max
    found = consistency(consistency_score, prior, SDE, 1)
    assert_close(found, gaussian_flow(prior, SDE.sigma_max), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_any_number_of_steps_draws_from_the_data(steps) -> None:
    noise = noise_from(steps)
    prior = noise((40_000, 2)) * SDE.sigma_max
    found = consistency(consistency_score, prior, SDE, steps, noise)
    # The prior has no mean, which leaves a thousandth of an error.
    assert_close(found.mean(0), MEAN, rtol=0, atol=0.02)
    assert_close(found.T.cov(), COVARIANCE, rtol=0, atol=0.03)


def test_steps_go_from_the_highest_level_to_the_last_one() -> None:
    """With f = 0 everywhere what is left is the noise of each level."""
    seen, steps, asked = [], [], []

    def score(x, sigma):
        seen.append((x.abs().max().item(), sigma.item()))
        return -x / sigma**2

    def noise(shape):
        asked.append(shape)
        return torch.ones(shape)

    sde = VarianceExploding(sigma_max=80.0)
    callback = steps.append
    x = consistency(score, torch.full((3, 2), 80.0), sde, 4, noise, callback=callback)
    high, low = 80 ** (1 / 7), 0.5 ** (1 / 7)
    levels = [(high + k / 3 * (low - high)) ** 7 for k in range(4)]
    assert seen == [(pytest.approx(level), pytest.approx(level)) for level in levels]
    assert [step.number for step in steps] == [1, 2, 3, 4] and isinstance(steps[0], Step)
    assert asked == [(3, 2)] * 3 and x.abs().max() < 1e-5


def test_more_than_one_step_needs_noise() -> None:
    with pytest.raises(ValueError, match="2 steps add noise"):
        consistency(consistency_score, torch.ones(1, 2), SDE, 2)


def test_levels_of_a_pair_come_nearer_from_stage_to_stage() -> None:
    sigma = torch.tensor([0.5, 1.0, 100.0], dtype=torch.float64)
    gaps = [(sigma - lower_levels(sigma, stage, SETTINGS, 0.01)) / sigma for stage in range(4)]
    for stage in (1, 2, 3):
        wide = 1 + 8 / (1 + sigma.exp())
        assert_close(gaps[stage], (wide / 4 ** (stage + 1)).clamp(max=1), rtol=1e-9, atol=0)
    # The first stage joins low levels with the clean sample itself: the denoiser's own training.
    assert gaps[0].tolist() == [1.0, pytest.approx((1 + 8 / (1 + math.e)) / 4), 0.25]
    assert lower_levels(torch.tensor([0.0101]), 3, SETTINGS, 0.01).item() == 0


def test_stages_share_the_steps() -> None:
    assert [stage_of(step, 10, SETTINGS) for step in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert stage_of(0, 1, SETTINGS) == 0


def model(weighting: str) -> ModelConfig:
    config = ModelConfig()
    config.diffusion.loss_weighting = weighting
    return config


def per_sample(f):
    """A score whose consistency function is `f`, which takes a sample's level as a number."""
    return lambda x, sigma: torch.stack(
        [(f(one, level.item()) - one) / level**2 for one, level in zip(x, sigma, strict=True)]
    )


@pytest.mark.parametrize(("weighting", "exponent"), [("published", 0.5), ("edm", 0.5), ("edm", 1)])
def test_loss_is_the_weighted_distance_of_both_levels(weighting, exponent) -> None:
    clean, noise = noise_from(1)((4, 2)), noise_from(2)((4, 2))
    sigma, lower = torch.tensor([[0.5, 2.0, 20.0, 3.0], [0.2, 1.9, 19.0, 0.0]]).double()
    config = model(weighting)
    score = per_sample(gaussian_flow)
    found = consistency_loss(score, clean, noise, sigma, lower, config, exponent)
    for row in range(4):
        high, low = sigma[row].item(), lower[row].item()
        upper = gaussian_flow(clean[row] + high * noise[row], high)
        goal = gaussian_flow(clean[row] + low * noise[row], low) if low else clean[row]
        tip = ROUNDING * math.sqrt(2)
        distance = math.sqrt(((upper - goal) ** 2).sum() + tip**2) - tip
        data = 1 / config.denoiser.sigma_data**2 if weighting == "edm" else 0
        weight = (1 / high**2 + data) ** exponent
        assert found[row].item() == pytest.approx(weight * distance, rel=1e-9)


def test_the_loss_vanishes_as_levels_meet_for_the_known_function_only() -> None:
    """Along a flow f is constant; along x = clean + sigma * noise it is on average."""
    clean = MEAN + noise_from(3)((20_000, 2)) @ torch.linalg.cholesky(COVARIANCE).T
    noise = noise_from(4)((20_000, 2))

    def change(f, gap):
        """Mean of f at 2 minus f at 2 - gap, given x at level 2, on the axis of x."""
        upper, lower = (f(clean + level * noise, level) for level in (2.0, 2.0 - gap))
        x = clean + 2.0 * noise
        return ((upper - lower) * (x - x.mean(0))).mean(0).abs().max() / gap

    assert change(gaussian_flow, 0.02) < 0.03
    assert change(lambda x, sigma: x / (1 + sigma), 0.02) > 0.1


def test_the_lower_level_is_a_constant_and_its_network_is_not_asked_below_the_lowest() -> None:
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    asked = []

    def score(x, sigma):
        asked.append(sigma.detach().clone())
        return -weight * x / sigma[:, None] ** 2

    clean, noise = noise_from(5)((2, 2)), noise_from(6)((2, 2))
    sigma, lower = torch.tensor([[2.0, 0.02], [1.5, 0.0]]).double()
    consistency_loss(score, clean, noise, sigma, lower, model("published")).sum().backward()
    expected = 0.0
    for row, (high, low) in enumerate(zip(sigma.tolist(), lower.tolist(), strict=True)):
        x, goal = clean[row] + high * noise[row], clean[row]
        if low:
            goal = (1 - 0.7) * (clean[row] + low * noise[row])
        difference, tip = 0.3 * x - goal, ROUNDING * math.sqrt(2)
        slope = (difference * -x).sum() / torch.sqrt((difference**2).sum() + tip**2)
        expected += (slope / high).item()
    assert weight.grad.item() == pytest.approx(expected)
    assert asked[1].tolist() == pytest.approx([1.5, 0.02])  # not 0


class Small(torch.nn.Module):
    """EDM's preconditioning of a small network of two numbers, as a score."""

    def __init__(self) -> None:
        super().__init__()
        layers = [torch.nn.Linear(3, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64)]
        self.layers = torch.nn.Sequential(*layers, torch.nn.SiLU(), torch.nn.Linear(64, 2))

    def forward(self, x, sigma):
        sigma = sigma.reshape(-1, 1).expand(len(x), 1)
        c_in = (1 + sigma**2).rsqrt()
        output = self.layers(torch.cat([c_in * x, sigma.log() / 4], dim=1))
        return (c_in**2 * x + c_in * sigma * output - x) / sigma**2


def test_tuning_finds_the_consistency_function() -> None:
    """From random weights, in the paper's stages, on data whose function is known."""
    torch.manual_seed(0)
    network, config = Small(), model("edm")
    config.denoiser.sigma_data = 1.0
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    root, steps = torch.linalg.cholesky(COVARIANCE).float(), 800
    for step in range(steps):
        clean, noise = MEAN.float() + torch.randn(256, 2) @ root.T, torch.randn(256, 2)
        sigma = (0.5 + 1.5 * torch.randn(256)).exp().clamp(0.02, 20)
        lower = lower_levels(sigma, stage_of(step, steps, SETTINGS), SETTINGS, 0.02)
        optimizer.zero_grad()
        consistency_loss(network, clean, noise, sigma, lower, config).mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        optimizer.step()
    prior = 20 * torch.randn(500, 2)
    sde = VarianceExploding(sigma_min=0.02, sigma_max=20.0)
    found = consistency(network, prior, sde, 1)
    error = (found - gaussian_flow(prior.double(), 20.0)).square().mean().sqrt()
    mean_only = (MEAN - gaussian_flow(prior.double(), 20.0)).square().mean().sqrt()
    assert error < 0.25 * mean_only  # where a score network says nearly the mean
