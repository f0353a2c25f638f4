"""How much of a view a photo shows, if what it shows were a flat poster.

The poster hangs upright before the photo's camera, `distance` away, and fills its square exactly.
Conventions are those of `geometry`. Image places are fractions of the square frame: x to the right
and y down, both from 0 to 1.
"""

import numpy as np

from .geometry import OPENCV_TO_BLENDER, intrinsic_matrix

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])  # of a frame, clockwise
NEAREST = 1e-6  # of the distance: what is nearer than this to a camera's plane is cut off


def poster_corners(photo_pose: np.ndarray, focal_y: float, distance: float) -> np.ndarray:
    """The poster's corners (4, 3) in the world, clockwise from the top left as the photo sees them.

    Raises ValueError unless `distance` is above 0.
    """
    if not 0 < distance < np.inf:
        raise ValueError(f"distance {distance:g}: expected a finite length above 0")
    half = 0.5 * distance / focal_y
    x, y = (2 * CORNERS.T - 1) * half
    corners = np.stack([x, -y, np.full(4, -distance), np.ones(4)])
    return (photo_pose @ corners)[:3].T


def poster_to_view(
    pose: np.ndarray, photo_pose: np.ndarray, focal_y: float, distance: float
) -> np.ndarray:
    """The homography (3, 3) from places in the photo to places in the view of `pose`.

    H = K (R + t n^T / d) K^-1, with n the plane's normal: Hartley and Zisserman, Multiple View
    Geometry, section 13.1. Divided by the third coordinate, which is above 0 before the camera.
    """
    photo_to_view = np.linalg.inv(pose @ OPENCV_TO_BLENDER) @ photo_pose @ OPENCV_TO_BLENDER
    motion = photo_to_view[:3, :3].copy()
    motion[:, 2] += photo_to_view[:3, 3] / distance
    intrinsics = intrinsic_matrix(focal_y, (1, 1))
    return intrinsics @ motion @ np.linalg.inv(intrinsics)


def poster_in_view(
    pose: np.ndarray, photo_pose: np.ndarray, focal_y: float, distance: float
) -> np.ndarray:
    """The part of the poster that a view shows: the corners (n, 2) of a convex polygon.

    It is empty where the view shows nothing of it, or only its back.
    """
    if is_behind(pose, photo_pose, distance):
        return np.zeros((0, 2))
    homography = poster_to_view(pose, photo_pose, focal_y, distance)
    polygon = np.column_stack([CORNERS, np.ones(4)]) @ homography.T
    # In homogeneous places: before the camera, then within the four borders.
    for border in ((0, 0, 1), (1, 0, 0), (-1, 0, 1), (0, 1, 0), (0, -1, 1)):
        least = NEAREST if border == (0, 0, 1) else 0.0
        polygon = _clipped(polygon, polygon @ np.array(border, dtype=np.float64) - least)
    return polygon[:, :2] / polygon[:, 2:]


def is_behind(pose: np.ndarray, photo_pose: np.ndarray, distance: float) -> bool:
    """Whether a camera stands behind the poster, and so sees its back at most."""
    return bool((np.linalg.inv(photo_pose) @ pose)[2, 3] <= -distance)


def covered_share(
    pose: np.ndarray, photo_pose: np.ndarray, focal_y: float, distance: float
) -> float:
    """The share of a view that the poster fills, from 0 to 1. The rest must be invented."""
    polygon = poster_in_view(pose, photo_pose, focal_y, distance)
    x, y = polygon.T
    return float(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2)


def _clipped(polygon: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The part of a convex polygon (n, 3) where `inside` (n,), linear in the corners, is >= 0."""
    corners: list[np.ndarray] = []
    for index in range(len(polygon)):
        before = index - 1
        if (inside[index] >= 0) != (inside[before] >= 0):
            part = inside[before] / (inside[before] - inside[index])
            corners.append(polygon[before] + part * (polygon[index] - polygon[before]))
        if inside[index] >= 0:
            corners.append(polygon[index])
    return np.array(corners).reshape(-1, 3)
