"""What the network sees of cameras: relative poses, a ray for each pixel, and the rays' encoding.

All are torch tensors in the caller's precision. Conventions are those of `geometry`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

RAY_FREQUENCIES = 4
RAY_FEATURES = 2 + 6 * (1 + 2 * RAY_FREQUENCIES)  # 56: 54 and a zero channel at each end


def invert_pose(pose: Tensor) -> Tensor:
    """The inverse of rigid transforms (..., 4, 4).

    It transposes the rotation, which is exact; a general inverse rounds.
    """
    rotation = pose[..., :3, :3].transpose(-1, -2)
    translation = -rotation @ pose[..., :3, 3:]
    return torch.cat([torch.cat([rotation, translation], dim=-1), pose[..., 3:, :]], dim=-2)


def relative_pose(pose: Tensor, reference: Tensor) -> Tensor:
    """`pose` seen from the camera `reference`, inv(reference) @ pose; all (..., 4, 4)."""
    return invert_pose(reference) @ pose


def ray_map(pose: Tensor, focal_y: float | Tensor, size: int) -> Tensor:
    """The ray of every pixel (..., 6, size, size): unit direction, then camera centre.

    Both are in the frame that `pose` (..., 4, 4) maps to. focal_y: fraction of the image's height,
    scalar or (...). The grid is `size` points from -1 to 1 *inclusive*, as in the published system:
    the outermost rays pass through the image's edges.
    """
    line = torch.linspace(-1, 1, size, dtype=pose.dtype, device=pose.device)
    y, x = torch.meshgrid(-line, line, indexing="ij")
    focal_y = torch.as_tensor(focal_y, dtype=pose.dtype, device=pose.device)
    scale = 1 / (2 * focal_y)[..., None, None]
    x, y = torch.broadcast_tensors(x * scale, y * scale)
    direction = F.normalize(torch.stack([x, y, -torch.ones_like(x)], dim=-3), dim=-3)
    direction = torch.einsum("...ij,...jhw->...ihw", pose[..., :3, :3], direction)
    centre = pose[..., :3, 3, None, None].expand_as(direction)
    return torch.cat([direction, centre], dim=-3)


def ray_features(rays: Tensor) -> Tensor:
    """The frequency encoding of ray maps: (..., 6, size, size) -> (..., 56, size, size).

    The channels are zero, the six raw ones, then sin and then cos of channel * pi * 2^k / 6,
    frequency-major for k = 0..3, and zero. 56 divides by 8, which the published network's group
    normalization needs.
    """
    sines, cosines = [(rays * (math.pi / 6)).sin()], [(rays * (math.pi / 6)).cos()]
    for _ in range(RAY_FREQUENCIES - 1):
        # Those of the double angle: much cheaper than more sines.
        sines.append(2 * sines[-1] * cosines[-1])
        cosines.append(1 - 2 * sines[-2].square())
    zero = torch.zeros_like(rays[..., :1, :, :])
    return torch.cat([zero, rays, *sines, *cosines, zero], dim=-3)


def pair_ray_features(
    target: Tensor, cond: Tensor, focal_y: float | Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Ray features (ref, target, cond) of a pair of cameras, each (..., 56, size, size).

    `ref` is the identity pose, `target` the target's pose seen from the conditioning camera, `cond`
    the reverse.
    """
    poses = (
        torch.eye(4).to(target).expand_as(target),
        relative_pose(target, cond),
        relative_pose(cond, target),
    )
    ref, target_rays, cond_rays = (ray_features(ray_map(pose, focal_y, size)) for pose in poses)
    return ref, target_rays, cond_rays
