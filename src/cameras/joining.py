"""Camera paths in words, and several joined to one.

Each begins where the one before ends, and steps are even.
"""

import math
from collections.abc import Sequence

import numpy as np

from .paths import PRESETS, default_sizes, sizes_of
from .rotations import matrix_of_vector

SAMPLES = 200  # poses of a path before it is resampled
SMOOTHING = 5  # frames that a smoothed corner takes


def moves_path(moves: Sequence[str], frames: int, smooth: bool = False) -> np.ndarray:
    """The path (frames, 4, 4) of moves in words, such as `orbit` or `dolly:1` and `pan:40`.

    One move is the preset's path itself; several are joined. Raises ValueError as `parse_move`.
    """
    if len(moves) == 1 and not smooth:
        return parse_move(moves[0], frames)
    return join([parse_move(move) for move in moves], frames, smooth)


def parse_move(text: str, frames: int = SAMPLES, unit: float = 1.0) -> np.ndarray:
    """A preset's path (frames, 4, 4) from text; by default it is finely sampled.

    The text is for example `dolly`, `pan:40` or `orbit:radius=2,angle=30`.

    A number alone is the angle, or the distance of paths that do not turn. unit: how many units of
    the poses are a metre, the unit of the presets' own lengths. Raises ValueError for another name
    or number.
    """
    name, _, values = text.partition(":")
    if name not in PRESETS:
        raise ValueError(f"path {text!r}: expected one of {', '.join(PRESETS)}, as in pan:40")
    arguments = default_sizes(name, unit) | {"frames": frames}
    known = [option for option in arguments if option != "frames"]
    alone = "angle" if "angle" in known else "distance"
    for part in filter(None, values.split(",")):
        option, equals, number = part.rpartition("=")
        option = option if equals else alone
        try:
            arguments[option] = float(number)
        except ValueError:
            raise ValueError(f"path {text!r}: found {number!r}, expected a number") from None
        if option not in known or not math.isfinite(arguments[option]):
            raise ValueError(f"path {text!r}: expected finite numbers for {', '.join(known)}")
    return PRESETS[name](**arguments)


def join(paths: Sequence[np.ndarray], frames: int, smooth: bool = False) -> np.ndarray:
    """One path (frames, 4, 4) along several (n, 4, 4), each finely sampled.

    All steps are as large, by `sizes_of`. smooth: round the corners between two paths, and begin
    and end gently. Then the end is only near where it would be. Raises ValueError for fewer than
    two frames or no path.
    """
    if frames < 2 or not paths:
        raise ValueError(f"{frames} frames of {len(paths)} paths; expected at least 2 of 1")
    motions = np.concatenate([_motions(path) for path in paths])
    motions = _evened(motions, SAMPLES * (frames - 1))
    if smooth:
        motions = _smoothed(motions, window=SAMPLES * SMOOTHING + 1)
    poses = [np.eye(4)]
    for step in _poses_of(motions):
        poses.append(poses[-1] @ step)
    chosen = np.linspace(0, len(poses) - 1, frames).round().astype(int)
    return np.round(np.stack(poses)[chosen], 12) + 0.0


def _motions(path: np.ndarray) -> np.ndarray:
    """From each pose to the next: translation, rotation vector; (n - 1, 6).

    Both are seen from the camera halfway between, which makes the sum of small motions exact to
    second order.
    """
    steps = np.linalg.inv(path[:-1]) @ path[1:]
    skew = (steps[:, :3, :3] - steps[:, :3, :3].transpose(0, 2, 1)) / 2
    # For small turns: the rotation vector is sin(angle) times the axis, to third order.
    turns = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=1)
    moves = matrix_of_vector(-turns / 2) @ steps[:, :3, 3:]
    return np.concatenate([moves[..., 0], turns], axis=1)


def _evened(motions: np.ndarray, count: int) -> np.ndarray:
    """The same way in `count` motions of one size."""
    reached = np.concatenate([[0], np.cumsum(sizes_of(motions))])
    if reached[-1] == 0:
        return np.zeros((count, 6))
    way = np.concatenate([np.zeros((1, 6)), np.cumsum(motions, axis=0)])
    at = np.linspace(0, reached[-1], count + 1)
    return np.diff(np.stack([np.interp(at, reached, part) for part in way.T], axis=1), axis=0)


def _smoothed(motions: np.ndarray, window: int) -> np.ndarray:
    """Averages over a sliding window; at both ends the camera stands still."""
    kernel = np.hanning(window + 2)[1:-1]
    kernel /= kernel.sum()
    return np.stack([np.convolve(part, kernel, mode="full") for part in motions.T], axis=1)


def _poses_of(motions: np.ndarray) -> np.ndarray:
    """The pose (n, 4, 4) after each motion of `_motions`."""
    moves, turns = motions[:, :3, None], motions[:, 3:]
    poses = np.tile(np.eye(4), (len(motions), 1, 1))
    poses[:, :3, :3] = matrix_of_vector(turns)
    poses[:, :3, 3:] = matrix_of_vector(turns / 2) @ moves
    return poses
