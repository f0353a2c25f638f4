"""How well a first stage gives back images: PSNR, SSIM, and pictures to look at."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..utils.image_quality import psnr, ssim

BATCH = 8  # images


@torch.no_grad()
def reconstruct(first_stage: nn.Module, dataset: Dataset, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` frames of a FrameDataset and their reconstructions, each (count, 3, S, S) in [0, 1], on the CPU.

    Reconstructions are rounded to the 256 values that image files hold.
    """
    device = next((parameter.device for parameter in first_stage.parameters()), "cpu")
    images = torch.stack([dataset[number]["image"] for number in range(count)]).float()
    parts = [
        first_stage.decode(first_stage.encode(part.to(device) / 127.5 - 1)).cpu()
        for part in images.split(BATCH)
    ]
    made = ((torch.cat(parts).clamp(-1, 1) + 1) * 127.5).round()
    return images / 255, made / 255


def reconstruction_quality(
    first_stage: nn.Module, dataset: Dataset, count: int
) -> dict[str, float]:
    """Mean `psnr` (dB) and `ssim` over the first `count` frames of a FrameDataset."""
    images, made = reconstruct(first_stage, dataset, count)
    return {"psnr": psnr(made, images).mean().item(), "ssim": ssim(made, images).mean().item()}


def reconstruction_picture(first_stage: nn.Module, dataset: Dataset, count: int) -> Tensor:
    """A picture (3, 2 S, count S) in [0, 1]: the first `count` frames of a FrameDataset above, their reconstructions below."""
    return torch.cat(
        [torch.cat(list(row), dim=-1) for row in reconstruct(first_stage, dataset, count)], dim=-2
    )
