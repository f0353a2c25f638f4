"""RealEstate10K's text files as cameras; `cameras.realestate10k` has the format."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...utils.files import write_text
from ..realestate10k import read_realestate10k_text, realestate10k_text
from .camera import Camera
from .source import Source

INTERVAL = 100_000  # microseconds from one camera to the next, of cameras without times
# .invalid leads nowhere (RFC 2606): a downloader cannot fetch a stranger's video instead.
ADDRESS = "https://own-footage.invalid"


def is_realestate10k(source: Source) -> bool:
    """Whether it is a text file."""
    return source.path.suffix == ".txt"


def read_realestate10k(source: Source) -> list[Camera]:
    """Poses and times in order of time, and lenses of square pixels.

    So the same camera fits the whole frame and its centre square.
    """
    sequence = read_realestate10k_text(source.path)
    poses = sequence.matrices
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


def write_realestate10k(cameras: list[Camera], path: Path) -> None:
    """Write a text file. Cameras without times are a tenth of a second apart.

    Each camera needs its size or aspect. Raises ValueError for a distorted lens.
    """
    distorted = next((camera for camera in cameras if camera.distortion), None)
    if distorted:
        raise ValueError(
            f"{distorted.image_name}: a distorted lens, which RealEstate10K's format does not "
            "have; take colmap or transforms"
        )
    sized = [replace(camera, size=camera.size or (1, camera.aspect)) for camera in cameras]
    times = [camera.timestamp for camera in cameras]
    if None in times:
        times = [INTERVAL * index for index in range(len(cameras))]
    write_text(path, text_of_cameras(sized, times, f"watch?v={path.stem}"))


def text_of_cameras(cameras: list[Camera], timestamps: list[int], place: str) -> str:
    """The content of a text file, with numbers to the last bit.

    cameras: each with its size; `aspect` by 1 will do. timestamps: microseconds, one a camera.
    place: of the video, behind ADDRESS.
    """
    lenses = [(*one.focal_lengths(one.size)[::-1], *one.principal) for one in cameras]
    poses = np.stack([camera.pose for camera in cameras])
    return realestate10k_text(f"{ADDRESS}/{place}", timestamps, np.array(lenses), poses)
