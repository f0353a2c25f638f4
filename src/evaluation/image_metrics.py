"""How close a generated frame is to the true one: PSNR and SSIM of uint8 frames."""

import math

import numpy as np
import torch
from torch import Tensor

from ..utils import image_quality


def psnr(frame: np.ndarray, true: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 frames of one shape; infinite if equal."""
    return float(image_quality.psnr(_to_tensor(frame), _to_tensor(true)))


def ssim(frame: np.ndarray, true: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two uint8 frames of one shape.

    NaN for frames smaller than its window.
    """
    if min(frame.shape[:2]) < image_quality.WINDOW:
        return math.nan
    return float(image_quality.ssim(_to_tensor(frame), _to_tensor(true)))


def _to_tensor(frame: np.ndarray) -> Tensor:
    """(1, 3, height, width) float64 in [0, 1]."""
    return torch.from_numpy(frame).permute(2, 0, 1)[None].double() / 255
