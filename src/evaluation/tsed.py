"""The symmetric epipolar distance of matches, and TSED.

TSED is the share of neighbouring frames whose matches obey their cameras. The thresholded symmetric
epipolar distance is the consistency metric of "Long-Term Photometric Consistent Novel View
Synthesis with Diffusion Models" (Yu et al., ICCV 2023). Two neighbouring frames are consistent if
they have at least T_matches matches and the median distance of these is below T_error.

What the definition leaves open is decided here:

- *No baseline* (`has_baseline`): two cameras at one place have no epipolar geometry, whatever the
  pictures show. Such a pair is in neither part of the share. Distances do not exist (NaN), and
  callers pass None for the pair.
- *A keypoint at the epipole* has no epipolar line. The match's distance is NaN and it counts
  nowhere: not in the median, not towards T_matches.
- *Fewer than T_matches matches, or none*: the pair is inconsistent, however small the median.
- *No pair that can be scored*: the sequence has no TSED (NaN).

All is numpy float64. Pixels have their origin at the image's top left corner
(`photonvs.cameras.geometry`).
"""

from collections.abc import Sequence

import numpy as np

from ..cameras.geometry import fundamental_matrix, intrinsic_matrix
from .registry import T_ERROR, T_ERROR_HEIGHT, T_MATCHES

CURVE_END = 10.0  # pixels
CURVE_ERRORS = np.linspace(0.25, CURVE_END, 40)  # pixels, in steps of 0.25
# Of the centres' distance from the world's origin: float32 poses are not more exact.
NO_BASELINE = 1e-6
AT_EPIPOLE = 1e-6  # radians; float32 keypoints are not more exact


def symmetric_epipolar_distance(
    points_1: np.ndarray,
    points_2: np.ndarray,
    pose_1: np.ndarray,
    pose_2: np.ndarray,
    focal_y: float | Sequence[float],
    image_size: int | Sequence,
    *,
    focal_x: float | Sequence[float] | None = None,
    principal: Sequence = (0.5, 0.5),
) -> np.ndarray:
    """Distance of each match from the epipolar geometry of two cameras, (n,) pixels.

    The mean of two distances: from the point in image 2 to the epipolar line of the point in image
    1, and the reverse. NaN: no baseline, or a point at the epipole.

    points_1, points_2: (n, 2) pixels (x, y), origin at the image's corner.
    pose_1, pose_2: (4, 4) camera-to-world.
    focal_y, focal_x: fractions of the image's height and width; without focal_x pixels are square.
    principal: (x, y), fractions of width and height.
    image_size: (height, width) pixels, or one number for both.
    The last four are for both images, or hold one value (row) for each.
    """
    points_1, points_2 = _as_points(points_1), _as_points(points_2)
    if len(points_1) != len(points_2):
        raise ValueError(
            f"matches: {len(points_1)} points in image 1 and {len(points_2)} in image 2, "
            "expected as many in both"
        )
    if not has_baseline(pose_1, pose_2):
        return np.full(len(points_1), np.nan)
    intrinsics = _intrinsics_of_both(focal_y, image_size, focal_x, principal)
    fundamental = fundamental_matrix(pose_1, pose_2, *intrinsics)
    distance_2 = _line_distance(points_1, points_2, fundamental, *intrinsics)
    distance_1 = _line_distance(points_2, points_1, fundamental.T, *intrinsics[::-1])
    return (distance_1 + distance_2) / 2


def has_baseline(pose_1: np.ndarray, pose_2: np.ndarray) -> bool:
    """Whether two cameras stand apart, farther than float32 positions are rounded."""
    centre_1, centre_2 = (_as_pose(pose)[:3, 3] for pose in (pose_1, pose_2))
    size = max(np.linalg.norm(centre_1), np.linalg.norm(centre_2))
    return bool(np.linalg.norm(centre_1 - centre_2) > NO_BASELINE * size)


def scaled_t_error(height: float) -> float:
    """T_error in pixels of frames with this height: the paper's 2 at 256, 1 at 128."""
    return T_ERROR * height / T_ERROR_HEIGHT


def median_distance(distances: np.ndarray | None) -> float:
    """Median over a pair's matches whose distance exists, pixels; NaN if there are none."""
    existing = _existing(distances)
    return float(np.median(existing)) if len(existing) else float("nan")


def is_consistent(
    distances: np.ndarray | None, t_error: float = T_ERROR, t_matches: int = T_MATCHES
) -> bool | None:
    """Whether a pair is consistent, from the distances (n,) of its matches.

    None for a pair without distances (None).
    """
    if distances is None:
        return None
    existing = _existing(distances)
    return bool(len(existing) >= max(t_matches, 1) and np.median(existing) < t_error)


