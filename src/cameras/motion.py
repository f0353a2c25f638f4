"""How far and how much a camera moves between two frames: in training pairs, and along a path."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from ..utils.json_files import number_from_json
from .spec import SamplingSpec

DIGITS = 4  # significant ones that are kept
# Of somebody who carries a camera through rooms: metres of way while it turns by one degree. It is
# that of the flats' paths (`datasets.rooms`), whose unit is a metre.
METRES_A_DEGREE = 0.0514
MARGIN = 1.05  # of proposed values: they are rounded to two digits
ATTEMPTS = 3  # at a value: motion is not quite in proportion to all
LEAST_TURN = 0.3  # degrees; from smaller ones nothing is told


@dataclass(frozen=True)
class Motion:
    """How far apart, and how much turned, the two cameras of a model's training pairs are.

    Of many pairs: the median, and what 95 % of them do not exceed.
    """

    step: float  # in the unit of the training's poses
    step_95: float
    turn: float  # degrees
    turn_95: float

    def __post_init__(self) -> None:
        values = asdict(self)
        for name, value in values.items():
            if not 0 <= number_from_json(value, name) < math.inf:
                raise ValueError(f"{name}: {value}; expected at least 0")

    @classmethod
    def of_pairs(cls, first: np.ndarray, second: np.ndarray) -> "Motion":
        """That of cameras (n, 3 or 4, 4) and those that they are paired with, n >= 1."""
        values = [
            float(f"{np.percentile(sizes, share):.{DIGITS}g}")
            for sizes in steps_and_turns(first, second)
            for share in (50, 95)
        ]
        return cls(*values)

    @classmethod
    def from_plain(cls, value: object) -> "Motion":
        """From the plain values of `asdict`; raises ValueError for anything else."""
        names = list(cls.__dataclass_fields__)
        if not isinstance(value, dict) or sorted(value) != sorted(names):
            raise ValueError(f"motion of the training pairs: expected {', '.join(names)}")
        return cls(**value)

    @property
    def unit(self) -> float:
        """How many of the poses' units are about a metre, the unit of the presets' sizes.

        It takes the training's camera to turn as much on its way as a camera carried through rooms.
        """
        if not self.step:
            return 1.0
        return _rounded(self.step / max(self.turn, LEAST_TURN) / METRES_A_DEGREE)

    def excess(self, spec: SamplingSpec) -> float:
        """The largest motion of a path from view to frame, as a multiple of the 95 %.

        Beyond 1 the model saw few such pairs. A frame with several views counts by the nearest.
        """
        pairs = [
            self._excess(spec.poses[list(views)], spec.poses[index])
            for index, views in enumerate(spec.dependencies)
            if views
        ]
        return max(pairs, default=0.0)

    def _excess(self, views: np.ndarray, frame: np.ndarray) -> float:
        steps, turns = steps_and_turns(views, np.broadcast_to(frame, views.shape))
        return float(np.maximum(_share(steps, self.step_95), _share(turns, self.turn_95)).min())


def steps_and_turns(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n,) between cameras (n, 3 or 4, 4) and others, and turns (n,) in degrees."""
    steps = np.linalg.norm(second[:, :3, 3] - first[:, :3, 3], axis=1)
    # Matrices that are turned by t lie 2 sqrt(2) sin(t / 2) apart, which is exact for small t too.
    apart = np.linalg.norm(second[:, :3, :3] - first[:, :3, :3], axis=(1, 2))
    return steps, np.degrees(2 * np.arcsin(np.clip(apart / math.sqrt(8), 0, 1)))


def describe(spec: SamplingSpec) -> str:
    """One line: the number of frames, the given ones, the path's length, its largest steps."""
    sizes = path_sizes(spec.poses)
    given = ", ".join(str(index) for index in spec.given)
    return (
        f"{len(spec.poses)} frames, given: {given}; path length {sizes.length:.3g}, "
        f"largest step {sizes.step:.3g} and {sizes.turn:.3g} degrees"
    )


class PathSizes(NamedTuple):
    """How far a path goes."""

    length: float
    step: float  # the largest from frame to frame
    turn: float  # the largest from frame to frame, degrees


def path_sizes(poses: np.ndarray) -> PathSizes:
    """Of poses (n, 4, 4), in their unit."""
    lengths, degrees = steps_and_turns(poses[:-1], poses[1:])
    return PathSizes(lengths.sum(), lengths.max(initial=0), degrees.max(initial=0))


def warning(motion: Motion, spec: SamplingSpec, fitting: str = "") -> str:
    """One line for a path that goes beyond what the model learnt; empty for one that does not.

    fitting: what would fit, in words; by default a number of frames and a size.
    """
    excess = motion.excess(spec)
    if excess <= 1:
        return ""
    frames, size = math.ceil(len(spec.poses) * excess), 1 / excess
    fitting = fitting or f"{frames} frames instead of {len(spec.poses)}, or {size:.0%} of the size"
    return (
        f"warning: from frame to frame this path moves {excess:.1f} times as far as the model "
        f"learnt (steps to {motion.step_95:.2g}, turns to {motion.turn_95:.2g} degrees); "
        f"frames may fall apart; fitting: {fitting}"
    )


def fitting_options(
    motion: Motion, spec_of: Callable[..., SamplingSpec], options: Mapping[str, float]
) -> str:
    """Which of a path's options, with which value, would keep it within what the model learnt.

    spec_of: the path with options replaced, by name. options: their present values; one of them
    may be `frames`.
    """
    found = []
    for name, value in options.items():
        excess = motion.excess(spec_of())
        for _ in range(ATTEMPTS):
            factor = MARGIN * excess
            value = math.ceil(value * factor) if name == "frames" else _rounded(value / factor)
            excess = motion.excess(spec_of(**{name: value}))
            if excess <= 1:
                found.append(f"--{name} {value:g}")
                break
    return " or ".join(found)


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def _share(sizes: np.ndarray, limit: float) -> np.ndarray:
    """Sizes as multiples of a limit; rounding errors of what never moved count as no motion."""
    return np.where(sizes > 1e-6, sizes / max(limit, 1e-9), 0.0)
