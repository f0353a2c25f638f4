"""A camera path as a picture."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..utils.files import atomic_path
from .geometry import field_of_view_of
from .motion import describe
from .spec import SamplingSpec

DRAWN_CAMERAS = 12  # more would hide each other
LABEL_DISTANCE = 0.05  # of the picture's width: numbers nearer to each other are left out
UNIT = "lengths in the unit of the model's training data, a metre for the shipped model"


class Side(NamedTuple):
    """A side that a path is drawn from. An axis is a coordinate's number and its sign."""

    title: str
    across: tuple[int, int]
    upward: tuple[int, int]
    across_name: str
    upward_name: str
    edge: tuple[int, int]  # of the frame: what is multiplied to the camera's x and y axes

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) as places (..., 2) in the picture."""
        (column, sign), (row, row_sign) = self.across, self.upward
        return np.stack([points[..., column] * sign, points[..., row] * row_sign], axis=-1)


SIDES = (
    Side("seen from above", (0, 1), (2, -1), "right", "forward", (1, 0)),
    Side("seen from the right", (2, -1), (1, 1), "forward", "up", (0, 1)),
)


def plot_path(path: str | Path, spec: SamplingSpec) -> None:
    """Draw a camera path from two sides into the file `path`, in the first camera's frame.

    Each camera is a triangle as wide as its field of view. Both sides have the same scale. The
    suffix says the format.
    """
    poses = np.linalg.inv(spec.poses[0]) @ spec.poses
    length = max(float(np.ptp(poses[:, :3, 3], axis=0).max()), 0.1) / 5  # of a triangle
    triangles = [_triangles(side, poses, length, spec.focal_y) for side in SIDES]
    # Half of what both sides show.
    reach = 0.58 * max(float(np.ptp(one.reshape(-1, 2), axis=0).max()) for one in triangles)
    figure = Figure(figsize=(12, 6.6), layout="constrained")
    axes_pair = figure.subplots(1, 2)
    for axes, side, shapes in zip(axes_pair, SIDES, triangles, strict=True):
        _draw_side(axes, side, shapes, list(spec.given), reach)
    axes_pair[0].legend(loc="best")
    view = f"field of view {field_of_view_of(spec.focal_y):.0f} degrees"
    figure.suptitle(f"{describe(spec)}; {view}", fontsize=11)
    figure.supxlabel(UNIT, fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _triangles(side: Side, poses: np.ndarray, length: float, focal_y: float) -> np.ndarray:
    """Each camera's centre, and the ends of its field of view; (n, 3, 2) places in the picture."""
    half = 0.5 / focal_y  # tangent of half the field of view
    across = poses[:, :3, 0] * side.edge[0] + poses[:, :3, 1] * side.edge[1]
    centres, forward = poses[:, :3, 3], -poses[:, :3, 2]
    ends = [centres + length * (forward + sign * half * across) for sign in (1, -1)]
    return side.project(np.stack([centres, *ends], axis=1))


def _draw_side(
    axes: Axes, side: Side, triangles: np.ndarray, given: list[int], reach: float
) -> None:
    centres = triangles[:, 0]
    every = math.ceil(len(centres) / DRAWN_CAMERAS)
    drawn = sorted({*range(0, len(centres), every), *given, len(centres) - 1})
    colours = ["tab:orange" if index in given else "tab:blue" for index in drawn]
    shapes = triangles[drawn]
    axes.add_collection(PolyCollection(shapes, facecolors=colours, alpha=0.08))
    axes.add_collection(PolyCollection(shapes, facecolors="none", edgecolors=colours, alpha=0.6))
    axes.plot(*centres.T, "-", color="0.6", linewidth=1)
    axes.plot(*centres.T, "o", markersize=4, color="tab:blue", label="generated")
    axes.plot(*centres[given].T, "s", markersize=8, color="tab:orange", label="given")
    _number(axes, triangles, sorted(drawn, key=lambda index: index not in given), reach)
    low, high = triangles.reshape(-1, 2).min(0), triangles.reshape(-1, 2).max(0)
    (x, y) = (low + high) / 2
    axes.set(
        title=side.title,
        xlabel=f"{side.across_name} of the first camera",
        ylabel=f"{side.upward_name} of the first camera",
        xlim=(x - reach, x + reach),
        ylim=(y - reach, y + reach),
        box_aspect=1,
    )
    axes.grid(color="0.92")
    axes.set_axisbelow(True)


def _number(axes: Axes, triangles: np.ndarray, order: list[int], reach: float) -> None:
    """Frame numbers at the outer ends of the triangles, where there is room."""
    taken: list[np.ndarray] = []
    for index in order:
        centre, end, _ = triangles[index]
        place = end + 0.06 * (end - centre)
        if all(np.linalg.norm(place - other) > LABEL_DISTANCE * 2 * reach for other in taken):
            taken.append(place)
            text = axes.annotate(str(index), place, ha="center", va="center", fontsize=10)
            text.set_path_effects([withStroke(linewidth=3, foreground="white")])
