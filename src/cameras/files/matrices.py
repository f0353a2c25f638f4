"""Plain camera-to-world matrices, .npy, .npz or .json, read and written.

.npy has an array (n, 4, 4). .npz has it as `poses`. .json has a list of 4x4 lists, or an object
with `poses`. .npz and .json may also have `focal_y`, a fraction of the frame's height, one for all
cameras.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...utils.arrays import read_array, read_arrays
from ...utils.files import atomic_path
from ...utils.json_files import number_from_json
from ..geometry import OPENCV_TO_BLENDER, check_focal_y, check_poses
from ..spec import poses_from_json
from .camera import Camera
from .source import Source

ARRAY_SUFFIXES = (".npy", ".npz")
ARRAY_NAMES = ("poses", "camera_to_world")


def is_matrices(source: Source) -> bool:
    """Whether it is an array file, or a JSON file with matrices and no specification."""
    content = source.content
    if source.path.suffix in ARRAY_SUFFIXES:
        return True
    is_spec = isinstance(content, dict) and "generation_order" in content
    return isinstance(content, list) or (
        isinstance(content, dict) and "poses" in content and not is_spec
    )


def read_matrices(source: Source) -> list[Camera]:
    """The cameras in the file's order. The axes of the file's cameras are `source.axes`.

    blender: x right, y up, looking along -z; opencv: x right, y down, looking along +z. Raises
    ValueError for anything that is not rigid.
    """
    named = _values(source)
    try:
        is_json = source.content is not None
        poses, focal_y = _from_json(named) if is_json else _from_arrays(named)
        check_poses(poses)
        if focal_y is not None:
            check_focal_y(focal_y)
    except ValueError as error:
        raise ValueError(f"{source.path}: {error}") from error
    poses = poses @ OPENCV_TO_BLENDER if source.axes == "opencv" else poses
    return [Camera(pose, f"{index:04d}", focal_y=focal_y) for index, pose in enumerate(poses)]


def _values(source: Source) -> dict:
    """What the file holds, by name."""
    if source.path.suffix == ".npz":
        return read_arrays(source.path)
    content = read_array(source.path) if source.path.suffix == ".npy" else source.content
    return content if isinstance(content, dict) else {"poses": content}


def _from_json(named: dict) -> tuple[np.ndarray, float | None]:
    focal_y = number_from_json(named["focal_y"], "focal_y") if "focal_y" in named else None
    return poses_from_json(named["poses"]), focal_y


def _from_arrays(named: dict) -> tuple[np.ndarray, float | None]:
    name = next((one for one in ARRAY_NAMES if one in named), None)
    if name is None:
        raise ValueError(
            f"arrays {', '.join(named) or 'none'}; expected one called {ARRAY_NAMES[0]}"
        )
    poses = _real(named[name], name)
    if "focal_y" not in named:
        return poses, None
    focal_y = _real(named["focal_y"], "focal_y")
    if focal_y.size == 0 or not np.all(focal_y == focal_y.flat[0]):
        raise ValueError("focal_y differs from camera to camera; expected one for all")
    return poses, float(focal_y.flat[0])


def _real(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {array.dtype}; expected real numbers (n, 4, 4)")
    return array.astype(np.float64)


def write_npy(cameras: list[Camera], path: Path) -> None:
    """Write the matrices alone, (n, 4, 4)."""
    # numpy adds a suffix to a name, but not to an open file's.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack([camera.pose for camera in cameras]))


def write_npy_opencv(cameras: list[Camera], path: Path) -> None:
    """The same for programs whose cameras have x right, y down, and look along +z."""
    write_npy([replace(one, pose=one.pose @ OPENCV_TO_BLENDER) for one in cameras], path)


def write_matrices(cameras: list[Camera], path: Path) -> None:
    """Write .json, or .npz by its suffix: the matrices, and focal_y where all cameras share one."""
    poses = np.stack([camera.pose for camera in cameras])
    lengths = {_focal_y(camera) for camera in cameras}
    focal = {"focal_y": lengths.pop()} if len(lengths) == 1 and None not in lengths else {}
    with atomic_path(path) as temporary:
        if path.suffix == ".npz":
            np.savez(temporary, poses=poses, **focal)
        else:
            text = json.dumps(focal | {"poses": poses.tolist()})
            temporary.write_text(text + "\n", encoding="utf-8")


def _focal_y(camera: Camera) -> float | None:
    """Of a camera without distortion, whose pixels are square and whose axis is in the middle."""
    known = camera.size or (camera.focal_y is not None and camera.focal_x is None and (1, 1))
    if camera.distortion or not known or camera.principal != (0.5, 0.5):
        return None
    focal_y, focal_x = camera.focal_lengths(known)
    square = np.isclose(focal_x * known[1], focal_y * known[0], rtol=1e-9)
    return focal_y if square else None
