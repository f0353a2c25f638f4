"""The denoiser: the score network, what its output means (preconditioning), and the ray downsampler."""

import torch
from torch import Tensor, nn

from ..cameras.rays import RAY_FEATURES, pair_ray_features
from ..config import Config, DenoiserConfig
from .blocks import ResidualBlock
from .first_stage import latent_shape
from .score_network import ScoreNetwork, grid_size

Rays = tuple[
    Tensor, Tensor, Tensor
]  # embeddings (ref, target, cond), each (n or 1, ray_channels[0], G, G)


class Denoiser(nn.Module):
    """Scores of a noisy target latent and of a conditioning view's latent, given the cameras.

    L is `latent_size`, G `grid_size`. `config` is the whole Config that the model was made with.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        check(config)
        self.config = config
        self.score_model = ScoreNetwork(config.denoiser, config.diffusion)
        width = config.denoiser.ray_channels[0]
        self.ray_downsampler = nn.Sequential(
            ResidualBlock(RAY_FEATURES, width, resample="down"),
            ResidualBlock(width, width, resample="down"),
        )

    def embed_rays(self, features: Tensor) -> Tensor:
        """Ray features (n, 56, 4G, 4G) -> ray embeddings (n, ray_channels[0], G, G). They depend on the cameras only."""
        return self.ray_downsampler(features)

    def embed_cameras(self, target_pose: Tensor, cond_pose: Tensor, focal_y: Tensor) -> Rays:
        """Ray embeddings of n pairs of cameras: poses (n, 4, 4) camera-to-world, focal_y (n,) as a fraction of the height.

        The ray maps are computed in the precision of the poses (float64 for worlds far from their origin).
        """
        features = torch.cat(
            pair_ray_features(target_pose, cond_pose, focal_y, 4 * grid_size(self.config.denoiser))
        )
        ref, target, cond = self.embed_rays(features.to(self.score_model.sigmas)).chunk(3)
        return ref, target, cond

    def score(self, x: Tensor, x_cond: Tensor, sigma: float | Tensor, rays: Rays) -> Tensor:
        """Score of the target latent x at noise level sigma, given a conditioning latent *without* added noise.

        x, x_cond: (n, c, L, L). sigma: float or (n,), in units of the latents. Denoised latent: x + sigma^2 * score.
        """
        return self.scores(x, x_cond, sigma, self.config.diffusion.sigma_min, rays)[0]

    def scores(
        self,
        x: Tensor,
        x_cond: Tensor,
        sigma: float | Tensor,
        sigma_cond: float | Tensor,
        rays: Rays,
    ) -> tuple[Tensor, Tensor]:
        """Scores of both views, (target, cond), each (n, c, L, L); sigma_cond: the noise level that x_cond is labelled with."""
        both = torch.cat([x, x_cond])
        levels = [
            torch.as_tensor(level, dtype=x.dtype, device=x.device).expand(len(x))
            for level in (sigma, sigma_cond)
        ]
        sigmas = torch.cat(levels)
        per_image = sigmas[:, None, None, None]
        if self.config.denoiser.preconditioning == "published":
            scores = self.score_model(2 * both - 1, sigmas.log(), rays) / per_image
        else:
            scores = self._edm_scores(both, sigmas, per_image, rays)
        of_target, of_cond = scores.chunk(2)
        return of_target, of_cond

    def _edm_scores(self, x: Tensor, sigmas: Tensor, per_image: Tensor, rays: Rays) -> Tensor:
        """(D - x) / sigma^2 for D = c_skip x + c_out F(c_in x), Karras et al. 2022, table 1.

        Written out, so that the two large parts of D - x at small sigma never meet:
        (c_skip - 1) / sigma^2 = -c_in^2 and c_out / sigma^2 = c_in sigma_data / sigma.
        """
        sigma_data = self.config.denoiser.sigma_data
        c_in = (per_image**2 + sigma_data**2).rsqrt()
        output = self.score_model(c_in * x, sigmas.log(), rays)
        return c_in * (sigma_data / per_image * output - c_in * x)


def build_denoiser(config: Config) -> Denoiser:
    """A denoiser with random weights, in training mode; raises ValueError for settings that don't fit together."""
    return Denoiser(config)


def check(config: Config) -> None:
    """Raise ValueError, in one line, for settings that no denoiser can be built from or that don't fit the first stage."""
    model = config.denoiser
    _check_numbers(model)
    levels = len(model.channel_multipliers)
    if len(model.ray_channels) != levels:
        raise ValueError(
            f"denoiser.ray_channels has {len(model.ray_channels)} entries, denoiser.channel_multipliers {levels}: "
            "give both one entry a level"
        )
    coarsest = model.patch_size * 2 ** (levels - 1)
    if model.latent_size % coarsest:
        raise ValueError(
            f"denoiser.latent_size {model.latent_size} must be divisible by {coarsest}: patches of {model.patch_size}, halved "
            f"between {levels} levels"
        )
    sizes = [grid_size(model) >> level for level in range(levels)]
    if not model.attention_resolutions or not set(model.attention_resolutions) <= set(sizes):
        raise ValueError(
            f"denoiser.attention_resolutions {list(model.attention_resolutions)}: expected one or more of the levels' sizes "
            f"{sizes} (the views and cameras meet nowhere else)"
        )
    if model.preconditioning not in ("published", "edm"):
        raise ValueError(
            f"denoiser.preconditioning {model.preconditioning!r}: expected published or edm"
        )
    if not 0 < config.diffusion.sigma_min < config.diffusion.sigma_max:
        raise ValueError(
            f"diffusion.sigma_min {config.diffusion.sigma_min} and sigma_max {config.diffusion.sigma_max}: "
            "expected 0 < sigma_min < sigma_max"
        )
    made = latent_shape(config.first_stage)
    wanted = model.latent_channels, model.latent_size
    if made != wanted:
        raise ValueError(
            f"the first stage makes latents of {made[0]} channels, {made[1]} pixels; denoiser.latent_channels and "
            f"denoiser.latent_size are {wanted[0]} and {wanted[1]}"
        )


def _check_numbers(model: DenoiserConfig) -> None:
    names = "latent_size latent_channels patch_size channels residual_blocks attention_heads channel_multipliers"
    names += " ray_channels sigma_data"
    for name in names.split() + ["head_channels"] * (model.head_channels is not None):
        value = getattr(model, name)
        if not value or min(value if isinstance(value, list) else [value]) <= 0:
            raise ValueError(
                f"denoiser.{name} {value}: expected {'numbers' if isinstance(value, list) else 'a number'} above 0"
            )
