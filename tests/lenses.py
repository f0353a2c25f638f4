"""Frames seen through a lens, made from a pinhole's by a way of its own: Newton's method."""

import cv2
import numpy as np

# Of a wide lens: OpenCV's k1 k2 p1 p2. It bends straight lines by many pixels.
WIDE = (-0.4, 0.15, 0.002, -0.003)


def through_lens(
    frame: np.ndarray,
    focal: float,
    distortion: tuple[float, float, float, float],
    size: tuple[int, int],
    principal: tuple[float, float] | None = None,
) -> np.ndarray:
    """What a lens in the place of a pinhole shows, (height, width, channels) of `size`.

    frame: of the pinhole, whose principal point is in the middle. focal: of both, pixels.
    principal: (x, y) of the lens, pixels; the middle of the new frame by default.
    """
    height, width = size
    middle = np.array(principal or (width / 2, height / 2))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    seen = (np.stack([columns, rows], axis=-1) - middle) / focal
    rays = seen.copy()
    for _ in range(8):
        moved, slope = bend(rays, distortion)
        rays -= np.linalg.solve(slope, (moved - seen)[..., None])[..., 0]
    source = rays * focal + np.array(frame.shape[1::-1]) / 2 - 0.5
    return cv2.remap(frame, source.astype(np.float32), None, cv2.INTER_CUBIC)


def bend(
    rays: np.ndarray, distortion: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Points (..., 2) of the image plane as the lens shows them, and the derivative (..., 2, 2)."""
    k1, k2, p1, p2 = distortion
    x, y = rays[..., 0], rays[..., 1]
    r2 = x * x + y * y
    radial, change = 1 + k1 * r2 + k2 * r2 * r2, 2 * k1 + 4 * k2 * r2
    moved = [
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ]
    across = x * y * change + 2 * p1 * x + 2 * p2 * y
    slope = [
        [radial + x * x * change + 2 * p1 * y + 6 * p2 * x, across],
        [across, radial + y * y * change + 6 * p1 * y + 2 * p2 * x],
    ]
    return np.stack(moved, axis=-1), np.stack([np.stack(row, axis=-1) for row in slope], axis=-2)