def tsed(
    pairs: Sequence[np.ndarray | None], t_error: float = T_ERROR, t_matches: int = T_MATCHES
) -> float:
    """TSED of a sequence: the consistent share of its neighbouring pairs, 0 to 1.

    pairs: for each pair the distances (n,) of its matches in pixels. None where a pair cannot be
    scored (no baseline, no image): it is left out of the share. t_error: pixels. NaN if no pair
    can be scored.
    """
    return float(tsed_curve(pairs, [t_error], t_matches)[0])


def tsed_curve(
    pairs: Sequence[np.ndarray | None],
    t_errors: Sequence[float] = CURVE_ERRORS,
    t_matches: int = T_MATCHES,
) -> np.ndarray:
    """TSED at several thresholds t_errors (k,) in pixels, (k,); `pairs` as for `tsed`."""
    medians = _deciding_medians(pairs, t_matches)
    if not len(medians):
        return np.full(len(t_errors), np.nan)
    return (medians[None, :] < np.asarray(t_errors, dtype=np.float64)[:, None]).mean(axis=1)


def area_under_curve(
    pairs: Sequence[np.ndarray | None], end: float = CURVE_END, t_matches: int = T_MATCHES
) -> float:
    """Mean of TSED over all thresholds from 0 to `end` pixels, 0 to 1, exact.

    NaN if no pair can be scored. A pair with median m is consistent at the thresholds above m, the
    share 1 - m / end of them.
    """
    medians = _deciding_medians(pairs, t_matches)
    return float(np.mean(np.clip(1 - medians / end, 0, 1))) if len(medians) else float("nan")


def _deciding_medians(pairs: Sequence[np.ndarray | None], t_matches: int) -> np.ndarray:
    """Median of each pair that can be scored, infinite where matches are too few."""
    medians = [
        median_distance(distances) if len(_existing(distances)) >= max(t_matches, 1) else np.inf
        for distances in pairs
        if distances is not None
    ]
    return np.array(medians, dtype=np.float64)


def _existing(distances: np.ndarray | None) -> np.ndarray:
    distances = np.asarray([] if distances is None else distances, dtype=np.float64)
    return distances[~np.isnan(distances)]


def _line_distance(
    points: np.ndarray,
    others: np.ndarray,
    fundamental: np.ndarray,
    intrinsics: np.ndarray,
    other_intrinsics: np.ndarray,
) -> np.ndarray:
    """Distance of `others` from the epipolar lines of `points`, (n,) pixels.

    Hartley and Zisserman, section 11.4.3.
    """
    points = np.column_stack([points, np.ones(len(points))])
    others = np.column_stack([others, np.ones(len(others))])
    lines = points @ fundamental.T  # (n, 3): a x + b y + c = 0 in the other image
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.sum(lines * others, axis=1)) / np.hypot(lines[:, 0], lines[:, 1])
    # The line as a plane through the other camera: its normal's length is
    # baseline * |ray| * sin(angle to the baseline).
    normals = np.linalg.norm(lines @ other_intrinsics, axis=1)
    rays = np.linalg.norm(points @ np.linalg.inv(intrinsics).T, axis=1)
    essential = other_intrinsics.T @ fundamental @ intrinsics
    baseline = np.linalg.norm(essential) / np.sqrt(2)
    at_epipole = normals <= AT_EPIPOLE * baseline * rays
    return np.where(at_epipole, np.nan, distance)


def _intrinsics_of_both(
    focal_y: float | Sequence[float],
    image_size: int | Sequence,
    focal_x: float | Sequence[float] | None,
    principal: Sequence,
) -> tuple[np.ndarray, np.ndarray]:
    focal_x = np.nan if focal_x is None else focal_x
    focal_y = np.broadcast_to(np.asarray(focal_y, dtype=np.float64), 2)
    focal_x = np.broadcast_to(np.asarray(focal_x, dtype=np.float64), 2)
    image_size = np.broadcast_to(np.asarray(image_size, dtype=np.float64), (2, 2))
    principal = np.broadcast_to(np.asarray(principal, dtype=np.float64), (2, 2))
    if not (np.all(focal_y > 0) and np.all(image_size > 0) and not np.any(focal_x <= 0)):
        raise ValueError(
            f"camera: focal lengths {focal_y}, {focal_x} and image size {image_size}: expected "
            "positive numbers"
        )
    first, second = (
        intrinsic_matrix(
            focal_y[k], image_size[k], None if np.isnan(focal_x[k]) else focal_x[k], principal[k]
        )
        for k in (0, 1)
    )
    return first, second


def _as_points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2 or not np.all(np.isfinite(points)):
        raise ValueError(f"points: found shape {points.shape}, expected (n, 2) finite pixels")
    return points


def _as_pose(pose: np.ndarray) -> np.ndarray:
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (4, 4) or not np.all(np.isfinite(pose)):
        raise ValueError(
            f"pose: found shape {pose.shape}, expected a finite 4x4 camera-to-world matrix"
        )
    return pose
