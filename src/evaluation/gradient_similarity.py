"""Gradient magnitude similarity deviation (GMSD): whether edges are where they should be."""

import math

import numpy as np

CONSTANT = 170.0  # of the similarity, for grey values from 0 to 255
LUMINANCE = np.array([0.2989, 0.5870, 0.1140])  # of red, green and blue, as in the published code
SMALLEST = 4  # pixels a side: below, there are no two places to compare


def gmsd(frame: np.ndarray, true: np.ndarray) -> float:
    """The deviation of two uint8 frames (height, width, 3), 0 for equal ones, below 1.

    Xue, Zhang, Mou and Bovik 2014, section II. Grey values are halved in size first. The frames
    are zero outside, as in the published code. NaN for a side below `SMALLEST` pixels.
    """
    if min(frame.shape[:2]) < SMALLEST:
        return math.nan
    first, second = _gradient_magnitude(frame), _gradient_magnitude(true)
    similarity = (2 * first * second + CONSTANT) / (first**2 + second**2 + CONSTANT)
    return float(similarity.std(ddof=1))


def _gradient_magnitude(frame: np.ndarray) -> np.ndarray:
    """Length of the gradient of the halved grey values, (height // 2, width // 2)."""
    grey = frame @ LUMINANCE
    height, width = (side // 2 * 2 for side in grey.shape)
    blocks = grey[:height, :width].reshape(height // 2, 2, width // 2, 2)
    padded = np.pad(blocks.mean(axis=(1, 3)), 1)
    # Prewitt's filters: the difference across, the mean of three along.
    across = padded[:, 2:] - padded[:, :-2]
    down = padded[2:] - padded[:-2]
    x = (across[:-2] + across[1:-1] + across[2:]) / 3
    y = (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / 3
    return np.hypot(x, y)
