"""Rotations as matrices, unit quaternions and rotation vectors; all numpy float64.

Quaternions are (w, x, y, z), as in COLMAP. A rotation vector has the direction of the axis, and the
angle in radians as its length. Formulas: Shuster, A Survey of Attitude Representations, 1993.
"""

import numpy as np


def matrix_of_quaternion(quaternion: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of quaternions (..., 4), which need not have unit length."""
    quaternion = np.asarray(quaternion, dtype=np.float64)
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def quaternion_of_matrix(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4) of rotations (..., 3, 3), with w at least 0."""
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(np.asarray(rotation), (-2, -1), (0, 1))
    # 4 q q^T. Each row is a multiple of q, and the longest has the smallest rounding error.
    rows = [
        [1 + a + e + i, h - f, c - g, d - b],
        [h - f, 1 + a - e - i, b + d, c + g],
        [c - g, b + d, 1 - a + e - i, f + h],
        [d - b, c + g, f + h, 1 - a - e + i],
    ]
    products = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    longest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    quaternion = np.take_along_axis(products, longest[..., None, None], axis=-2)[..., 0, :]
    quaternion /= np.linalg.norm(quaternion, axis=-1, keepdims=True)
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_of_vector(vector: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of rotation vectors (..., 3)."""
    half = np.asarray(vector, dtype=np.float64) / 2
    angle = np.linalg.norm(half, axis=-1, keepdims=True)
    # sinc(x / pi) is sin(x) / x, and 1 where x is 0.
    return matrix_of_quaternion(
        np.concatenate([np.cos(angle), half * np.sinc(angle / np.pi)], axis=-1)
    )


def vector_of_matrix(rotation: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) of rotations (..., 3, 3), at most pi long."""
    quaternion = quaternion_of_matrix(rotation)
    axis = quaternion[..., 1:]
    half = np.arctan2(np.linalg.norm(axis, axis=-1, keepdims=True), quaternion[..., :1])
    return 2 * axis / np.sinc(half / np.pi)


def interpolated(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) on the shortest way from one to another: slerp (Shoemake, 1985).

    start, end: (n, 3, 3). share: (n,), 0 at the start and 1 at the end.
    """
    turn = vector_of_matrix(np.swapaxes(start, -2, -1) @ end)
    return start @ matrix_of_vector(share[:, None] * turn)
