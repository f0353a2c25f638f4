"""The variance-exploding process: its noise schedule, training's noise levels, and the loss.

A sample at noise level sigma is x = clean + sigma * noise, noise of unit variance. With the score
of its distribution, the expected clean sample, `denoised`, is x + sigma^2 * score (Tweedie).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model_config import DiffusionConfig, ModelConfig

T_MIN = 1e-5  # times run from here to 1, in training and in sampling, as published


@dataclass(frozen=True)
class VarianceExploding:
    """sigma(t) = sigma_min (sigma_max / sigma_min)^t for t in [0, 1].

    Song et al. 2021 (arXiv 2011.13456), appendix C. Raises ValueError unless
    0 < sigma_min < sigma_max.
    """

    sigma_min: float = 0.01  # in units of the data
    sigma_max: float = 378.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f"diffusion: found sigma_min={self.sigma_min}, sigma_max={self.sigma_max}; "
                "expected 0 < sigma_min < sigma_max"
            )

    @classmethod
    def from_config(cls, config: DiffusionConfig) -> "VarianceExploding":
        """The process of a run's settings."""
        return cls(sigma_min=config.sigma_min, sigma_max=config.sigma_max)

    def sigma(self, t: float | Tensor) -> float | Tensor:
        """Noise level at time `t`; a number for a number, a tensor (any shape) for a tensor."""
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** t

    def t(self, sigma: float | Tensor) -> float | Tensor:
        """Time at which the noise level is `sigma` > 0, the inverse of `sigma(t)`."""
        log_ratio = (
            torch.log(sigma / self.sigma_min)
            if isinstance(sigma, Tensor)
            else math.log(sigma / self.sigma_min)
        )
        return log_ratio / math.log(self.sigma_max / self.sigma_min)


def draw_noise_levels(uniform: Tensor, config: DiffusionConfig) -> Tensor:
    """Noise levels for training, (n,), from uniform numbers in [0, 1), (n,), and monotone in them.

    `config.noise_levels` "uniform": t uniform in [1e-5, 1], as published. "lognormal": log sigma is
    normal (EDM, arXiv 2206.00364, table 1), clamped to [sigma_min, sigma_max].
    """
    sde = VarianceExploding.from_config(config)
    if config.noise_levels == "uniform":
        return sde.sigma(T_MIN + (1 - T_MIN) * uniform)
    normal = torch.special.ndtri(uniform)  # minus infinity at 0, which becomes sigma_min
    sigma = torch.exp(config.log_sigma_mean + config.log_sigma_std * normal)
    return sigma.clamp(sde.sigma_min, sde.sigma_max)


def draw_cond_levels(uniform: Tensor, config: DiffusionConfig) -> Tensor:
    """Noise levels of conditioning latents for training, (n,), from uniform numbers in [0, 1).

    Their logarithm is uniform from sigma_min to `config.sigma_cond_max`.
    """
    most = config.sigma_cond_max or config.sigma_min
    return config.sigma_min * (most / config.sigma_min) ** uniform


def noised_view(clean: Tensor, noise: Tensor, sigma_cond: Tensor, sigma_min: float) -> Tensor:
    """Conditioning latents at noise levels sigma_cond (n,) >= sigma_min; the others (n, ...).

    A clean latent counts as level sigma_min, as published. So at that level nothing is added, and
    above it noise of variance sigma_cond^2 - sigma_min^2.
    """
    added = (sigma_cond.square() - sigma_min**2).clamp(min=0).sqrt()
    return clean + column(added, clean) * noise


def column(values: Tensor, like: Tensor) -> Tensor:
    """One value a sample, (n,), shaped to multiply `like`: (n, 1, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def score_matching_loss(
    score: Callable[[Tensor, Tensor], Tensor],
    clean: Tensor,
    noise: Tensor,
    sigma: Tensor,
    config: ModelConfig,
) -> Tensor:
    """Denoising score matching: one value a sample, (n,), summed over the sample's elements.

    clean, noise: (n, ...), noise of unit variance. sigma: noise levels (n,). `score(x, sigma)` gets
    x = clean + sigma * noise and sigma (n,). The weighting, `config.diffusion.weighting`, is
    "published", 1/2 ||sigma * score + noise||^2, or "edm" (arXiv 2206.00364, table 1),
    (sigma^2 + sigma_data^2) / (sigma * sigma_data)^2 * ||denoised - clean||^2.
    """
    sigma_column = column(sigma, clean)
    # denoised - clean = sigma * (sigma * score + noise): both losses are this error, weighted.
    error = sigma_column * score(clean + sigma_column * noise, sigma) + noise
    squared = error.square().flatten(1).sum(1)
    if config.diffusion.weighting == "published":
        return squared / 2
    sigma_data = config.denoiser.sigma_data
    return (sigma.square() + sigma_data**2) / sigma_data**2 * squared
