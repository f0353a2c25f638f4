"""The command draw-epipolar: two frames side by side with their matches and epipolar lines, coloured by distance."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from ..datasets.camera_files import Camera, find_images, read_cameras
from ..trajectory import SPEC
from ..utils.command_line import add_instance_data
from ..utils.files import atomic_path
from .matching import MATCHERS, Matcher, Matches, read_grey
from .scoring import match_distances, pair_fundamental
from .tsed import T_ERROR, has_baseline, median_distance

COLORS = "RdYlGn_r"


def main(arguments: list[str] | None = None) -> None:
    """Draw one pair of frames and say where the picture is."""
    options = _parse(arguments)
    if options.output:
        folder = options.instance_data / options.output
        run = f"{options.run:08d}"
        poses, images, results = (
            folder / SPEC,
            folder / "samples" / run / "images",
            folder / "evaluation" / run,
        )
    else:
        poses, images, results = options.poses, options.images, Path()
    cameras = read_cameras(poses)
    paths, _ = find_images(cameras, images)
    first, second = options.frames
    if not (0 <= first < len(cameras) and 0 <= second < len(cameras) and first != second):
        raise ValueError(
            f"frames {first} and {second}: expected two different ones from 0 to {len(cameras) - 1} ({poses})"
        )
    pair = [(paths[k], cameras[k]) for k in (first, second)]
    figure = draw_pair(pair, MATCHERS[options.matcher](), options.lines)
    target = options.figure or results / f"epipolar-{first:04d}-{second:04d}.png"
    with atomic_path(target) as temporary:
        figure.savefig(temporary, dpi=120)
    print(target)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="A picture of two frames, their matches and the matches' epipolar lines."
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder samples/<id> in the instance data"
    )
    parser.add_argument("--run", type=int, default=0, help="number of the run in it (default: 0)")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="instead of -o: a folder of anyone's frames"
    )
    parser.add_argument(
        "--poses", type=Path, metavar="FILE", help="the cameras of --images, as for compute-tsed.py"
    )
    parser.add_argument(
        "--frames",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar="N",
        help="positions on the path (default: 0 1)",
    )
    parser.add_argument(
        "--matcher",
        choices=sorted(MATCHERS),
        default="sift",
        help="as for compute-tsed.py (default: sift)",
    )
    parser.add_argument(
        "--lines",
        type=int,
        default=30,
        metavar="N",
        help="matches whose lines are drawn at most (default: 30)",
    )
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="picture to write (default: epipolar-NNNN-NNNN.png, with -o in samples/<id>/evaluation/<run>)",
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.output) == bool(options.images) or bool(options.images) != bool(options.poses):
        parser.error("expected either -o, or --images and --poses")
    return options


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
