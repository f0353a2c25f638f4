"""A smooth camera path through a few keyframes: cubic in position, spherical in rotation."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from .geometry import check_poses
from .paths import sizes_of
from .rotations import interpolated, matrix_of_vector, vector_of_matrix

# To measure the way: samples of each piece between keyframes, and of each frame's step.
SAMPLES_A_PIECE, SAMPLES_A_STEP = 200, 10


def keyframe_path(
    poses: np.ndarray,
    frames: int,
    times: np.ndarray | None = None,
    constant_speed: bool = False,
) -> np.ndarray:
    """A smooth path (frames, 4, 4) from the first to the last of `poses`, through the others.

    poses: (n, 4, 4) camera-to-world, at least two different ones. times: (n,) rising, in any unit;
    frames are evenly spaced in time. Without times, each keyframe comes when the way to it is done
    at an even speed. constant_speed: go along the curve in even steps, whatever the times. Steps
    are as large as `sizes_of` says.

    Positions are a natural cubic spline. Rotations are cubic Bezier curves of the same slopes, with
    slerp for the straight lines (Shoemake, Animating Rotation with Quaternion Curves, 1985). So
    speed and turning do not jump at a keyframe. Raises ValueError for poses that are not rigid,
    times that do not rise, or too few frames or keyframes.
    """
    poses = np.asarray(poses, dtype=np.float64)
    check_poses(poses)
    if frames < 2:
        raise ValueError(f"{frames} frames; expected at least 2, the given one included")
    poses, times = _timed(poses, times)
    curve = _Curve(poses, times)
    at = np.linspace(times[0], times[-1], frames)
    if constant_speed:
        samples = SAMPLES_A_PIECE * len(poses) + SAMPLES_A_STEP * frames
        fine = np.linspace(times[0], times[-1], samples)
        reached = np.concatenate([[0], np.cumsum(sizes_of(_motions(curve(fine))))])
        at = np.interp(np.linspace(0, reached[-1], frames), reached, fine)
    # Rounded as the presets are, so that files are the same on every machine.
    return np.round(curve(at), 12) + 0.0


class _Curve:
    """The path as a function of time."""

    def __init__(self, poses: np.ndarray, times: np.ndarray) -> None:
        self.poses, self.times = poses, times
        self.slopes = _slopes(_motions(poses), np.diff(times))

    def __call__(self, at: np.ndarray) -> np.ndarray:
        """Poses (m, 4, 4) at the times `at` (m,)."""
        last_piece = len(self.times) - 2
        piece = np.clip(np.searchsorted(self.times, at, side="right") - 1, 0, last_piece)
        start, end, span = self.poses[piece], self.poses[piece + 1], np.diff(self.times)[piece]
        share = (at - self.times[piece]) / span
        leaving = self.slopes[piece] * span[:, None] / 3
        arriving = self.slopes[piece + 1] * span[:, None] / 3
        poses = np.tile(np.eye(4), (len(at), 1, 1))
        places = start[:, :3, 3], end[:, :3, 3]
        poses[:, :3, 3] = _bezier(
            [places[0], places[0] + leaving[:, :3], places[1] - arriving[:, :3], places[1]],
            share,
            lambda one, other, share: one + share[:, None] * (other - one),
        )
        turns = start[:, :3, :3], end[:, :3, :3]
        after = turns[0] @ matrix_of_vector(leaving[:, 3:])
        before = turns[1] @ matrix_of_vector(-arriving[:, 3:])
        poses[:, :3, :3] = _bezier([turns[0], after, before, turns[1]], share, interpolated)
        return poses


def _bezier(
    points: list[np.ndarray], share: np.ndarray, between: Callable[..., np.ndarray]
) -> np.ndarray:
    """De Casteljau's algorithm: lines between the points, lines between those, down to one."""
    while len(points) > 1:
        points = [between(*pair, share) for pair in pairwise(points)]
    return points[0]


def _motions(poses: np.ndarray) -> np.ndarray:
    """From each pose to the next: translation in the world, rotation vector in the camera; (n, 6).

    A steady turn has the same rotation vector all along, in the camera's own axes.
    """
    rotations = poses[:, :3, :3]
    turns = vector_of_matrix(np.swapaxes(rotations[:-1], 1, 2) @ rotations[1:])
    return np.concatenate([np.diff(poses[:, :3, 3], axis=0), turns], axis=1)


def _timed(poses: np.ndarray, times: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Keyframes and their times. Without times, a keyframe like the one before it is left out."""
    if times is None:
        sizes = sizes_of(_motions(poses))
        differs = np.concatenate([[True], sizes > 1e-9 * sizes.max(initial=0)])
        poses, times = poses[differs], np.concatenate([[0], np.cumsum(sizes)])[differs]
    times = np.asarray(times, dtype=np.float64)
    if len(poses) < 2:
        raise ValueError("one keyframe; expected at least two different ones")
    if times.shape != (len(poses),) or not np.isfinite(times).all():
        raise ValueError(f"{len(poses)} keyframes; expected as many times, finite numbers")
    if (np.diff(times) <= 0).any():
        index = int(np.argmax(np.diff(times) <= 0)) + 1
        raise ValueError(
            f"keyframe {index}: its time {times[index]:g} is not after {times[index - 1]:g}, that "
            "of the keyframe before; expected times that rise"
        )
    return poses, times


def _slopes(motions: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Motion per time at each keyframe, of the natural cubic spline (n + 1, k).

    motions: (n, k) from each keyframe to the next. spans: (n,), the times that they take. The
    acceleration is steady at each keyframe, and zero at both ends (de Boor, A Practical Guide to
    Splines, chapter 4).
    """
    count, speeds = len(spans) + 1, motions / spans[:, None]
    matrix, right = np.zeros((count, count)), np.zeros((count, motions.shape[1]))
    matrix[0, :2], right[0] = (2, 1), 3 * speeds[0]
    matrix[-1, -2:], right[-1] = (1, 2), 3 * speeds[-1]
    for k in range(1, count - 1):
        before, after = spans[k - 1], spans[k]
        matrix[k, k - 1 : k + 2] = after, 2 * (before + after), before
        right[k] = 3 * (after * speeds[k - 1] + before * speeds[k])
    return np.linalg.solve(matrix, right)
