"""Cameras of anyone's frames, from any format in READERS.

Whatever the file, poses come out in our convention (`cameras.geometry`). How the world is turned
does not matter, neither for training nor for the metrics.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...utils.json_files import read_json
from ..geometry import check_poses
from ..spec import read_spec
from .camera import Camera
from .camera_path import is_camera_path, read_camera_path
from .colmap import has_model, is_colmap, is_file_of_model, read_colmap
from .matrices import is_matrices, read_matrices
from .realestate10k import is_realestate10k, read_realestate10k
from .source import Source
from .transforms import is_transforms, read_transforms

# Where the cameras are in a folder of nerfstudio, of COLMAP, or of a splatting tool.
PLACES = ("transforms.json", "sparse/0", "sparse", "colmap/sparse/0")


class Reader(NamedTuple):
    """A format of cameras."""

    name: str  # for messages
    fits: Callable[[Source], bool]  # whether a file or folder that is there has this format
    read: Callable[[Source], list[Camera]]


def read_cameras(
    path: Path,
    images: Path | None = None,
    axes: str = "blender",
    distorted: bool = False,
    lens: bool = True,
) -> list[Camera]:
    """The cameras of a file or folder, in the order of the path.

    Files that list frames by name are sorted by it, numbers in it by value; others keep their
    order. images: the frames' folder, for files that do not say how large those are. axes: of plain
    matrices' cameras, blender or opencv. distorted: take lenses with distortion, which else is
    refused. lens: refuse cameras without a focal length. Raises ValueError or FileNotFoundError
    naming the file, what was found and what was expected.
    """
    source, reader = find_reader(path, images, axes)
    if axes != "blender" and reader.read is not read_matrices:
        raise ValueError(
            f"{path}: --axes goes with plain matrices; {reader.name} has axes of its own"
        )
    cameras = reader.read(source)
    _check(path, cameras, distorted, lens)
    return cameras


def find_reader(
    path: Path, images: Path | None = None, axes: str = "blender"
) -> tuple[Source, Reader]:
    """What to read, and by which of READERS; errors as `read_cameras`.

    Of a folder that is no model itself, the file or the model that programs keep in it.
    """
    names = ", ".join(reader.name for reader in READERS)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected {names}")
    path = path.parent if is_file_of_model(path) else path
    if path.is_dir() and not has_model(path):
        inside = (path / place for place in PLACES)
        path = next((one for one in inside if one.is_file() or has_model(one)), path)
    is_json = path.suffix.lower() == ".json" and path.is_file()
    source = Source(path, read_json(path) if is_json else None, images, axes)
    reader = next((reader for reader in READERS if reader.fits(source)), None)
    if reader is None:
        raise ValueError(f"{path}: expected {names}")
    return source, reader


def _check(path: Path, cameras: list[Camera], distorted: bool, lens: bool) -> None:
    if not cameras:
        raise ValueError(f"{path}: no cameras in it")
    try:
        check_poses(
            np.stack([camera.pose for camera in cameras]), [camera.image_name for camera in cameras]
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    for camera in cameras:
        if camera.distortion and not distorted:
            terms = " ".join(f"{term:g}" for term in camera.distortion)
            raise ValueError(
                f"{path}: camera of {camera.image_name}: lens distortion {terms} (k1 k2 p1 p2 …); "
                "expected a pinhole: undistort the images (COLMAP: image_undistorter)"
            )
        if lens and camera.focal_y is None and camera.focal_x is None:
            raise ValueError(
                f"{path}: no focal length; expected one, such as focal_y beside poses in a .json "
                "or .npz file, a fraction of the frame's height"
            )


def _is_spec(source: Source) -> bool:
    return source.path.suffix.lower() == ".json"


def _read_spec(source: Source) -> list[Camera]:
    spec = read_spec(source.path)
    return [
        Camera(pose, f"{index:04d}.png", focal_y=spec.focal_y)
        for index, pose in enumerate(spec.poses)
    ]


READERS = (
    Reader("a COLMAP model's folder", is_colmap, read_colmap),
    Reader("transforms.json (nerfstudio, Blender)", is_transforms, read_transforms),
    Reader("camera_path.json (nerfstudio)", is_camera_path, read_camera_path),
    Reader("matrices (.npy, .npz, .json)", is_matrices, read_matrices),
    Reader("sampling-spec.json", _is_spec, _read_spec),
    Reader("a RealEstate10K .txt", is_realestate10k, read_realestate10k),
)
