"""How well a first stage gives back images: PSNR, SSIM, and pictures to look at."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..utils.distributed import device_of
from ..utils.image_quality import psnr, ssim
from ..utils.pictures import from_bytes, to_bytes

BATCH = 8  # images


@torch.no_grad()
def reconstruct(first_stage: nn.Module, dataset: Dataset, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` frames of a FrameDataset, and their reconstructions.

    Each is (count, 3, S, S) in [0, 1], on the CPU. Reconstructions are rounded to the 256 values
    that image files hold.
    """
    device = device_of(first_stage)
    images = torch.stack([dataset[number]["image"] for number in range(count)])
    parts = [
        to_bytes(first_stage.decode(first_stage.encode(from_bytes(part.to(device))))).cpu()
        for part in images.split(BATCH)
    ]
    return images / 255, torch.cat(parts) / 255


def reconstruction_quality(
    first_stage: nn.Module, dataset: Dataset, count: int
) -> dict[str, float]:
    """Mean `psnr` (dB) and `ssim` over the first `count` frames of a FrameDataset."""
    images, made = reconstruct(first_stage, dataset, count)
    return {"psnr": psnr(made, images).mean().item(), "ssim": ssim(made, images).mean().item()}


def reconstruction_picture(first_stage: nn.Module, dataset: Dataset, count: int) -> Tensor:
    """A picture (3, 2 S, count S) in [0, 1]: frames as above, below them their reconstructions."""
    rows = [torch.cat(list(row), dim=-1) for row in reconstruct(first_stage, dataset, count)]
    return torch.cat(rows, dim=-2)
