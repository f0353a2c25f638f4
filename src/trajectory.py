"""The sampling specification: which frames, seen from where, generated in which order, each conditioned on which others.

`sampling-spec.json` holds `focal_y` (fraction of the square frame's height), `poses` (a list of 4x4 camera-to-world
matrices; conventions in `cameras.py`), `generation_order` (pose indices) and `dependencies` (for each pose the list of pose
indices that it is conditioned on; null: the frame is given, as `init-ims/NNNN.png` beside the file). Only the poses'
relations to one another matter: turning or moving the whole world changes nothing, but lengths have the scale of the data
that the model was trained on.
"""

import json
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from .utils.files import atomic_path

KEYS = ("focal_y", "poses", "generation_order", "dependencies")
# What lies in a sample's folder, samples/<id>/.
SPEC = "sampling-spec.json"
GIVEN_IMAGES = Path("init-ims")
TRUE_IMAGES = Path(
    "true-ims"
)  # only where the true frames are known: what evaluation compares with
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
ROTATION_TOLERANCE = 1e-3  # largest entry of |R^T R - I|; float32 rounding makes about 1e-7
LARGEST_FOCAL_Y = 20.0  # a field of view of 3 degrees; beyond it, somebody gave pixels


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
        order = _indices(content["generation_order"], "generation_order")
        entries = _list(content["dependencies"], "dependencies", "one entry for each pose")
        dependencies = tuple(
            None if entry is None else _indices(entry, f"dependencies of pose {index}")
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


def given_images(directory: str | Path, spec: SamplingSpec) -> dict[int, Path]:
    """The image file of each given pose: `directory`/init-ims/NNNN.png (or another of IMAGE_SUFFIXES, in any case).

    Raises FileNotFoundError naming every missing one; ValueError for two candidates, or an image of a pose that is not given.
    """
    folder = Path(directory) / GIVEN_IMAGES
    found = find_images(folder)
    for index, candidates in found.items():
        if len(candidates) > 1:
            names = " and ".join(candidate.name for candidate in candidates)
            raise ValueError(
                f"{folder}: both {names} for pose {index}; expected one of them: remove the other"
            )
        if index not in spec.given:
            raise ValueError(
                f"{candidates[0]}: pose {index} is not given ({_join(spec.given)}); remove the image, or make the pose given "
                "(its dependencies null, and without it in generation_order)"
            )
    missing = [f"{index:04d}.png" for index in spec.given if index not in found]
    if missing:
        raise FileNotFoundError(
            f"{folder}: no {_join(missing)}; expected the image of each given pose, as png, jpg, webp, …"
        )
    return {index: found[index][0] for index in spec.given}


def find_images(folder: Path) -> dict[int, list[Path]]:
    """The image files NNNN.suffix of a folder by index, each list sorted; empty if there is no such folder."""
    found: dict[int, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in IMAGE_SUFFIXES and re.fullmatch("[0-9]{4,}", path.stem):
            found.setdefault(int(path.stem), []).append(path)
    return dict(sorted(found.items()))


def conditioning(
    frames: int, rule: str = "previous", given: tuple[int, ...] = (0,)
) -> tuple[tuple[int, ...], tuple[tuple[int, ...] | None, ...]]:
    """Generation order and dependencies of `frames` frames by a rule; ValueError for an unknown rule or wrong given frames.

    previous: each on the frame before. last-K: on the K before, fewer at the start. all: on all before. keyframes-K: first
    every K-th frame, the last frame and the given ones, each on the keyframe before; then the frames between two keyframes,
    on these two. `given` are the indices of frames that exist already; the first, 0, must be one.
    """
    if (
        sorted(set(given)) != sorted(given)
        or 0 not in given
        or not set(given) <= set(range(frames))
    ):
        raise ValueError(
            f"given frames {_join(given)}: expected different indices from 0 to {frames - 1}, 0 among them"
        )
    match = re.fullmatch(r"previous|all|(last|keyframes)-([1-9][0-9]{0,8})", rule)
    if not match:
        raise ValueError(
            f"condition {rule!r}: expected previous, last-K, all or keyframes-K with a number for K, such as last-3"
        )
    if match[1] == "keyframes":
        return _keyframe_conditioning(frames, int(match[2]), set(given))
    reach = int(match[2]) if match[1] else {"previous": 1, "all": frames}[rule]
    order = tuple(index for index in range(frames) if index not in given)
    needed = (
        None if index in given else tuple(range(max(0, index - reach), index))
        for index in range(frames)
    )
    return order, tuple(needed)


def _keyframe_conditioning(
    frames: int, every: int, given: set[int]
) -> tuple[tuple[int, ...], tuple[tuple[int, ...] | None, ...]]:
    keyframes = sorted({*range(0, frames, every), frames - 1, *given})
    order = [index for index in keyframes if index not in given]
    dependencies: list[tuple[int, ...] | None] = [None] * frames
    for before, after in pairwise(keyframes):
        dependencies[after] = None if after in given else (before,)
        for index in range(before + 1, after):
            order.append(index)
            dependencies[index] = (before, after)
    return tuple(order), tuple(dependencies)


def check_focal_y(focal_y: float) -> None:
    """Raise ValueError unless `focal_y` can be a fraction of the frame's height."""
    if not 0 < focal_y < LARGEST_FOCAL_Y:
        raise ValueError(
            f"focal_y is {focal_y:g}; expected a fraction of the frame's height above 0 and below {LARGEST_FOCAL_Y:g} "
            "(divide a focal length in pixels by the square frame's height)"
        )


def check_poses(poses: np.ndarray) -> None:
    """Raise ValueError unless `poses` are rigid camera-to-world matrices (n, 4, 4), n > 0; names the first that is not."""
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
        raise ValueError(f"poses have the shape {poses.shape}; expected (n, 4, 4), n at least 1")
    finite = np.isfinite(poses).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(f"pose {finite.argmin()} holds NaN or infinity; expected finite numbers")
    last_row = np.abs(poses[:, 3] - [0, 0, 0, 1]).max(axis=1) <= 1e-6
    if not last_row.all():
        index = last_row.argmin()
        row = " ".join(f"{value:g}" for value in poses[index, 3])
        raise ValueError(
            f"pose {index}: the last row is {row}; expected 0 0 0 1 (camera-to-world, translation in the last column)"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        rotation = poses[:, :3, :3]
        deviation = np.abs(rotation.transpose(0, 2, 1) @ rotation - np.eye(3)).max(axis=(1, 2))
    orthogonal = deviation <= ROTATION_TOLERANCE
    if not orthogonal.all():
        index = orthogonal.argmin()
        raise ValueError(
            f"pose {index}: its 3x3 part R is not a rotation: R^T R differs from the identity by {deviation[index]:.3g}; "
            f"expected at most {ROTATION_TOLERANCE:g} (no scale, no shear)"
        )
    mirrored = np.linalg.det(rotation) < 0
    if mirrored.any():
        raise ValueError(
            f"pose {mirrored.argmax()}: its 3x3 part mirrors (determinant -1); expected a rotation (determinant +1)"
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
            f"generation_order: pose {_join(missing)} not in it and not given; expected every pose that is not given"
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
                f"{where}: pose {_join(later)} is generated after it; expected given or earlier generated poses"
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


def read_json(path: Path) -> object:
    """The content of a JSON file; raises FileNotFoundError, or ValueError with the line and column of a mistake."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; scripts/make-trajectory.py writes sampling specifications"
        )
    try:
        return json.loads(
            path.read_text(encoding="utf-8-sig")
        )  # a byte order mark, as Windows editors write it, is fine
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error


def poses_from_json(value: object) -> np.ndarray:
    """A list of 4x4 matrices -> (n, 4, 4) float64; raises ValueError for other shapes or types. Rigidity: `check_poses`."""
    poses = []
    for index, matrix in enumerate(_list(value, "poses", "4x4 matrices")):
        rows = [
            _list(row, f"pose {index}", "4 rows of 4 numbers")
            for row in _list(matrix, f"pose {index}", "4 rows of 4 numbers")
        ]
        if [len(row) for row in rows] != [4, 4, 4, 4]:
            raise ValueError(
                f"pose {index}: rows of {_join([len(row) for row in rows])} numbers; expected 4 rows of 4 numbers"
            )
        poses.append([[number_from_json(entry, f"pose {index}") for entry in row] for row in rows])
    return np.array(poses, dtype=np.float64).reshape(-1, 4, 4)


def _check_keys(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"found {_shown(content)}; expected an object with the keys {_join(KEYS)}")
    missing = [key for key in KEYS if key not in content]
    unknown = [key for key in content if key not in KEYS]
    if missing or unknown:
        found = " and ".join(
            part
            for part in (
                missing and f"no {_join(missing)}",
                unknown and f"unknown {_join(unknown)}",
            )
            if part
        )
        raise ValueError(f"keys: {found}; expected exactly {_join(KEYS)}")


def _list(value: object, where: str, expected: str) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{where}: {_shown(value)}; expected a list ({expected})")
    return value


def number_from_json(value: object, where: str) -> float:
    """A finite float; raises ValueError for any other JSON value."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) <= sys.float_info.max
    ):
        raise ValueError(f"{where}: {_shown(value)}; expected a finite number")
    return float(value)


def _indices(value: object, where: str) -> tuple[int, ...]:
    for index in _list(value, where, "pose indices"):
        if isinstance(index, bool) or not isinstance(index, int):
            raise ValueError(f"{where}: {_shown(index)}; expected integers (pose indices from 0)")
    return tuple(value)


def _shown(value: object) -> str:
    """A JSON value for a message, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"


def _join(items: object) -> str:
    return ", ".join(str(item) for item in items)
