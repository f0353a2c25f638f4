"""Distributions whose score is known, and noise, for tests of the samplers."""

import torch
from torch import Tensor

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
    """The end of the probability flow of N(MEAN, COVARIANCE) that passes x at level sigma."""
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
