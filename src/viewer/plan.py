"""What the user steers: a plan, from which the path comes that is previewed and generated.

A plan is plain and cannot be changed, so undoing is taking the former one.
"""

import inspect
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from ..cameras.conditioning import conditioning
from ..cameras.keyframes import keyframe_path
from ..cameras.paths import DISTANCE_LOOKED_AT, PRESETS, at_distance
from ..cameras.photo import DEFAULT_FIELD_OF_VIEW, focal_y_of
from ..cameras.spec import SamplingSpec

OWN = "own"  # the move through the user's own cameras
BROUGHT = "file"  # the path of a file that the user brought
MOST_FRAMES = 200
MOST_KEYFRAMES = 50
ONE_CHANGE = 1.0  # seconds
NEW_STEP = np.array([0.12, 0.0, -0.2])  # of the distance: where a new last camera is put


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A camera that the path goes through."""

    pose: np.ndarray  # (4, 4) camera-to-world, seen from the photo's camera
    seconds: float = 1.0  # from the keyframe before; counts without even speed


@dataclass(frozen=True, eq=False)
class Plan:
    """A camera path as the user steers it. The first camera is the photo's, at the identity."""

    move: str = "orbit"  # a name in PRESETS, OWN or BROUGHT
    options: Mapping[str, float] = field(default_factory=dict)  # of the preset, where others
    keyframes: tuple[Keyframe, ...] = (Keyframe(np.eye(4)),)  # of OWN
    brought: np.ndarray | None = None  # (n, 4, 4), of BROUGHT; it has its own frames and scale
    even: bool = True  # go through the keyframes at an even speed
    frames: int = 20
    distance: float = DISTANCE_LOOKED_AT  # to what the photo shows
    field_of_view: float = DEFAULT_FIELD_OF_VIEW  # degrees
    rule: str = "previous"  # what each frame is made from

    def spec(self) -> SamplingSpec:
        """The specification: what is previewed, saved and generated.

        Raises ValueError for values that cannot be.
        """
        if not 2 <= self.frames <= MOST_FRAMES:
            raise ValueError(f"{self.frames} frames; expected 2 to {MOST_FRAMES}")
        paths = {OWN: self._own_path, BROUGHT: self._brought_path}
        poses = paths.get(self.move, self._preset_path)()
        order = conditioning(len(poses), self.rule)
        return SamplingSpec(focal_y_of(self.field_of_view), poses, *order)

    def _preset_path(self) -> np.ndarray:
        if self.move not in PRESETS:
            names = ", ".join([*PRESETS, OWN, BROUGHT])
            raise ValueError(f"move {self.move!r}: expected one of {names}")
        wrong = [name for name, value in self.options.items() if not math.isfinite(value)]
        if wrong:
            raise ValueError(f"{wrong[0]}: expected a finite number")
        path = PRESETS[self.move](self.frames, **self.options)
        return at_distance(path, self.distance)

    def _own_path(self) -> np.ndarray:
        poses = np.stack([one.pose for one in self.keyframes])
        if len(poses) < 2:
            raise ValueError("a path of your own needs a second camera; add one")
        times = None
        if not self.even:
            times = np.array(list(accumulate([0.0, *(one.seconds for one in self.keyframes[1:])])))
        return keyframe_path(poses, self.frames, times, constant_speed=self.even)

    def _brought_path(self) -> np.ndarray:
        if self.brought is None:
            raise ValueError("first bring a file of cameras")
        if not 2 <= len(self.brought) <= MOST_FRAMES:
            raise ValueError(f"{len(self.brought)} cameras; expected 2 to {MOST_FRAMES}")
        return self.brought

    def with_move(self, move: str) -> "Plan":
        """Another move, of its own default size; a path of one's own begins with two cameras."""
        plan = replace(self, move=move, options={})
        return plan.inserted(0) if move == OWN and len(self.keyframes) < 2 else plan

    def with_option(self, name: str, value: float) -> "Plan":
        """One option of the preset changed."""
        return replace(self, options={**self.options, name: value})

    def moved(self, index: int, pose: np.ndarray) -> "Plan":
        """Keyframe `index` at another pose."""
        return self._with(index, replace(self.keyframes[self._own(index)], pose=pose))

    def timed(self, index: int, seconds: float) -> "Plan":
        """Keyframe `index` so long after the one before."""
        if not 0 < seconds < math.inf:
            raise ValueError(f"{seconds:g} seconds; expected more than 0")
        return self._with(index, replace(self.keyframes[self._own(index)], seconds=seconds))

    def _with(self, index: int, keyframe: Keyframe) -> "Plan":
        keyframes = list(self.keyframes)
        keyframes[index] = keyframe
        return replace(self, keyframes=tuple(keyframes))

    def inserted(self, after: int, pose: np.ndarray | None = None) -> "Plan":
        """A keyframe after another one: at `pose`, else between its neighbours, else ahead."""
        if len(self.keyframes) >= MOST_KEYFRAMES:
            raise ValueError(f"{MOST_KEYFRAMES} cameras are enough; delete one first")
        if pose is None:
            pose = self._new_pose(after)
        keyframes = self.keyframes
        keyframes = (*keyframes[: after + 1], Keyframe(pose), *keyframes[after + 1 :])
        return replace(self, move=OWN, keyframes=keyframes)

    def _new_pose(self, after: int) -> np.ndarray:
        before = self.keyframes[after].pose
        if after + 1 < len(self.keyframes):
            return keyframe_path(np.stack([before, self.keyframes[after + 1].pose]), 3)[1]
        pose = before.copy()
        pose[:3, 3] += before[:3, :3] @ NEW_STEP * self.distance
        return pose

    def deleted(self, index: int) -> "Plan":
        """Without keyframe `index`."""
        keyframes = list(self.keyframes)
        del keyframes[self._own(index)]
        return replace(self, keyframes=tuple(keyframes))

    def reordered(self, index: int, by: int) -> "Plan":
        """Keyframe `index` earlier (by -1) or later (by 1)."""
        keyframes = list(self.keyframes)
        other = self._own(index + by)
        keyframes[self._own(index)], keyframes[other] = keyframes[other], keyframes[index]
        return replace(self, keyframes=tuple(keyframes))

    def _own(self, index: int) -> int:
        if not 0 < index < len(self.keyframes):
            raise ValueError("the first camera is the photo's and stays where it is")
        return index


