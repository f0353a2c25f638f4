"""Tuning a trained score network so that few evaluations make a frame.

`photonvs train diffusion.objective=consistency training.initial_weights=FILE` does it, with the
data, checkpoints and logs of every training. The mathematics is in `diffusion.consistency`.
"""

from torch import Tensor, nn

from ..config import Config
from ..diffusion.consistency import consistency_loss, lower_levels, stage_of
from ..models.denoiser import Denoiser


class ConsistencyLoss(nn.Module):
    """The objective of consistency tuning as one module, as `score.PairLoss` is of the score's."""

    def __init__(self, denoiser: Denoiser, weight_exponent: float) -> None:
        super().__init__()
        self.denoiser, self.exponent = denoiser, weight_exponent

    def forward(
        self,
        target: Tensor,
        cond: Tensor,
        noise: Tensor,
        sigma: Tensor,
        sigma_cond: Tensor,
        cameras: dict[str, Tensor],
        lower: Tensor,
    ) -> Tensor:
        """Losses (n,); lower (n,): the lower noise level of each pair. The rest: `PairLoss`."""
        rays = self.denoiser.embed_cameras(**cameras)

        def score(x: Tensor, sigma: Tensor) -> Tensor:
            return self.denoiser.score(x, cond, sigma, rays, sigma_cond)

        config = self.denoiser.config
        return consistency_loss(score, target, noise, sigma, lower, config, self.exponent)


def pair_levels(sigma: Tensor, step: int, config: Config) -> Tensor:
    """The lower noise levels (n,) that go with the upper ones in an optimizer step (from 0)."""
    stage = stage_of(step, config.training.steps, config.consistency)
    return lower_levels(sigma, stage, config.consistency, config.diffusion.sigma_min)
