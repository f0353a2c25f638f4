"""Cameras of anyone's frames, from any format in READERS.

Whatever the file, poses come out in our convention (`cameras.geometry`). How the world is turned
does not matter, neither for training nor for the metrics. Cameras are pinholes: lens distortion is
refused.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...utils.json_files import read_json
from ..geometry import check_poses
from ..realestate10k import read_realestate10k_text
from ..spec import read_spec
from .camera import Camera
from .colmap import read_colmap
from .transforms import read_transforms


class Reader(NamedTuple):
    """A format of cameras."""

    name: str  # for messages
    fits: Callable[[Path], bool]  # whether a file or folder that is there has this format
    read: Callable[[Path], list[Camera]]


def read_cameras(path: Path) -> list[Camera]:
    """The cameras of a file or folder, in the order of the path.

    sampling-spec.json and RealEstate10K list them in order. Others are sorted by image name,
    numbers in it by value. Raises ValueError or FileNotFoundError naming the file, what was found
    and what was expected.
    """
    colmap_file = re.fullmatch(r"(images|cameras)\.(txt|bin)", path.name)
    path = path.parent if colmap_file and not path.is_dir() else path
    names = ", ".join(reader.name for reader in READERS)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected {names}")
    reader = next((reader for reader in READERS if reader.fits(path)), None)
    if reader is None:
        raise ValueError(f"{path}: expected {names}")
    cameras = reader.read(path)
    if not cameras:
        raise ValueError(f"{path}: no cameras in it")
    try:
        check_poses(np.stack([camera.pose for camera in cameras]))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return cameras


def _has_frames(path: Path) -> bool:
    content = read_json(path) if path.suffix == ".json" else None
    return isinstance(content, dict) and "frames" in content


def _read_spec(path: Path) -> list[Camera]:
    spec = read_spec(path)
    return [
        Camera(pose, f"{index:04d}.png", focal_y=spec.focal_y)
        for index, pose in enumerate(spec.poses)
    ]


def _read_realestate10k(path: Path) -> list[Camera]:
    """Poses, times and focal_y; pixels are square and the principal point is in the middle.

    So the same camera fits the whole frame and its centre square.
    """
    sequence = read_realestate10k_text(path)
    poses = np.tile(np.eye(4), (len(sequence), 1, 1))
    poses[:, :3] = sequence.poses
    return [
        Camera(pose, str(timestamp), focal_y=float(focal_y), timestamp=int(timestamp))
        for timestamp, focal_y, pose in zip(
            sequence.timestamps, sequence.focal_y, poses, strict=True
        )
    ]


READERS = (
    Reader("a COLMAP model's folder", Path.is_dir, read_colmap),
    Reader("transforms.json (nerfstudio, Blender)", _has_frames, read_transforms),
    Reader("sampling-spec.json", lambda path: path.suffix == ".json", _read_spec),
    Reader("a RealEstate10K .txt", lambda path: path.suffix == ".txt", _read_realestate10k),
)
