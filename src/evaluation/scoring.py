"""Frames on disk to the distances of their matches: a sequence of images and cameras, scored pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cameras.files.camera import Camera
from ..cameras.geometry import fundamental_matrix, intrinsic_matrix
from .matching import Matcher, Matches, cached_match, read_grey
from .tsed import has_baseline, symmetric_epipolar_distance


@dataclass(frozen=True)
class FrameSequence:
    """Frames and their cameras, in the order of the path; an image may be missing."""

    images: Sequence[Path]
    cameras: Sequence[Camera]


@dataclass(frozen=True)
class PairScore:
    """Two neighbouring frames. Without images there are neither matches nor distances, without a baseline no distances."""

    frames: tuple[int, int]  # positions in the sequence
    matches: int | None  # found
    distances: np.ndarray | None  # (matches,) pixels
    problems: tuple[str, ...] = ()  # why something is None, or why there are no matches

    @property
    def missing(self) -> bool:
        """Whether an image could not be read, so that the result is incomplete."""
        return self.matches is None


def score_sequence(sequence: FrameSequence, matcher: Matcher, cache: Path) -> list[PairScore]:
    """Match all neighbouring frames and measure the distances; one PairScore for each two consecutive cameras.

    cache: file of matches, read and written (`matching.cached_match`).
    """
    sizes, problems = {}, {}
    for position, image in enumerate(sequence.images):
        try:
            sizes[position] = read_grey(image).shape
        except (ValueError, OSError) as error:
            problems[position] = str(error)
    pairs = [(position, position + 1) for position in range(len(sequence.images) - 1)]
    readable = [pair for pair in pairs if not problems.keys() & set(pair)]
    matches = dict(
        zip(readable, cached_match(matcher, sequence.images, readable, cache), strict=True)
    )
    scores = []
    for pair in pairs:
        if pair in matches:
            scores.append(_score_pair(pair, sequence.cameras, sizes, matches[pair]))
        else:
            scores.append(
                PairScore(pair, None, None, tuple(problems[k] for k in pair if k in problems))
            )
    return scores


def _score_pair(
    pair: tuple[int, int], cameras: Sequence[Camera], sizes: dict, matches: Matches
) -> PairScore:
    both = [cameras[position] for position in pair]
    between = f"frames {both[0].image_name} and {both[1].image_name}"
    if not has_baseline(both[0].pose, both[1].pose):
        return PairScore(
            pair,
            len(matches[0]),
            None,
            (f"{between}: no baseline: both cameras are at the same place",),
        )
    problems = (
        ()
        if len(matches[0])
        else (f"{between}: no matches: a frame without texture, or nothing in common",)
    )
    return PairScore(
        pair,
        len(matches[0]),
        match_distances(matches, *both, sizes[pair[0]], sizes[pair[1]]),
        problems,
    )


def match_distances(
    matches: Matches,
    camera_1: Camera,
    camera_2: Camera,
    size_1: tuple[int, int],
    size_2: tuple[int, int],
) -> np.ndarray:
    """Symmetric epipolar distances (n,) in pixels of matches between two frames of (height, width) pixels."""
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


def pair_fundamental(cameras: Sequence[Camera], sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """The fundamental matrix (3, 3) of two frames of (height, width) pixels: x2 F x1 = 0 for homogeneous pixels x1, x2."""
    intrinsics = []
    for camera, size in zip(cameras, sizes, strict=True):
        focal_y, focal_x = camera.focal_lengths(size)
        intrinsics.append(intrinsic_matrix(focal_y, size, focal_x, camera.principal))
    return fundamental_matrix(cameras[0].pose, cameras[1].pose, *intrinsics)
