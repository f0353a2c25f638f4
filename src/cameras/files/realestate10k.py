"""RealEstate10K's text files as cameras; `cameras.realestate10k` has the format."""

import numpy as np

from ...utils.files import atomic_path
from ..realestate10k import read_realestate10k_text, realestate10k_text
from .camera import Camera
from .source import Source

INTERVAL = 100_000  # microseconds from one camera to the next, of cameras without times
# .invalid leads nowhere (RFC 2606): a downloader cannot fetch a stranger's video instead.
ADDRESS = "https://own-footage.invalid/watch?v={}"


def is_realestate10k(source: Source) -> bool:
    """Whether it is a text file."""
    return source.path.suffix == ".txt"


def read_realestate10k(source: Source) -> list[Camera]:
    """Poses and times in order of time, and lenses of square pixels.

    So the same camera fits the whole frame and its centre square.
    """
    sequence = read_realestate10k_text(source.path)
    poses = np.tile(np.eye(4), (len(sequence), 1, 1))
    poses[:, :3] = sequence.poses
    return [
        Camera(
            poses[k],
            str(sequence.timestamps[k]),
            focal_y=float(sequence.focal_y[k]),
            principal=(float(sequence.principal_x[k]), float(sequence.principal_y[k])),
            timestamp=int(sequence.timestamps[k]),
            aspect=float(sequence.focal_y[k] / sequence.focal_x[k]),
        )
        for k in range(len(sequence))
    ]


def write_realestate10k(cameras: list[Camera], path: object) -> None:
    """Write a text file. Cameras without times are a tenth of a second apart.

    Each camera needs its size or aspect. Raises ValueError for a distorted lens.
    """
    distorted = next((camera for camera in cameras if camera.distortion), None)
    if distorted:
        raise ValueError(
            f"{distorted.image_name}: a distorted lens, which RealEstate10K's format does not "
            "have; take colmap or transforms"
        )
    lenses = []
    for camera in cameras:
        size = camera.size or (1, camera.aspect)
        focal_y, focal_x = camera.focal_lengths(size)
        lenses.append((focal_x, focal_y, *camera.principal))
    times = [camera.timestamp for camera in cameras]
    if None in times:
        times = [INTERVAL * index for index in range(len(cameras))]
    poses = np.stack([camera.pose for camera in cameras])
    text = realestate10k_text(ADDRESS.format(path.stem), times, np.array(lenses), poses)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