def preset_options(move: str) -> dict[str, float]:
    """The options of a preset that can be steered, with their defaults."""
    if move not in PRESETS:
        return {}
    parameters = inspect.signature(PRESETS[move]).parameters
    named = {name: one.default for name, one in parameters.items() if name != "frames"}
    if "radius" in named and move != "spiral":
        named.pop("distance", None)  # to the point looked at, which the plan's distance sets
    return named


class History:
    """The plan as it is and as it was."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plans = [plan]
        self._clock, self._changed, self._what = clock, -math.inf, ""

    @property
    def plan(self) -> Plan:
        """As it is now."""
        return self._plans[-1]

    def change(self, plan: Plan, what: str = "") -> None:
        """Take another plan, if a path comes of it or it waits for a second camera.

        what: the control that changed. A control that moves on within ONE_CHANGE seconds makes one
        change, which is undone as one. Raises ValueError as `Plan.spec`.
        """
        if plan.move != OWN or len(plan.keyframes) > 1:
            plan.spec()
        now = self._clock()
        if what and what == self._what and now - self._changed < ONE_CHANGE:
            self._plans[-1] = plan
        else:
            self._plans.append(plan)
        self._changed, self._what = now, what

    def undo(self) -> bool:
        """Take the former plan; False if there is none."""
        if len(self._plans) < 2:
            return False
        self._plans.pop()
        self._what = ""
        return True
