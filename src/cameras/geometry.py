"""Camera conventions and geometry, in one place.

A *pose* is a 4x4 camera-to-world matrix, rigid, with Blender's camera axes: x right, y up, looking along -z; lengths are in
the unit of the trajectory. Intrinsics are fractions of the image: `focal_y` of its height; square pixels and a principal
point at 0.5 unless stated. *Pixels* have their origin at the image's top left corner, so the centre of the first
pixel is (0.5, 0.5), as in COLMAP. The network's inputs are torch tensors in the caller's precision; the geometry used for
reading data and for evaluation is numpy float64.
"""

import math

import numpy as np
import torch
from torch import Tensor

RAY_FREQUENCIES = 4
RAY_FEATURES = 2 + 6 * (1 + 2 * RAY_FREQUENCIES)  # 56: 54 and a zero channel at each end

# Camera axes: OpenCV's (x right, y down, z forward) <-> Blender's (x right, y up, z backward).
OPENCV_TO_BLENDER = np.diag([1.0, -1.0, -1.0, 1.0])
# World axes: y down -> z up, (x, y, z) -> (x, z, -y).
Y_DOWN_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def invert_pose(pose: Tensor) -> Tensor:
    """Inverse of rigid transforms (..., 4, 4): the rotation transposed, exact where a general inverse rounds."""
    rotation = pose[..., :3, :3].transpose(-1, -2)
    translation = -rotation @ pose[..., :3, 3:]
    return torch.cat([torch.cat([rotation, translation], dim=-1), pose[..., 3:, :]], dim=-2)


def relative_pose(pose: Tensor, reference: Tensor) -> Tensor:
    """`pose` seen from the camera `reference`: inv(reference) @ pose; both (..., 4, 4) camera-to-world."""
    return invert_pose(reference) @ pose


def ray_map(pose: Tensor, focal_y: float | Tensor, size: int) -> Tensor:
    """Ray of every pixel, (..., 6, size, size): unit direction, then camera centre, in the frame that `pose` maps to.

    pose: (..., 4, 4). focal_y: fraction of the image's height, scalar or (...). The grid is `size` points from -1 to 1
    *inclusive* (the outermost rays pass through the image's edges), as in the published system.
    """
    line = torch.linspace(-1, 1, size, dtype=pose.dtype, device=pose.device)
    y, x = torch.meshgrid(-line, line, indexing="ij")
    scale = (
        1 / (2 * torch.as_tensor(focal_y, dtype=pose.dtype, device=pose.device))[..., None, None]
    )
    x, y = torch.broadcast_tensors(x * scale, y * scale)
    direction = torch.nn.functional.normalize(
        torch.stack([x, y, -torch.ones_like(x)], dim=-3), dim=-3
    )
    direction = torch.einsum("...ij,...jhw->...ihw", pose[..., :3, :3], direction)
    centre = pose[..., :3, 3, None, None].expand_as(direction)
    return torch.cat([direction, centre], dim=-3)


def ray_features(rays: Tensor) -> Tensor:
    """Frequency encoding of ray maps: (..., 6, size, size) -> (..., 56, size, size).

    A zero channel, the six raw channels, then sin and then cos of channel * pi * 2^k / 6, frequency-major for
    k = 0..3, and a zero channel (56 divides by 8, which the published network's group normalization needs).
    """
    sines, cosines = [(rays * (math.pi / 6)).sin()], [(rays * (math.pi / 6)).cos()]
    for _ in range(RAY_FREQUENCIES - 1):  # the double angle's: much cheaper than more sines
        sines.append(2 * sines[-1] * cosines[-1])
        cosines.append(1 - 2 * sines[-2].square())
    zero = torch.zeros_like(rays[..., :1, :, :])
    return torch.cat([zero, rays, *sines, *cosines, zero], dim=-3)


def pair_ray_features(
    target: Tensor, cond: Tensor, focal_y: float | Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Ray features (ref, target, cond) of a target and a conditioning camera, each (..., 56, size, size).

    `ref` is the identity pose, `target` the target's pose in the conditioning camera's frame, `cond` the reverse.
    """
    poses = (
        torch.eye(4).to(target).expand_as(target),
        relative_pose(target, cond),
        relative_pose(cond, target),
    )
    ref, target_rays, cond_rays = (ray_features(ray_map(pose, focal_y, size)) for pose in poses)
    return ref, target_rays, cond_rays


def from_realestate10k(extrinsics: np.ndarray) -> np.ndarray:
    """RealEstate10K world-to-camera matrices (..., 3, 4) -> our camera-to-world poses (..., 4, 4), float64.

    RealEstate10K's camera has x right, y down, z forward; its world has y down and becomes z up.
    """
    extrinsics = np.asarray(extrinsics, dtype=np.float64)
    last_row = np.broadcast_to([0.0, 0.0, 0.0, 1.0], (*extrinsics.shape[:-2], 1, 4))
    world_to_camera = np.concatenate([extrinsics, last_row], axis=-2)
    return Y_DOWN_TO_Z_UP @ np.linalg.inv(world_to_camera) @ OPENCV_TO_BLENDER


def to_realestate10k(poses: np.ndarray) -> np.ndarray:
    """The inverse of `from_realestate10k`: poses (..., 4, 4) -> world-to-camera matrices (..., 3, 4), float64."""
    camera_to_world = Y_DOWN_TO_Z_UP.T @ np.asarray(poses, dtype=np.float64) @ OPENCV_TO_BLENDER
    return np.linalg.inv(camera_to_world)[..., :3, :]


def intrinsic_matrix(
    focal_y: float,
    image_size: tuple[int, int],
    focal_x: float | None = None,
    principal: tuple[float, float] = (0.5, 0.5),
) -> np.ndarray:
    """The 3x3 matrix K in pixels. image_size: (height, width). focal_x: fraction of the width (default: square pixels).

    principal: (x, y) as fractions of width and height.
    """
    height, width = image_size
    focal_x_pixels = focal_y * height if focal_x is None else focal_x * width
    return np.array(
        [
            [focal_x_pixels, 0, principal[0] * width],
            [0, focal_y * height, principal[1] * height],
            [0, 0, 1],
        ],
        dtype=np.float64,
    )


def fundamental_matrix(
    pose_1: np.ndarray, pose_2: np.ndarray, intrinsics_1: np.ndarray, intrinsics_2: np.ndarray
) -> np.ndarray:
    """F with x2^T F x1 = 0 for homogeneous pixels of the same point: F = K2^-T [t]x R K1^-1, float64 (3, 3).

    Hartley and Zisserman, Multiple View Geometry, section 9.2. It is zero for two cameras at the same place.
    """
    pose_1, pose_2 = (
        np.asarray(pose, dtype=np.float64) @ OPENCV_TO_BLENDER for pose in (pose_1, pose_2)
    )
    camera_1_to_2 = np.linalg.inv(pose_2) @ pose_1
    x, y, z = camera_1_to_2[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (
        np.linalg.inv(intrinsics_2).T @ cross @ camera_1_to_2[:3, :3] @ np.linalg.inv(intrinsics_1)
    )
