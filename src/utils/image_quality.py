"""How near images are to others: PSNR and SSIM."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, DEVIATION = 11, 1.5  # pixels, of SSIM's Gaussian window


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
