"""How near images are to others: PSNR and SSIM."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Pixels, of SSIM's Gaussian window.
WINDOW = 11
DEVIATION = 1.5


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratios (n,) in dB of images (n, 3, h, w) in [0, 1].

    Infinite for equal ones.
    """
    return -10 * (images - others).square().mean(dim=(1, 2, 3)).log10()


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """Structural similarities (n,) of images (n, 3, h, w) in [0, 1]; 1 for equal ones.

    Wang et al. 2004, section III.B, with its Gaussian window and constants. It is the mean over the
    channels and over all places where the window lies inside. Raises ValueError for images less
    than 11 pixels high or wide.
    """
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(
            f"SSIM: images of {images.shape[3]}x{images.shape[2]} pixels; "
            f"expected at least {WINDOW}x{WINDOW}"
        )
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * DEVIATION**2))
    line = line / line.sum()

    def average(x: Tensor) -> Tensor:
        """Of the window, at all places: (n, 3, places)."""
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
