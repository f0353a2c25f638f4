"""How well a first stage gives back images: PSNR, SSIM, and pictures to look at."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

WINDOW, DEVIATION = 11, 1.5  # pixels, of SSIM's Gaussian window
BATCH = 8  # images


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratios (n,) in dB of images (n, 3, h, w) in [0, 1]; infinite for equal ones."""
    return -10 * (images - others).square().mean(dim=(1, 2, 3)).log10()


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """Structural similarities (n,) of images (n, 3, h, w) in [0, 1], at least 11 pixels high and wide; 1 for equal ones.

    Wang et al. 2004, section III.B, with its Gaussian window and constants: over each channel, the mean of all places where
    the window lies inside.
    """
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(
            f"SSIM: images of {images.shape[3]}x{images.shape[2]} pixels; expected at least {WINDOW}x{WINDOW}"
        )
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * DEVIATION**2))
    line = line / line.sum()

    def average(x: Tensor) -> Tensor:
        rows = F.conv2d(x.flatten(0, 1)[:, None], line[None, None, None])
        return F.conv2d(rows, line[None, None, :, None]).view(*x.shape[:2], -1)

    mean, other_mean = average(images), average(others)
    variance = average(images.square()) - mean.square()
    other_variance = average(others.square()) - other_mean.square()
    covariance = average(images * others) - mean * other_mean
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean * other_mean + c1) / (mean.square() + other_mean.square() + c1)
    structure = (2 * covariance + c2) / (variance + other_variance + c2)
    return (luminance * structure).mean(dim=(1, 2))


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
