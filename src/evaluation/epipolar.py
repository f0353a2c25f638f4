"""The command draw-epipolar: two frames side by side with their matches and epipolar lines, coloured by distance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from ..cameras.files.camera import Camera
from .matching import Matcher, Matches, read_grey
from .scoring import match_distances, pair_fundamental
from .tsed import T_ERROR, has_baseline, median_distance

COLORS = "RdYlGn_r"


def draw_pair(pair: Sequence[tuple[Path, Camera]], matcher: Matcher, lines: int = 30) -> Figure:
    """Two frames with all matches as points and the epipolar lines of some, from the best to the worst."""
    images = [read_grey(path) for path, _ in pair]
    cameras = [camera for _, camera in pair]
    sizes = [image.shape for image in images]
    if not has_baseline(cameras[0].pose, cameras[1].pose):
        raise ValueError(
            f"{pair[0][0]} and {pair[1][0]}: both cameras are at the same place, so there are no epipolar lines"
        )
    (matches,) = matcher.match([path for path, _ in pair], [(0, 1)])
    distances = match_distances(matches, *cameras, *sizes)
    both_lines = _lines_of(matches, cameras, sizes)
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(1, 2)
    for k in (0, 1):
        points = _draw_frame(axes[k], images[k], matches[k], both_lines[k], distances, lines)
        axes[k].set_title(pair[k][0].name)
    figure.colorbar(points, ax=axes, extend="max", label="symmetric epipolar distance (pixels)")
    figure.suptitle(
        f"{len(distances)} matches, median distance {median_distance(distances):.3g} pixels ({matcher.name})"
    )
    return figure


def _lines_of(
    matches: Matches, cameras: list[Camera], sizes: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Epipolar lines (n, 3) in each of the two images: a x + b y + c = 0 in pixels."""
    fundamental = pair_fundamental(cameras, sizes)
    points_1, points_2 = (np.column_stack([points, np.ones(len(points))]) for points in matches)
    return points_2 @ fundamental, points_1 @ fundamental.T


def _draw_frame(
    axes: Axes,
    image: np.ndarray,
    points: np.ndarray,
    lines: np.ndarray,
    distances: np.ndarray,
    count: int,
) -> PathCollection:
    """One frame; returns what the colour bar belongs to."""
    height, width = image.shape
    axes.imshow(
        image, cmap="gray", extent=(0, width, height, 0)
    )  # the origin is the image's corner
    order = np.argsort(distances)[: np.sum(~np.isnan(distances))]  # NaN comes last
    chosen = order[
        np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    ]
    segments = [_segment(line, width, height) for line in lines[chosen]]
    style = {"cmap": COLORS, "clim": (0, 2 * T_ERROR)}
    axes.add_collection(LineCollection(segments, array=distances[chosen], linewidths=0.8, **style))
    drawn = axes.scatter(
        *points.T, c=distances, s=14, edgecolors="black", linewidths=0.4, zorder=3, cmap=COLORS
    )
    drawn.set_clim(0, 2 * T_ERROR)
    axes.set(xlim=(0, width), ylim=(height, 0))
    return drawn


def _segment(line: np.ndarray, width: int, height: int) -> np.ndarray:
    """Two points (2, 2) of a line, far enough apart to cross the image."""
    normal = line[:2] / np.linalg.norm(line[:2])
    middle = np.array([width / 2, height / 2])
    foot = middle - (normal @ middle + line[2] / np.linalg.norm(line[:2])) * normal
    reach = (width + height) * np.array([-normal[1], normal[0]])
    return np.stack([foot - reach, foot + reach])
