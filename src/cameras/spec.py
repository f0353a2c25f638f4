"""The sampling specification: cameras, and which frame is generated from which others.

`sampling-spec.json` holds four keys:

- `focal_y`: a fraction of the square frame's height.
- `poses`: a list of 4x4 camera-to-world matrices; `geometry` has the conventions.
- `generation_order`: pose indices.
- `dependencies`: for each pose the list of pose indices that it is conditioned on. null stands for
  a given frame, `init-ims/NNNN.png` beside the file.

Only the poses' relations to one another matter: turning or moving the whole world changes nothing.
Lengths have the scale of the data that the model was trained on.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..utils.files import write_text
from ..utils.json_files import (
    indices_from_json,
    joined,
    list_from_json,
    number_from_json,
    read_json,
    shown,
)
from ..utils.reading import read_bytes
from .conditioning import Dependencies, Order
from .geometry import check_focal_y, check_poses

KEYS = ("focal_y", "poses", "generation_order", "dependencies")


@dataclass(frozen=True, eq=False)
class SamplingSpec:
    """A sampling specification; it cannot be made invalid: ValueError says what is wrong."""

    focal_y: float  # fraction of the (square) frame's height
    poses: np.ndarray  # (n, 4, 4) float64, camera-to-world
    generation_order: Order
    dependencies: Dependencies  # None: the frame is given

    def __post_init__(self) -> None:
        check_focal_y(self.focal_y)
        check_poses(self.poses)
        _check_generation(len(self.poses), self.generation_order, self.dependencies)

    @property
    def given(self) -> tuple[int, ...]:
        """Indices of the poses whose frames are given."""
        return tuple(index for index, needed in enumerate(self.dependencies) if needed is None)


def read_spec(path: str | Path) -> SamplingSpec:
    """A `sampling-spec.json`, checked.

    Raises FileNotFoundError or ValueError naming the file and what is wrong in it.
    """
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
    """Write `sampling-spec.json`, whole or not at all. Numbers are kept to the last bit."""
    write_text(path, spec_text(spec))


def spec_text(spec: SamplingSpec) -> str:
    """The content of `sampling-spec.json`, a line for each pose."""
    poses = ",\n".join(json.dumps(pose) for pose in spec.poses.tolist())
    order = json.dumps([int(index) for index in spec.generation_order])
    needed = [
        None if views is None else [int(index) for index in views] for views in spec.dependencies
    ]
    dependencies = json.dumps(needed)
    return (
        f'{{"focal_y": {json.dumps(float(spec.focal_y))},\n"poses": [\n{poses}\n],\n'
        f'"generation_order": {order},\n"dependencies": {dependencies}}}\n'
    )


def spec_differs(path: Path, spec: SamplingSpec) -> bool:
    """Whether there is a file that writing the specification would change."""
    there = path.exists()
    return there and read_bytes(path, "a sampling specification") != spec_text(spec).encode()


def _check_generation(frames: int, order: Order, dependencies: Dependencies) -> None:
    """Each pose either given or generated once, after all that it depends on."""
    if len(dependencies) != frames:
        raise ValueError(
            f"dependencies has {len(dependencies)} entries for {frames} poses; expected one for "
            "each (null: given)"
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
                f"generation_order: pose {index} is given (its dependencies are null), so it "
                "cannot be generated"
            )
    missing = sorted(set(range(frames)) - available - set(order))
    if missing:
        raise ValueError(
            f"generation_order: pose {joined(missing)} not in it and not given; expected every "
            "pose that is not given"
        )
    for index in order:
        _check_needed(index, dependencies[index] or (), frames, available)
        available.add(index)


def _check_needed(index: int, needed: tuple[int, ...], frames: int, available: set[int]) -> None:
    """A generated pose depends on others that exist before it."""
    where = f"dependencies of pose {index}"
    if not needed:
        raise ValueError(f"{where}: empty; expected at least one pose, or null for a given pose")
    _check_indices(needed, frames, where)
    if index in needed:
        raise ValueError(
            f"{where}: {index} is the pose itself; expected poses that exist before it"
        )
    later = [other for other in needed if other not in available]
    if later:
        raise ValueError(
            f"{where}: pose {joined(later)} is generated after it; expected given or earlier "
            "generated poses"
        )


def _check_indices(indices: tuple[int, ...], frames: int, where: str) -> None:
    outside = [index for index in indices if not 0 <= index < frames]
    if outside:
        raise ValueError(
            f"{where}: {outside[0]} is not a pose; expected indices from 0 to {frames - 1}"
        )
    if len(set(indices)) < len(indices):
        repeated = next(index for index, count in Counter(indices).items() if count > 1)
        raise ValueError(f"{where}: pose {repeated} is listed more than once; expected once")


def poses_from_json(value: object) -> np.ndarray:
    """A list of 4x4 matrices as (n, 4, 4) float64; raises ValueError for other shapes or types.

    Whether they are rigid is for `check_poses`.
    """
    matrices = list_from_json(value, "poses", "4x4 matrices")
    poses = [matrix_from_json(matrix, f"pose {index}") for index, matrix in enumerate(matrices)]
    return np.array(poses, dtype=np.float64).reshape(-1, 4, 4)


def matrix_from_json(value: object, where: str) -> list[list[float]]:
    expected = "4 rows of 4 numbers"
    rows = [list_from_json(row, where, expected) for row in list_from_json(value, where, expected)]
    lengths = [len(row) for row in rows]
    if lengths != [4, 4, 4, 4]:
        raise ValueError(f"{where}: rows of {joined(lengths)} numbers; expected {expected}")
    return [[number_from_json(entry, where) for entry in row] for row in rows]


def _check_keys(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"found {shown(content)}; expected an object with the keys {joined(KEYS)}")
    missing = [key for key in KEYS if key not in content]
    unknown = [key for key in content if key not in KEYS]
    faults = [f"no {joined(missing)}"] if missing else []
    faults += [f"unknown {joined(unknown)}"] if unknown else []
    if faults:
        raise ValueError(f"keys: {' and '.join(faults)}; expected exactly {joined(KEYS)}")
