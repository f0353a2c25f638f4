"""Lens distortion, undone in points and in images: OpenCV's model with up to eight coefficients.

A point at (x, y) of the pinhole's image plane is seen at x (1 + k1 r^2 + ...) + tangential terms
(docs.opencv.org, "Camera Calibration and 3D Reconstruction"). Undone, a frame keeps its size, focal
lengths and principal point. Pixels have their origin at the image's top left corner.
"""

from dataclasses import replace

import cv2
import numpy as np

from .files.camera import Camera
from .geometry import intrinsic_matrix

NEGLIGIBLE = 0.1  # pixels; a lens that moves nothing by more is a pinhole
EDGE = 2  # pixels that cubic interpolation looks at, beside a point
GRID = 33  # points along each side of an image, where a lens is looked at
ITERATIONS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-10)

Size = tuple[int, int]  # (height, width), pixels


def matrix_of(camera: Camera, size: Size) -> np.ndarray:
    """The camera's matrix K (3, 3) for images of `size`."""
    focal_y, focal_x = camera.focal_lengths(size)
    return intrinsic_matrix(focal_y, size, focal_x, camera.principal)


def is_distorted(camera: Camera, size: Size) -> bool:
    """Whether the lens moves a point of the image by more than NEGLIGIBLE pixels."""
    if not any(camera.distortion):
        return False
    points = grid_points(np.zeros(2), np.array(size[::-1], np.float64))
    moved = np.linalg.norm(distort(points, camera, size) - points, axis=1).max()
    return not moved <= NEGLIGIBLE  # NaN is no small number


def pinhole(camera: Camera) -> Camera:
    """The camera of a frame whose lens was undone."""
    return replace(camera, distortion=())


def distort(points: np.ndarray, camera: Camera, size: Size) -> np.ndarray:
    """Where the lens shows the points (n, 2) of a pinhole's image, pixels."""
    matrix = matrix_of(camera, size)
    rays = (np.column_stack([points, np.ones(len(points))])) @ np.linalg.inv(matrix).T
    seen, _ = cv2.projectPoints(
        rays, np.zeros(3), np.zeros(3), matrix, np.array(camera.distortion, np.float64)
    )
    return seen[:, 0]


def undistort(points: np.ndarray, camera: Camera, size: Size) -> np.ndarray:
    """The inverse of `distort`; NaN where the model has none, far outside."""
    if not len(points):
        return np.zeros((0, 2))
    # Its name in OpenCV 4, and in OpenCV 5.
    undistort_points = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
    matrix = matrix_of(camera, size)
    found = undistort_points(
        np.asarray(points, np.float64)[:, None],
        matrix,
        np.array(camera.distortion, np.float64),
        R=np.eye(3),
        P=matrix,
        criteria=ITERATIONS,
    )[:, 0]
    off = np.linalg.norm(distort(found, camera, size) - points, axis=1)
    return np.where((off < NEGLIGIBLE)[:, None], found, np.nan)


def undistort_frame(frame: np.ndarray, camera: Camera) -> np.ndarray:
    """A frame (height, width, 3) uint8 as a pinhole shows it; black where the lens saw nothing."""
    height, width = frame.shape[:2]
    matrix = matrix_of(camera, (height, width))
    matrix[:2, 2] -= 0.5  # OpenCV counts from the first pixel's centre
    maps = cv2.initUndistortRectifyMap(
        matrix, np.array(camera.distortion), None, matrix, (width, height), cv2.CV_32FC1
    )
    return cv2.remap(frame, *maps, cv2.INTER_CUBIC)


def sees(corner: np.ndarray, opposite: np.ndarray, camera: Camera, size: Size) -> bool:
    """Whether the lens saw all of a box of the pinhole's image.

    corner, opposite: (x, y) of its corners. Where a strong lens folds the image, it saw nothing.
    """
    points = grid_points(corner, opposite)
    seen = distort(points, camera, size)
    inside = ((seen >= EDGE) & (seen <= np.array(size[::-1]) - EDGE)).all()
    back = undistort(seen, camera, size)
    return bool(inside and (np.linalg.norm(back - points, axis=1) < 10 * NEGLIGIBLE).all())


def grid_points(corner: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """Points (GRID^2, 2) of a box, on its sides as well."""
    xs, ys = (np.linspace(*ends, GRID) for ends in zip(corner, opposite, strict=True))
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
