"""Plain camera-to-world matrices, .npy or .json."""

from pathlib import Path

import numpy as np

from ...utils.arrays import read_array
from ...utils.json_files import number_from_json, read_json
from ...utils.reading import check_file
from ..geometry import OPENCV_TO_BLENDER, check_poses
from ..paths import CameraPath
from ..spec import poses_from_json


def matrices(path: str | Path, axes: str = "blender") -> CameraPath:
    """The path in a file of camera-to-world matrices, with focal_y if the file has it.

    The file is .npy (n, 4, 4), or .json with a list of 4x4 lists or an object's `poses`. axes: of
    the file's cameras. blender: x right, y up, looking along -z; opencv: x right, y down, looking
    along +z. Raises FileNotFoundError, or ValueError for anything that is not rigid.
    """
    path = Path(path)
    check_file(path, ".npy or .json with 4x4 matrices")
    content = read_array(path) if path.suffix == ".npy" else read_json(path)
    named = content if isinstance(content, dict) else {"poses": content}
    try:
        poses = _numbers(content) if path.suffix == ".npy" else poses_from_json(named.get("poses"))
        check_poses(poses)
        focal_y = number_from_json(named["focal_y"], "focal_y") if "focal_y" in named else None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return CameraPath(poses @ OPENCV_TO_BLENDER if axes == "opencv" else poses, focal_y)


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"an array of {array.dtype}; expected real numbers (n, 4, 4)")
    return array.astype(np.float64)
