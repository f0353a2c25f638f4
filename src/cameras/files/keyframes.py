"""Keyframes of a camera path, written by hand.

A JSON file with a list, or an object whose `keyframes` is one. Each keyframe has either a `pose`, a
4x4 camera-to-world matrix, or a `position` and the point to `look_at`, three numbers each. `time`
is optional, in any unit, for all or for none. `up` of the object is the direction up of keyframes
that look at a point (default: [0, 1, 0]).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...utils.json_files import list_from_json, number_from_json, read_json
from ..geometry import check_poses
from ..spec import matrix_from_json
from .reading import read_cameras

KEYS = ("pose", "position", "look_at", "time")


class Keyframes(NamedTuple):
    """Cameras that a path passes through."""

    poses: np.ndarray  # (n, 4, 4) camera-to-world
    times: np.ndarray | None = None  # (n,), in any unit


def read_keyframes(path: Path) -> Keyframes:
    """The keyframes of a file, in its order. The cameras of any other file are keyframes too.

    Raises FileNotFoundError, or ValueError naming the file, the keyframe and the key.
    """
    content = read_json(path) if path.suffix.lower() == ".json" and path.is_file() else None
    if not _has_keyframes(content):
        cameras = read_cameras(path, distorted=True, lens=False)
        return Keyframes(np.stack([camera.pose for camera in cameras]))
    named = content if isinstance(content, dict) else {"keyframes": content}
    try:
        up = _vector(named.get("up", [0, 1, 0]), "up")
        entries = named["keyframes"]
        poses = [_pose(entry, f"keyframe {index}", up) for index, entry in enumerate(entries)]
        check_poses(np.array(poses).reshape(-1, 4, 4))
        return Keyframes(np.stack(poses), _times(entries))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _has_keyframes(content: object) -> bool:
    """Whether the content of a JSON file is keyframes, and not another file of cameras."""
    entries = content.get("keyframes") if isinstance(content, dict) else content
    # A nerfstudio camera path has keyframes of its own.
    other = isinstance(content, dict) and "camera_path" in content
    return isinstance(entries, list) and not other and all(isinstance(one, dict) for one in entries)


def _pose(entry: dict, where: str, up: np.ndarray) -> np.ndarray:
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]}; expected some of {', '.join(KEYS)}")
    if "pose" in entry and not {"position", "look_at"} & entry.keys():
        return np.array(matrix_from_json(entry["pose"], f"{where}: pose"))
    if "pose" in entry or not {"position", "look_at"} <= entry.keys():
        raise ValueError(f"{where}: expected either a pose, or a position and look_at")
    position = _vector(entry["position"], f"{where}: position")
    return _looking_at(position, _vector(entry["look_at"], f"{where}: look_at"), up, where)


def _looking_at(position: np.ndarray, target: np.ndarray, up: np.ndarray, where: str) -> np.ndarray:
    """The camera at `position` that has `target` in its middle, with a level horizon."""
    backward = position - target
    right = np.cross(up, backward)
    if np.linalg.norm(right) <= 1e-9 * np.linalg.norm(up) * np.linalg.norm(backward):
        raise ValueError(
            f"{where}: look_at is its position, or straight above or below it; expected another "
            "point, or a pose"
        )
    right, backward = right / np.linalg.norm(right), backward / np.linalg.norm(backward)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, position], axis=1)
    return pose


def _times(entries: list[dict]) -> np.ndarray | None:
    timed = ["time" in entry for entry in entries]
    if not any(timed):
        return None
    if not all(timed):
        raise ValueError(f"keyframe {timed.index(False)}: no time; expected one for all, or none")
    return np.array(
        [
            number_from_json(one["time"], f"keyframe {index}: time")
            for index, one in enumerate(entries)
        ]
    )


def _vector(value: object, where: str) -> np.ndarray:
    numbers = list_from_json(value, where, "3 numbers")
    if len(numbers) != 3:
        raise ValueError(f"{where}: {len(numbers)} numbers; expected 3")
    return np.array([number_from_json(number, where) for number in numbers])
