"""Camera conventions and geometry.

A *pose* is a 4x4 camera-to-world matrix, rigid, with Blender's camera axes: x right, y up, looking
along -z. Lengths have the unit of the path. Intrinsics are fractions of the image, `focal_y` of its
height. Pixels are square and the principal point is at 0.5 unless stated.

*Pixels* have their origin at the image's top left corner. So the centre of the first pixel is (0.5,
0.5), as in COLMAP. All arrays here are numpy float64. What the network needs of cameras is in
`rays`.
"""

import math
from collections.abc import Sequence

import numpy as np

# Camera axes: OpenCV's (x right, y down, z forward) <-> Blender's (x right, y up, z backward).
OPENCV_TO_BLENDER = np.diag([1.0, -1.0, -1.0, 1.0])
# World axes: y down -> z up, (x, y, z) -> (x, z, -y).
Y_DOWN_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
ROTATION_TOLERANCE = 1e-3  # largest entry of |R^T R - I|; float32 rounding makes about 1e-7
LARGEST_FOCAL_Y = 20.0  # a field of view of 3 degrees; beyond it, somebody gave pixels
# Of training data. Beyond these the network's numbers are not finite, and one such camera among
# millions would spoil a training.
SMALLEST_FOCAL_LENGTH, LARGEST_NUMBER = 1e-3, 1e9


def from_realestate10k(extrinsics: np.ndarray) -> np.ndarray:
    """RealEstate10K's world-to-camera matrices (..., 3, 4) as our poses (..., 4, 4).

    RealEstate10K's camera has x right, y down, z forward. Its world has y down and becomes z up.
    """
    extrinsics = np.asarray(extrinsics, dtype=np.float64)
    last_row = np.broadcast_to([0.0, 0.0, 0.0, 1.0], (*extrinsics.shape[:-2], 1, 4))
    world_to_camera = np.concatenate([extrinsics, last_row], axis=-2)
    return Y_DOWN_TO_Z_UP @ np.linalg.inv(world_to_camera) @ OPENCV_TO_BLENDER


def to_realestate10k(poses: np.ndarray) -> np.ndarray:
    """The inverse of `from_realestate10k`: poses (..., 4, 4) as matrices (..., 3, 4)."""
    camera_to_world = Y_DOWN_TO_Z_UP.T @ np.asarray(poses, dtype=np.float64) @ OPENCV_TO_BLENDER
    return np.linalg.inv(camera_to_world)[..., :3, :]


def intrinsic_matrix(
    focal_y: float,
    image_size: tuple[int, int],
    focal_x: float | None = None,
    principal: tuple[float, float] = (0.5, 0.5),
) -> np.ndarray:
    """The matrix K (3, 3) in pixels.

    image_size: (height, width). focal_x: fraction of the width; None stands for square pixels.
    principal: (x, y), fractions of width and height.
    """
    height, width = image_size
    focal_x_pixels = focal_y * height if focal_x is None else focal_x * width
    rows = [
        [focal_x_pixels, 0, principal[0] * width],
        [0, focal_y * height, principal[1] * height],
        [0, 0, 1],
    ]
    return np.array(rows, dtype=np.float64)


def fundamental_matrix(
    pose_1: np.ndarray, pose_2: np.ndarray, intrinsics_1: np.ndarray, intrinsics_2: np.ndarray
) -> np.ndarray:
    """F (3, 3) with x2^T F x1 = 0 for homogeneous pixels x1, x2 of the same point.

    F = K2^-T [t]x R K1^-1: Hartley and Zisserman, Multiple View Geometry, section 9.2.
    It is zero for two cameras at the same place.
    """
    pose_1 = np.asarray(pose_1, dtype=np.float64) @ OPENCV_TO_BLENDER
    pose_2 = np.asarray(pose_2, dtype=np.float64) @ OPENCV_TO_BLENDER
    camera_1_to_2 = np.linalg.inv(pose_2) @ pose_1
    x, y, z = camera_1_to_2[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    essential = cross @ camera_1_to_2[:3, :3]
    return np.linalg.inv(intrinsics_2).T @ essential @ np.linalg.inv(intrinsics_1)


def focal_length_of(field_of_view: float) -> float:
    """The focal length of a field of view in degrees, as a fraction of the side that it spans."""
    return 0.5 / math.tan(math.radians(field_of_view) / 2)


def field_of_view_of(focal_length: float) -> float:
    """The inverse of `focal_length_of`: degrees across the side."""
    return math.degrees(2 * math.atan(0.5 / focal_length))


def check_focal_y(focal_y: float) -> None:
    """Raise ValueError unless `focal_y` can be a fraction of the frame's height."""
    if not 0 < focal_y < LARGEST_FOCAL_Y:
        raise ValueError(
            f"focal_y is {focal_y:g}; expected a fraction of the frame's height above 0 and below "
            f"{LARGEST_FOCAL_Y:g} (divide a focal length in pixels by the square frame's height)"
        )


def check_training_cameras(focal_lengths: np.ndarray, numbers: np.ndarray) -> None:
    """Raise ValueError for cameras that a training cannot learn from.

    focal_lengths: fractions of the image. numbers: all others, such as places; both of any shape.
    """
    largest = np.abs(numbers).max(initial=0.0)
    if not largest <= LARGEST_NUMBER:
        raise ValueError(f"found the number {largest:g}; expected at most {LARGEST_NUMBER:g}")
    right = (focal_lengths >= SMALLEST_FOCAL_LENGTH) & (focal_lengths < LARGEST_FOCAL_Y)
    if not right.all():
        raise ValueError(
            f"found the focal length {focal_lengths[~right].flat[0]:g}; expected a fraction of the "
            f"image, at least {SMALLEST_FOCAL_LENGTH:g} and below {LARGEST_FOCAL_Y:g}"
        )


def check_poses(poses: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Raise ValueError, naming the pose, unless `poses` are rigid (n, 4, 4) with n > 0.

    names: of the poses' frames, for the message.
    """
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
        raise ValueError(f"poses have the shape {poses.shape}; expected (n, 4, 4), n at least 1")
    for index, pose in enumerate(poses):
        fault = _fault(pose)
        if fault:
            name = "" if names is None else f" ({names[index]})"
            raise ValueError(f"pose {index}{name}{fault}")


def _fault(pose: np.ndarray) -> str | None:
    """What keeps a matrix (4, 4) from being rigid, or None."""
    if not np.isfinite(pose).all():
        return " holds NaN or infinity; expected finite numbers"
    if np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-6:
        row = " ".join(f"{value:g}" for value in pose[3])
        return (
            f": the last row is {row}; expected 0 0 0 1 (camera-to-world, translation in the last "
            "column)"
        )
    rotation = pose[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        product = rotation.T @ rotation
        deviation = np.abs(product - np.eye(3)).max()
    if deviation <= ROTATION_TOLERANCE:
        mirrors = np.linalg.det(rotation) < 0
        return ": its 3x3 part mirrors (determinant -1); expected a rotation" if mirrors else None
    scale = np.sqrt(product[0, 0])
    if np.isfinite(scale) and np.abs(product - scale**2 * np.eye(3)).max() <= (
        ROTATION_TOLERANCE * scale**2
    ):
        return (
            f": its 3x3 part is scaled by {scale:g}, so it is not a rotation; expected no scale: "
            "divide the part by it, or apply the camera's scale where the file comes from"
        )
    return (
        f": its 3x3 part R is not a rotation: R^T R differs from the identity by {deviation:.3g}; "
        f"expected at most {ROTATION_TOLERANCE:g} (no scale, no shear)"
    )
