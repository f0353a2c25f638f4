"""The published objective: denoising score matching of the target, given a view and its cameras."""

from torch import Tensor, nn

from ..diffusion.sde import score_matching_loss
from ..models import Denoiser


class PairLoss(nn.Module):
    """The training objective as one module, so that it is distributed and compiled as one."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self,
        target: Tensor,
        cond: Tensor,
        noise: Tensor,
        sigma: Tensor,
        sigma_cond: Tensor,
        cameras: dict[str, Tensor],
    ) -> Tensor:
        """Losses (n,): denoising score matching of the target given the conditioning view.

        target, cond, noise: (n, c, L, L) latents, cond at the levels sigma_cond; sigma, sigma_cond:
        (n,). cameras: target_pose, cond_pose (n, 4, 4), focal_y (n,).
        """
        rays = self.denoiser.embed_cameras(**cameras)
        return score_matching_loss(
            lambda x, sigma: self.denoiser.score(x, cond, sigma, rays, sigma_cond),
            target,
            noise,
            sigma,
            self.denoiser.config,
        )
