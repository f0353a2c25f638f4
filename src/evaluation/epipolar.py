"""Two frames side by side with their matches and epipolar lines, coloured by distance."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from ..cameras.files.camera import Camera
from .matching import Matcher, open_frame
from .scoring import PairScore, fitted, picture_of, score_pair
from .statistics import spread
from .tsed import median_distance, scaled_t_error

COLORS = "RdYlGn_r"


def draw_pair(
    images: tuple[Path, Path],
    cameras: tuple[Camera, Camera],
    matcher: Matcher,
    lines: int = 30,
    shape: str | None = None,
) -> Figure:
    """Two frames with all matches as points, and the epipolar lines of some; the lens is undone.

    lines: how many at most, from the best match to the worst. shape: as for `score_sequence`.
    ValueError: no baseline, or an image that cannot be read.
    """
    frames = [open_frame(*both) for both in zip(images, cameras, strict=True)]
    sizes = frames[0].size, frames[1].size
    cameras = tuple(fitted(*both, shape) for both in zip(frames, cameras, strict=True))
    score = score_pair((0, 1), matcher.match_frames(*frames), cameras, sizes)
    if score.distances is None:
        raise ValueError(
            f"{images[0]} and {images[1]}: both cameras are at the same place, so there are no "
            "epipolar lines"
        )
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(1, 2)
    for k, drawn in enumerate(_lines_of(score)):
        grey = np.asarray(picture_of(frames[k], cameras[k]).convert("L"))
        points = _draw_frame(axes[k], grey, score.points[k], drawn, score, lines)
        axes[k].set_title(images[k].name)
    figure.colorbar(points, ax=axes, extend="max", label="symmetric epipolar distance (pixels)")
    median = median_distance(score.distances)
    figure.suptitle(
        f"{score.matches} matches, median distance {median:.3g} pixels ({matcher.name})"
    )
    return figure


def _lines_of(score: PairScore) -> tuple[np.ndarray, np.ndarray]:
    """Epipolar lines (n, 3) in each of the two images: a x + b y + c = 0 in pixels."""
    points_1, points_2 = (
        np.column_stack([points, np.ones(len(points))]) for points in score.points
    )
    return points_2 @ score.fundamental, points_1 @ score.fundamental.T


def _draw_frame(
    axes: Axes,
    image: np.ndarray,
    points: np.ndarray,
    lines: np.ndarray,
    score: PairScore,
    count: int,
) -> PathCollection:
    """A frame, its points, and `count` of its lines; returns what the colour bar belongs to."""
    height, width = image.shape
    # The origin is the image's corner.
    axes.imshow(image, cmap="gray", extent=(0, width, height, 0))
    distances = score.distances
    order = np.argsort(distances)[: np.sum(~np.isnan(distances))]  # NaN comes last
    chosen = order[spread(len(order), count)]
    segments = [_segment(line, width, height) for line in lines[chosen]]
    limits = (0, 2 * scaled_t_error(height))
    style = {"cmap": COLORS, "clim": limits}
    axes.add_collection(LineCollection(segments, array=distances[chosen], linewidths=0.8, **style))
    drawn = axes.scatter(
        *points.T, c=distances, s=14, edgecolors="black", linewidths=0.4, zorder=3, cmap=COLORS
    )
    drawn.set_clim(*limits)
    axes.set(xlim=(0, width), ylim=(height, 0))
    return drawn


def _segment(line: np.ndarray, width: int, height: int) -> np.ndarray:
    """Two points (2, 2) of a line, far enough apart to cross the image."""
    length = np.linalg.norm(line[:2])
    normal = line[:2] / length
    middle = np.array([width / 2, height / 2])
    foot = middle - (normal @ middle + line[2] / length) * normal
    reach = (width + height) * np.array([-normal[1], normal[0]])
    return np.stack([foot - reach, foot + reach])
