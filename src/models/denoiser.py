"""The denoiser: the score network, its preconditioning (what its output means), and rays."""

import torch
from torch import Tensor, nn

from ..cameras.rays import RAY_FEATURES, pair_ray_features
from ..model_config import ModelConfig
from .blocks import ResidualBlock
from .score_network import ScoreNetwork

# Embeddings (ref, target, cond), each (n or 1, ray_channels[0], G, G).
Rays = tuple[Tensor, Tensor, Tensor]


class Denoiser(nn.Module):
    """Scores of a noisy target latent and of a conditioning view's latent, given the cameras.

    L is `latent_size`, G `grid_size`, both of `config.denoiser`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.score_model = ScoreNetwork(config.denoiser, config.diffusion)
        width = config.denoiser.ray_channels[0]
        self.ray_downsampler = nn.Sequential(
            ResidualBlock(RAY_FEATURES, width, resample="down"),
            ResidualBlock(width, width, resample="down"),
        )

    def embed_rays(self, features: Tensor) -> Tensor:
        """Ray features (n, 56, 4G, 4G) -> ray embeddings (n, ray_channels[0], G, G).

        They depend on the cameras only.
        """
        return self.ray_downsampler(features)

    def embed_cameras(self, target_pose: Tensor, cond_pose: Tensor, focal_y: Tensor) -> Rays:
        """Ray embeddings of n pairs of cameras.

        Poses are (n, 4, 4), camera-to-world; focal_y (n,) is a fraction of the image's height. The
        ray maps are computed in the precision of the poses, float64 for worlds far from their
        origin.
        """
        size = 4 * self.config.denoiser.grid_size
        features = torch.cat(pair_ray_features(target_pose, cond_pose, focal_y, size))
        ref, target, cond = self.embed_rays(features.to(self.score_model.sigmas)).chunk(3)
        return ref, target, cond

    def score(
        self,
        x: Tensor,
        x_cond: Tensor,
        sigma: float | Tensor,
        rays: Rays,
        sigma_cond: float | Tensor | None = None,
    ) -> Tensor:
        """Score of the target latent x at noise level sigma, given a conditioning latent.

        x, x_cond: (n, c, L, L). sigma: float or (n,), in units of the latents. The denoised latent
        is x + sigma^2 * score. sigma_cond: the level of x_cond, float or (n,); None: it is clean,
        which counts as sigma_min.
        """
        if sigma_cond is None:
            sigma_cond = self.config.diffusion.sigma_min
        return self.scores(x, x_cond, sigma, sigma_cond, rays)[0]

    def scores(
        self,
        x: Tensor,
        x_cond: Tensor,
        sigma: float | Tensor,
        sigma_cond: float | Tensor,
        rays: Rays,
    ) -> tuple[Tensor, Tensor]:
        """Scores of both views, (target, cond), each (n, c, L, L).

        sigma_cond: the noise level that x_cond is labelled with.
        """
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


def build_denoiser(config: ModelConfig) -> Denoiser:
    """A denoiser with random weights, in training mode."""
    return Denoiser(config)
