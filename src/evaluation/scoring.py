"""Frames on disk to the distances of their matches: images and cameras, scored pair by pair.

Each image is read once, and two frames are in memory at a time, however long the sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..cameras.files.camera import Camera
from ..cameras.geometry import fundamental_matrix, intrinsic_matrix
from .match_cache import MatchCache
from .matching import Features, Frame, Matcher, Matches, open_frame
from .registry import T_ERROR
from .tsed import has_baseline, scaled_t_error, symmetric_epipolar_distance

NO_BASELINE = "no baseline: both cameras are at the same place"

Size = tuple[int, int]  # (height, width), pixels


@dataclass(frozen=True, eq=False)
class PairScore:
    """Two frames of a sequence, their matches, and the matches' distances.

    Without images there are neither matches nor distances, without a baseline no distances.
    """

    frames: tuple[int, int]  # positions in the sequence
    points: Matches | None  # pixels
    distances: np.ndarray | None  # (matches,) pixels
    problems: tuple[str, ...] = ()  # why something is None, or why there are no matches
    cameras: tuple[Camera, ...] = ()  # where there are images
    sizes: tuple[Size, ...] = ()

    @property
    def matches(self) -> int | None:
        """Their number."""
        return None if self.points is None else len(self.points[0])

    @property
    def missing(self) -> bool:
        """Whether an image could not be read, so that the result is incomplete."""
        return self.points is None

    @property
    def fundamental(self) -> np.ndarray | None:
        """The matrix F (3, 3) with x2 F x1 = 0 for homogeneous pixels; None without distances."""
        if self.distances is None:
            return None
        intrinsics = []
        for camera, size in zip(self.cameras, self.sizes, strict=True):
            focal_y, focal_x = camera.focal_lengths(size)
            intrinsics.append(intrinsic_matrix(focal_y, size, focal_x, camera.principal))
        poses = (camera.pose for camera in self.cameras)
        return fundamental_matrix(*poses, *intrinsics)


def score_sequence(
    images: Sequence[Path],
    cameras: Sequence[Camera],
    matcher: Matcher,
    cache: Path | None = None,
    look: Callable[[int, Frame], None] | None = None,
) -> list[PairScore]:
    """Match all neighbouring frames and measure the distances.

    images, cameras: in the order of the path, as many of both; an image may be missing. cache:
    file of matches, read and written (`MatchCache`). look: is called with the position of each
    frame that can be read, and the frame. Returns a score for each two consecutive cameras.
    """
    matches = MatchCache(cache, matcher)
    scores: list[PairScore] = []
    before = None
    for position, path in enumerate(images):
        now = _see(path, matcher)
        if now.frame is not None and look is not None:
            look(position, now.frame)
        if before is not None:
            pair = (position - 1, position)
            scores.append(_score(pair, before, now, cameras, matches))
        before = now
    matches.save()
    return scores


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame, or why there is none; features are extracted when they are needed."""

    matcher: Matcher
    frame: Frame | None
    problem: str | None = None

    @cached_property
    def features(self) -> Features:
        return self.matcher.features(self.frame)


def _see(path: Path, matcher: Matcher) -> _Seen:
    try:
        return _Seen(matcher, open_frame(path))
    except (ValueError, OSError) as error:
        return _Seen(matcher, None, str(error))


def _score(
    pair: tuple[int, int],
    first: _Seen,
    second: _Seen,
    cameras: Sequence[Camera],
    matches: MatchCache,
) -> PairScore:
    problems = tuple(one.problem for one in (first, second) if one.problem is not None)
    if problems:
        return PairScore(pair, None, None, problems)
    points = matches.get(
        first.frame,
        second.frame,
        lambda: first.matcher.match(first.features, second.features),
    )
    both = cameras[pair[0]], cameras[pair[1]]
    return score_pair(pair, points, both, (first.frame.size, second.frame.size))


def score_pair(
    frames: tuple[int, int],
    points: Matches,
    cameras: tuple[Camera, Camera],
    sizes: tuple[Size, Size],
) -> PairScore:
    """The distances of the matches between two frames."""
    between = f"frames {cameras[0].image_name} and {cameras[1].image_name}"
    distances, problems = None, ()
    if not has_baseline(cameras[0].pose, cameras[1].pose):
        problems = (f"{between}: {NO_BASELINE}",)
    else:
        distances = match_distances(points, *cameras, *sizes)
        if not len(distances):
            reason = "no matches: a frame without texture, or nothing in common"
            problems = (f"{between}: {reason}",)
    return PairScore(frames, points, distances, problems, cameras, sizes)


def t_error_of(scores: Sequence[PairScore]) -> float:
    """T_error in pixels for the frames of a sequence, by their median height.

    It is T_ERROR, the paper's, where no frame could be read.
    """
    heights = [height for score in scores for height, _ in score.sizes]
    return scaled_t_error(float(np.median(heights))) if heights else T_ERROR


def match_distances(
    matches: Matches, camera_1: Camera, camera_2: Camera, size_1: Size, size_2: Size
) -> np.ndarray:
    """Symmetric epipolar distances (n,) in pixels of matches between two frames."""
    focal_lengths = camera_1.focal_lengths(size_1), camera_2.focal_lengths(size_2)
    return symmetric_epipolar_distance(
        *matches,
        camera_1.pose,
        camera_2.pose,
        [focal_y for focal_y, _ in focal_lengths],
        [size_1, size_2],
        focal_x=[focal_x for _, focal_x in focal_lengths],
        principal=[camera_1.principal, camera_2.principal],
    )
