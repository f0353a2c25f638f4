"""The denoiser: the score network, its preconditioning (what its output means), and rays."""

import torch
from torch import Tensor, nn

from ..cameras.rays import RAY_FEATURES, pair_ray_features
from ..model_config import ModelConfig
from .blocks import ResidualBlock
from .score_network import Given, ScoreNetwork

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
        return self.score_given(x, sigma, self.prepare(x_cond, rays, sigma_cond))

    def prepare(
        self,
        x_cond: Tensor,
        rays: Rays,
        sigma_cond: float | Tensor | None = None,
        both: bool = False,
    ) -> Given:
        """What an evaluation needs of the conditioning views: the same at every noise level.

        sigma_cond: the noise level that x_cond is labelled with; default: `sigma_min`, clean.
        both: whether the scores of both views are asked for.
        """
        if sigma_cond is None:
            sigma_cond = self.config.diffusion.sigma_min
        sigmas = levels_of(sigma_cond, x_cond)
        return self.score_model.prepare(self._input(x_cond, sigmas), sigmas.log(), rays, both)

    def score_given(self, x: Tensor, sigma: float | Tensor, given: Given) -> Tensor:
        """`score`, from what `prepare` made."""
        sigmas = levels_of(sigma, x)
        output = self.score_model(self._input(x, sigmas), sigmas.log(), given)
        return self._score_of(output, x, sigmas)

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
        given = self.prepare(x_cond, rays, sigma_cond, both=True)
        sigmas, sigmas_cond = levels_of(sigma, x), levels_of(sigma_cond, x)
        outputs = self.score_model(self._input(x, sigmas), sigmas.log(), given, both=True)
        of_target, of_cond = outputs.chunk(2)
        return (
            self._score_of(of_target, x, sigmas),
            self._score_of(of_cond, x_cond, sigmas_cond),
        )

    def _input(self, x: Tensor, sigmas: Tensor) -> Tensor:
        """The network's input: 2x - 1 as published, c_in x in EDM's preconditioning."""
        if self.config.denoiser.preconditioning == "published":
            return 2 * x - 1
        return self._c_in(sigmas) * x

    def _score_of(self, output: Tensor, x: Tensor, sigmas: Tensor) -> Tensor:
        """The score that the network's output means.

        EDM's is (D - x) / sigma^2 for D = c_skip x + c_out F(c_in x), Karras et al. 2022, table 1.
        Written out, the two large parts of D - x at small sigma never meet:
        (c_skip - 1) / sigma^2 = -c_in^2 and c_out / sigma^2 = c_in sigma_data / sigma.
        """
        per_image = sigmas[:, None, None, None]
        if self.config.denoiser.preconditioning == "published":
            return output / per_image
        c_in = self._c_in(sigmas)
        return c_in * (self.config.denoiser.sigma_data / per_image * output - c_in * x)

    def _c_in(self, sigmas: Tensor) -> Tensor:
        return (sigmas**2 + self.config.denoiser.sigma_data**2).rsqrt()[:, None, None, None]


def levels_of(sigma: float | Tensor, x: Tensor) -> Tensor:
    """A noise level for each of the latents `x`: (n,)."""
    return torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))


def build_denoiser(config: ModelConfig) -> Denoiser:
    """A denoiser with random weights, in training mode."""
    return Denoiser(config)
