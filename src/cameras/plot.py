"""A camera path in words and as a picture."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..utils.files import atomic_path
from .motion import steps_and_turns
from .spec import SamplingSpec


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


class Side(NamedTuple):
    """A side that a path is drawn from. An axis is a coordinate's number and its sign."""

    title: str
    across: tuple[int, int]
    upward: tuple[int, int]
    across_name: str
    upward_name: str


SIDES = (
    Side("seen from above", (0, 1), (2, -1), "right", "forward"),
    Side("seen from the right", (2, -1), (1, 1), "forward", "up"),
)


def plot_path(path: str | Path, spec: SamplingSpec) -> None:
    """Draw a camera path from two sides into the file `path`, in the first camera's frame.

    It shows places, viewing directions and frame numbers. The suffix says the format.
    """
    poses = np.linalg.inv(spec.poses[0]) @ spec.poses
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    axes_pair = figure.subplots(1, 2)
    for axes, side in zip(axes_pair, SIDES, strict=True):
        _draw_side(axes, side, poses, list(spec.given))
    axes_pair[0].legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _draw_side(axes: Axes, side: Side, poses: np.ndarray, given: list[int]) -> None:
    places, directions = poses[:, :3, 3], -poses[:, :3, 2]
    arrow = max(float(np.ptp(places, axis=0).max()), 0.1) / 6
    (column, sign), (row, row_sign) = side.across, side.upward
    x, y = places[:, column] * sign, places[:, row] * row_sign
    u, v = directions[:, column] * sign, directions[:, row] * row_sign
    axes.plot(x, y, "-", color="0.8")
    style = {"angles": "xy", "scale_units": "xy", "width": 0.004, "color": "tab:blue"}
    axes.quiver(x, y, u, v, scale=1 / arrow, **style)
    axes.update_datalim(np.stack([x + arrow * u, y + arrow * v], axis=1))  # the tips count too
    axes.plot(x, y, "o", markersize=4, color="tab:blue", label="generated")
    axes.plot(x[given], y[given], "s", markersize=8, color="tab:orange", label="given")
    beside = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8}
    for index in range(0, len(x), math.ceil(len(x) / 20)):
        axes.annotate(str(index), (x[index], y[index]), **beside)
    axes.set(
        title=side.title,
        xlabel=f"{side.across_name} of the first camera",
        ylabel=f"{side.upward_name} of the first camera",
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.15)
