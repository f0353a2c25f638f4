"""Random cameras, their files, projections, and pictures of a textured plane."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import settings

from photonvs.cameras.geometry import OPENCV_TO_BLENDER, intrinsic_matrix, to_realestate10k

unhurried = settings(deadline=None, max_examples=50)  # a slow machine is no failure


def random_pose(generator: np.random.Generator) -> np.ndarray:
    """A rigid camera-to-world matrix (4, 4)."""
    rotation, triangle = np.linalg.qr(generator.standard_normal((3, 3)))
    rotation = rotation * np.sign(np.diag(triangle))
    rotation[:, 0] *= np.linalg.det(rotation)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, generator.standard_normal(3)
    return pose


def random_poses(seed: int, count: int) -> np.ndarray:
    """Rigid camera-to-world matrices (count, 4, 4)."""
    generator = np.random.default_rng(seed)
    return np.stack([random_pose(generator) for _ in range(count)])


def write_realestate10k_text(
    path: Path,
    poses: np.ndarray,
    focal: tuple[float, float] = (0.5, 0.9),
    interval: int = 100_000,
    video: str = "abcdefghijk",
) -> Path:
    """RealEstate10K's text file of cameras (n, 4, 4); focal: (x, y); interval: microseconds."""
    lines = [f"https://www.youtube.com/watch?v={video}"]
    for index, extrinsics in enumerate(to_realestate10k(poses)):
        numbers = (*focal, 0.5, 0.5, 0.0, 0.0, *extrinsics.ravel())
        lines.append(f"{interval * index} " + " ".join(f"{number:.12f}" for number in numbers))
    path.write_text("\n".join(lines) + "\n")
    return path


def project(points: np.ndarray, pose: np.ndarray, focal_y: float, size: int) -> np.ndarray:
    """World points (n, 3) to pixels (n, 2), for a camera that looks along -z with y up."""
    in_camera = (points - pose[:3, 3]) @ pose[:3, :3]
    x, y, depth = in_camera[:, 0], in_camera[:, 1], -in_camera[:, 2]
    return np.stack(
        [size / 2 + focal_y * size * x / depth, size / 2 - focal_y * size * y / depth], axis=1
    )


def points_before(
    pose: np.ndarray, generator: np.random.Generator, count: int, focal_y: float
) -> np.ndarray:
    """World points (count, 3) that the camera sees."""
    depth = generator.uniform(1, 4, count)
    x, y = generator.uniform(-0.4, 0.4, (2, count)) * depth / focal_y
    return np.stack([x, y, -depth], axis=1) @ pose[:3, :3].T + pose[:3, 3]


def sideways_poses(count: int, step: float = 0.08) -> np.ndarray:
    """Cameras (count, 4, 4) at height 2 that look down on z = 0, move along x and turn a little."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    angles = 0.03 * np.arange(count)
    poses[:, 0, 0], poses[:, 0, 1], poses[:, 1, 0], poses[:, 1, 1] = (
        np.cos(angles),
        -np.sin(angles),
        np.sin(angles),
        np.cos(angles),
    )
    poses[:, :3, 3] = np.stack(
        [step * np.arange(count), 0.3 * step * np.arange(count), np.full(count, 2.0)], axis=1
    )
    return poses


def picture_of_plane(
    pose: np.ndarray, focal_y: float, size: tuple[int, int], seed: int = 0
) -> np.ndarray:
    """A camera's view of the randomly textured plane z = 0: (height, width) uint8."""
    noise = np.random.default_rng(seed).uniform(0, 255, (800, 800)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.5)
    texture = (255 * (texture - texture.min()) / np.ptp(texture)).astype(np.uint8)
    texture_to_plane = np.array([[0.01, 0, -4], [0, 0.01, -4], [0, 0, 1]])  # 8 x 8 units
    world_to_camera = np.linalg.inv(pose @ OPENCV_TO_BLENDER)
    plane_to_pixels = intrinsic_matrix(focal_y, size) @ world_to_camera[:3][:, [0, 1, 3]]
    # OpenCV counts from the first pixel's centre.
    first_centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    mapping = np.linalg.inv(first_centre) @ plane_to_pixels @ texture_to_plane
    return cv2.warpPerspective(texture, mapping, size[::-1], flags=cv2.INTER_AREA)


def write_frames(
    folder: Path, poses: np.ndarray, focal_y: float, size: tuple[int, int] = (96, 96)
) -> None:
    """Write 0000.png, 0001.png, …: what the cameras see of the plane."""
    folder.mkdir(parents=True)
    for index, pose in enumerate(poses):
        cv2.imwrite(str(folder / f"{index:04d}.png"), picture_of_plane(pose, focal_y, size))
