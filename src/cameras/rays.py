"""The network's view of cameras: relative poses, a ray for every pixel, and its frequency encoding; torch tensors."""

import math

import torch
from torch import Tensor

RAY_FREQUENCIES = 4
RAY_FEATURES = 2 + 6 * (1 + 2 * RAY_FREQUENCIES)  # 56: 54 and a zero channel at each end


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
