"""Frames on disk to the distances of their matches: images and cameras, scored pair by pair.

Each image is read once, and two frames are in memory at a time, however long the sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from ..cameras.files.camera import Camera
from ..cameras.files.fitting import fit_camera
from ..cameras.geometry import fundamental_matrix
from ..cameras.lens import is_distorted, matrix_of, pinhole, undistort, undistort_frame
from .match_cache import MatchCache
from .matching import Features, Frame, Matcher, Matches, open_frame
from .registry import T_ERROR
from .tsed import has_baseline, scaled_t_error, symmetric_epipolar_distance

UNDISTORTED = "lens distortion undone, at the matched points"
UNTURNED = "frames not turned by their EXIF, as the cameras belong to the pixels as stored"
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
    notes: tuple[str, ...] = ()  # what was done to the frames
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
        intrinsics = map(matrix_of, self.cameras, self.sizes)
        poses = (camera.pose for camera in self.cameras)
        return fundamental_matrix(*poses, *intrinsics)


def score_sequence(
    images: Sequence[Path],
    cameras: Sequence[Camera],
    matcher: Matcher,
    cache: Path | None = None,
    look: Callable[[int, Image.Image], None] | None = None,
    shape: str | None = None,
) -> list[PairScore]:
    """Match all neighbouring frames and measure the distances.

    images, cameras: in the order of the path, as many of both; an image may be missing. cache:
    file of matches, read and written (`MatchCache`). look: is called with the position of each
    frame that can be read, and its picture, the lens undone. shape: of frames that have another
    shape than their camera's image (`fit_camera`), else ValueError. Returns a score for each two
    consecutive cameras.
    """
    matches = MatchCache(cache, matcher)
    scores: list[PairScore] = []
    before = None
    for position, (path, camera) in enumerate(zip(images, cameras, strict=True)):
        now = _see(path, camera, matcher, shape)
        if now.frame is not None and look is not None:
            look(position, picture_of(now.frame, now.camera))
        if before is not None:
            scores.append(_score((position - 1, position), before, now, matches))
        before = now
    matches.save()
    return scores


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame, or why there is none; features are extracted when they are needed."""

    matcher: Matcher
    frame: Frame | None
    camera: Camera | None = None  # of the frame as it is
    problem: str | None = None

    @cached_property
    def features(self) -> Features:
        return self.matcher.features(self.frame)


def _see(path: Path, camera: Camera, matcher: Matcher, shape: str | None) -> _Seen:
    try:
        frame = open_frame(path, camera)
    except (ValueError, OSError) as error:
        return _Seen(matcher, None, problem=str(error))
    return _Seen(matcher, frame, fitted(frame, camera, shape))


def fitted(frame: Frame, camera: Camera, shape: str | None = None) -> Camera:
    """The camera of a frame as it is (`fit_camera`); raises ValueError naming the frame's file."""
    try:
        return fit_camera(camera, frame.size, shape)
    except ValueError as error:
        raise ValueError(f"{frame.path}: {error}") from error


def picture_of(frame: Frame, camera: Camera) -> Image.Image:
    """The frame's picture as a pinhole shows it."""
    if not is_distorted(camera, frame.size):
        return frame.image
    return Image.fromarray(undistort_frame(np.asarray(frame.image), camera))


def _score(
    pair: tuple[int, int],
    first: _Seen,
    second: _Seen,
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
    both = first.frame, second.frame
    scored = score_pair(
        pair, points, (first.camera, second.camera), (first.frame.size, second.frame.size)
    )
    unturned = any(frame.unturned for frame in both)
    return replace(scored, notes=(UNTURNED, *scored.notes)) if unturned else scored


def score_pair(
    frames: tuple[int, int],
    points: Matches,
    cameras: tuple[Camera, Camera],
    sizes: tuple[Size, Size],
) -> PairScore:
    """The distances of the matches between two frames.

    points: as the frames show them. Lenses are undone: the result has points and cameras of
    pinholes, without matches that the lens model cannot place.
    """
    distorted = [is_distorted(camera, size) for camera, size in zip(cameras, sizes, strict=True)]
    if any(distorted):
        points = _undistorted(points, cameras, sizes)
    cameras = tuple(map(pinhole, cameras))
    notes = (UNDISTORTED,) if any(distorted) else ()
    between = f"frames {cameras[0].image_name} and {cameras[1].image_name}"
    distances, problems = None, ()
    if not has_baseline(cameras[0].pose, cameras[1].pose):
        problems = (f"{between}: {NO_BASELINE}",)
    else:
        distances = match_distances(points, *cameras, *sizes)
        if not len(distances):
            reason = "no matches: a frame without texture, or nothing in common"
            problems = (f"{between}: {reason}",)
    return PairScore(frames, points, distances, problems, notes, cameras, sizes)


def _undistorted(
    matches: Matches, cameras: tuple[Camera, Camera], sizes: tuple[Size, Size]
) -> Matches:
    first, second = (
        undistort(points, camera, size)
        for points, camera, size in zip(matches, cameras, sizes, strict=True)
    )
    placed = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    return first[placed], second[placed]


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
