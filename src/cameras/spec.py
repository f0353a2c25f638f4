"""The sampling specification: which frames, seen from where, generated in which order, each conditioned on which others.

`sampling-spec.json` holds `focal_y` (fraction of the square frame's height), `poses` (a list of 4x4 camera-to-world
matrices; conventions in `cameras.py`), `generation_order` (pose indices) and `dependencies` (for each pose the list of pose
indices that it is conditioned on; null: the frame is given, as `init-ims/NNNN.png` beside the file). Only the poses'
relations to one another matter: turning or moving the whole world changes nothing, but lengths have the scale of the data
that the model was trained on.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..utils.files import atomic_path
from ..utils.json_files import (
    indices_from_json,
    joined,
    list_from_json,
    number_from_json,
    read_json,
    shown,
)
from .geometry import check_focal_y, check_poses

KEYS = ("focal_y", "poses", "generation_order", "dependencies")


@dataclass(frozen=True, eq=False)
class SamplingSpec:
    """A sampling specification; it cannot be made invalid: ValueError says what is wrong."""

    focal_y: float  # fraction of the (square) frame's height
    poses: np.ndarray  # (n, 4, 4) float64, camera-to-world
    generation_order: tuple[int, ...]  # pose indices
    dependencies: tuple[
        tuple[int, ...] | None, ...
    ]  # one a pose: the poses it is conditioned on; None: given

    def __post_init__(self) -> None:
        check_focal_y(self.focal_y)
        check_poses(self.poses)
        _check_generation(len(self.poses), self.generation_order, self.dependencies)

    @property
    def given(self) -> tuple[int, ...]:
        """Indices of the poses whose frames are given."""
        return tuple(index for index, needed in enumerate(self.dependencies) if needed is None)


def read_spec(path: str | Path) -> SamplingSpec:
    """A `sampling-spec.json`, checked; raises FileNotFoundError or ValueError naming the file and what is wrong in it."""
    path = Path(path)
    content = read_json(path)
    try:
        _check_keys(content)
        order = indices_from_json(content["generation_order"], "generation_order")
        entries = list_from_json(content["dependencies"], "dependencies", "one entry for each pose")
        dependencies = tuple(
            None if entry is None else indices_from_json(entry, f"dependencies of pose {index}")
            for index, entry in enumerate(entries)
        )
        return SamplingSpec(
            number_from_json(content["focal_y"], "focal_y"),
            poses_from_json(content["poses"]),
            order,
            dependencies,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_spec(path: str | Path, spec: SamplingSpec) -> None:
    """Write `sampling-spec.json`, whole or not at all; numbers are kept to the last bit, a line for each pose."""
    with atomic_path(path) as temporary:
        temporary.write_text(spec_text(spec), encoding="utf-8")


def spec_text(spec: SamplingSpec) -> str:
    """The content of `sampling-spec.json`."""
    poses = ",\n".join(json.dumps(pose) for pose in spec.poses.tolist())
    order = json.dumps([int(index) for index in spec.generation_order])
    dependencies = json.dumps(
        [
            None if needed is None else [int(index) for index in needed]
            for needed in spec.dependencies
        ]
    )
    return (
        f'{{"focal_y": {json.dumps(float(spec.focal_y))},\n"poses": [\n{poses}\n],\n'
        f'"generation_order": {order},\n"dependencies": {dependencies}}}\n'
    )


def _check_generation(
    frames: int, order: tuple[int, ...], dependencies: tuple[tuple[int, ...] | None, ...]
) -> None:
    """Each pose either given or generated once, after all that it depends on."""
    if len(dependencies) != frames:
        raise ValueError(
            f"dependencies has {len(dependencies)} entries for {frames} poses; expected one for each (null: given)"
        )
    available = {index for index, needed in enumerate(dependencies) if needed is None}
    if not available:
        raise ValueError(
            "dependencies: no pose is given; expected null for at least one (usually the first)"
        )
    _check_indices(order, frames, "generation_order")
    for index in order:
        if dependencies[index] is None:
            raise ValueError(
                f"generation_order: pose {index} is given (its dependencies are null), so it cannot be generated"
            )
    missing = sorted(set(range(frames)) - available - set(order))
    if missing:
        raise ValueError(
            f"generation_order: pose {joined(missing)} not in it and not given; expected every pose that is not given"
        )
    for index in order:
        needed = dependencies[index] or ()
        where = f"dependencies of pose {index}"
        if not needed:
            raise ValueError(
                f"{where}: empty; expected at least one pose, or null for a given pose"
            )
        _check_indices(needed, frames, where)
        if index in needed:
            raise ValueError(
                f"{where}: {index} is the pose itself; expected poses that exist before it"
            )
        later = [other for other in needed if other not in available]
        if later:
            raise ValueError(
                f"{where}: pose {joined(later)} is generated after it; expected given or earlier generated poses"
            )
        available.add(index)


def _check_indices(indices: tuple[int, ...], frames: int, where: str) -> None:
    outside = [index for index in indices if not 0 <= index < frames]
    if outside:
        raise ValueError(
            f"{where}: {outside[0]} is not a pose; expected indices from 0 to {frames - 1}"
        )
    if len(set(indices)) < len(indices):
        repeated = next(index for index in indices if indices.count(index) > 1)
        raise ValueError(f"{where}: pose {repeated} is listed more than once; expected once")


def poses_from_json(value: object) -> np.ndarray:
    """A list of 4x4 matrices -> (n, 4, 4) float64; raises ValueError for other shapes or types. Rigidity: `check_poses`."""
    poses = []
    for index, matrix in enumerate(list_from_json(value, "poses", "4x4 matrices")):
        rows = [
            list_from_json(row, f"pose {index}", "4 rows of 4 numbers")
            for row in list_from_json(matrix, f"pose {index}", "4 rows of 4 numbers")
        ]
        if [len(row) for row in rows] != [4, 4, 4, 4]:
            raise ValueError(
                f"pose {index}: rows of {joined([len(row) for row in rows])} numbers; expected 4 rows of 4 numbers"
            )
        poses.append([[number_from_json(entry, f"pose {index}") for entry in row] for row in rows])
    return np.array(poses, dtype=np.float64).reshape(-1, 4, 4)


def _check_keys(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"found {shown(content)}; expected an object with the keys {joined(KEYS)}")
    missing = [key for key in KEYS if key not in content]
    unknown = [key for key in content if key not in KEYS]
    if missing or unknown:
        found = " and ".join(
            part
            for part in (
                missing and f"no {joined(missing)}",
                unknown and f"unknown {joined(unknown)}",
            )
            if part
        )
        raise ValueError(f"keys: {found}; expected exactly {joined(KEYS)}")
