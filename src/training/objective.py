"""What a training of the score network minimizes, given a pair of frames with their cameras.

It is denoising score matching, as published, or consistency tuning. The latter tunes a trained
network so that few evaluations make a frame. `photonvs train diffusion.objective=consistency
training.initial_weights=FILE` does it; the mathematics is in `diffusion.consistency`.
"""

from torch import Tensor, nn

from ..config import Config
from ..diffusion.consistency import consistency_loss, lower_levels, stage_of
from ..diffusion.sde import score_matching_loss
from ..models import Denoiser


class PairLoss(nn.Module):
    """The training objective as one module, so that it is distributed and compiled as one."""

    def __init__(self, denoiser: Denoiser, weight_exponent: float = 0.0) -> None:
        """weight_exponent: of consistency tuning, as of `consistency_loss`."""
        super().__init__()
        self.denoiser, self.weight_exponent = denoiser, weight_exponent

    def forward(
        self,
        target: Tensor,
        cond: Tensor,
        noise: Tensor,
        sigma: Tensor,
        sigma_cond: Tensor,
        cameras: dict[str, Tensor],
        lower: Tensor | None = None,
    ) -> Tensor:
        """Losses (n,) of the target given the conditioning view.

        target, cond, noise: (n, c, L, L) latents, cond at the levels sigma_cond; sigma, sigma_cond:
        (n,). cameras: target_pose, cond_pose (n, 4, 4), focal_y (n,). lower: (n,), each pair's
        lower noise level, for consistency tuning; None: denoising score matching.
        """
        rays, config = self.denoiser.embed_cameras(**cameras), self.denoiser.config

        def score(x: Tensor, sigma: Tensor) -> Tensor:
            return self.denoiser.score(x, cond, sigma, rays, sigma_cond)

        if lower is None:
            return score_matching_loss(score, target, noise, sigma, config)
        return consistency_loss(score, target, noise, sigma, lower, config, self.weight_exponent)


def pair_levels(sigma: Tensor, step: int, config: Config) -> Tensor:
    """The lower noise levels (n,) that go with the upper ones in an optimizer step (from 0)."""
    stage = stage_of(step, config.training.steps, config.consistency)
    return lower_levels(sigma, stage, config.consistency, config.diffusion.sigma_min)
