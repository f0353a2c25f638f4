"""Cameras of anyone's frames: our sampling-spec.json, COLMAP models, transforms.json (nerfstudio, Blender), RealEstate10K.

Whatever the file, poses come out in our convention (`photonvs.cameras.geometry`); how the world is turned does not matter, for
training as for the metrics. Cameras are pinholes: a file with lens distortion is refused.
"""

import json
import re
from pathlib import Path

import numpy as np

from ..geometry import check_poses
from ..realestate10k import read_realestate10k_text
from ..spec import read_spec
from .camera import Camera
from .colmap import read_colmap
from .transforms import read_transforms


def read_cameras(path: Path) -> list[Camera]:
    """The cameras of a file, or of the folder of a COLMAP model, in the order of the path.

    Order: as listed for sampling-spec.json and RealEstate10K; by image name, numbers in it by value, for the others.
    Raises ValueError or FileNotFoundError naming the file, what was found and what was expected.
    """
    if path.is_dir() or re.fullmatch(r"(images|cameras)\.(txt|bin)", path.name):
        cameras = read_colmap(path if path.is_dir() else path.parent)
    elif not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; expected a file of camera poses or the folder of a COLMAP model"
        )
    elif path.suffix == ".txt":
        cameras = _read_realestate10k(path)
    elif path.suffix == ".json":
        cameras = _read_json(path)
    else:
        raise ValueError(
            f"{path}: expected .json (sampling-spec, transforms), .txt (RealEstate10K) or a COLMAP model's folder"
        )
    if not cameras:
        raise ValueError(f"{path}: no cameras in it")
    try:
        check_poses(np.stack([camera.pose for camera in cameras]))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return cameras


def _read_realestate10k(path: Path) -> list[Camera]:
    """Poses and focal_y; square pixels and a central principal point fit the whole frame and its centre square alike."""
    sequence = read_realestate10k_text(path)
    rows = zip(sequence.timestamps, sequence.focal_y, sequence.poses, strict=True)
    return [
        Camera(_as_4x4(pose), str(timestamp), focal_y=float(focal_y), timestamp=int(timestamp))
        for timestamp, focal_y, pose in rows
    ]


def _as_4x4(pose: np.ndarray) -> np.ndarray:
    return np.vstack([np.asarray(pose, dtype=np.float64)[:3], [0.0, 0.0, 0.0, 1.0]])


def _read_json(path: Path) -> list[Camera]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if isinstance(content, dict) and "frames" in content:
        return read_transforms(path, content)
    spec = read_spec(path)
    return [
        Camera(pose, f"{index:04d}.png", focal_y=spec.focal_y)
        for index, pose in enumerate(spec.poses)
    ]
