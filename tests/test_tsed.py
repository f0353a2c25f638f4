"""Symmetric epipolar distance and TSED: reference values, closed forms, invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import points_before, project, random_pose, unhurried
from seeded import reference

from photonvs.evaluation.tsed import (
    CURVE_ERRORS,
    area_under_curve,
    has_baseline,
    is_consistent,
    median_distance,
    symmetric_epipolar_distance,
    tsed,
    tsed_curve,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZE = 256


def two_cameras(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two poses apart, and (30, 2) pixels in each that are no exact matches."""
    generator = np.random.default_rng(seed)
    pose_1 = random_pose(generator)
    step = random_pose(generator)
    step[:3, :3] = np.eye(3)
    pose_2 = pose_1 @ step
    points_1 = generator.uniform(0, SIZE, (30, 2))
    return pose_1, pose_2, points_1, points_1 + generator.normal(0, 20, (30, 2))


def sideways(distance: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two parallel cameras side by side: epipolar lines are the rows of the image."""
    pose_2 = np.eye(4)
    pose_2[0, 3] = distance
    return np.eye(4), pose_2


@pytest.mark.parametrize("pair", range(6))
def test_reference_pairs(pair):
    values = {
        key.removeprefix(f"pair{pair}_"): value
        for key, value in reference("geometry").items()
        if key.startswith(f"pair{pair}_")
    }
    distances = symmetric_epipolar_distance(
        values["keypoints_1"],
        values["keypoints_2"],
        values["pose_1"],
        values["pose_2"],
        float(values["focal_y"]),
        SIZE,
    )
    np.testing.assert_allclose(distances, values["sed"], rtol=1e-6)
    assert median_distance(distances) == pytest.approx(float(values["median"]), rel=1e-6)
    assert is_consistent(distances) is bool(values["consistent"])


def test_tsed_of_the_reference_pairs():
    published = reference("geometry")
    distances = [published[f"pair{pair}_sed"] for pair in range(6)]
    decisions = [bool(published[f"pair{pair}_consistent"]) for pair in range(6)]
    assert tsed(distances) == pytest.approx(np.mean(decisions))


@unhurried
@given(SEEDS)
def test_true_matches_have_no_distance(seed):
    generator = np.random.default_rng(seed)
    pose_1, pose_2, *_ = two_cameras(seed)
    points = points_before(pose_1, generator, 20, focal_y=1.2)
    # In front of the second camera too, which stands less than that away.
    points += 5 * pose_1[:3, :3] @ [0, 0, -1]
    pixels = [project(points, pose, 1.2, SIZE) for pose in (pose_1, pose_2)]
    in_front = ((points - pose_2[:3, 3]) @ pose_2[:3, 2]) < -0.5
    assert in_front.any()
    distances = symmetric_epipolar_distance(
        pixels[0][in_front], pixels[1][in_front], pose_1, pose_2, 1.2, SIZE
    )
    np.testing.assert_allclose(distances, 0, atol=1e-6)


@given(st.floats(-60, 60), SEEDS)
@unhurried
def test_a_match_moved_off_its_line_by_d_pixels_has_distance_d(shift, seed):
    points_1 = np.random.default_rng(seed).uniform(0, SIZE, (10, 2))
    # Lines are rows: only the shift across them counts, for both images alike.
    points_2 = points_1 + np.array([-17.0, shift])
    distances = symmetric_epipolar_distance(points_1, points_2, *sideways(), 0.9, SIZE)
    np.testing.assert_allclose(distances, abs(shift), atol=1e-9)


def test_a_match_moved_off_a_tilted_line():
    """Moving forward, lines go through the image's centre, and distances have a closed form."""
    pose_2 = np.eye(4)
    pose_2[2, 3] = -0.5
    centre = SIZE / 2
    points_1, points_2 = (
        np.array([[centre + 30.0, centre]]),
        np.array([[centre + 40.0, centre + 3.0]]),
    )
    expected = (3.0 + 30.0 * 3.0 / np.hypot(40.0, 3.0)) / 2
    assert symmetric_epipolar_distance(points_1, points_2, np.eye(4), pose_2, 1.0, SIZE)[
        0
    ] == pytest.approx(expected)


@unhurried
@given(SEEDS, st.floats(0.01, 100))
def test_invariances(seed, scale):
    """Order of the frames, motion of the world and its scale change nothing."""
    pose_1, pose_2, points_1, points_2 = two_cameras(seed)
    expected = symmetric_epipolar_distance(points_1, points_2, pose_1, pose_2, 1.1, SIZE)
    swapped = symmetric_epipolar_distance(points_2, points_1, pose_2, pose_1, 1.1, SIZE)
    np.testing.assert_allclose(swapped, expected, rtol=1e-6, atol=1e-8)
    world = random_pose(np.random.default_rng(seed + 1))
    moved = symmetric_epipolar_distance(
        points_1, points_2, world @ pose_1, world @ pose_2, 1.1, SIZE
    )
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-8)
    stretch = np.diag([scale, scale, scale, 1.0])
    unstretch = np.diag([1 / scale, 1 / scale, 1 / scale, 1.0])
    # Rotations stay, centres are scaled.
    scaled = [stretch @ pose @ unstretch for pose in (pose_1, pose_2)]
    in_scaled_world = symmetric_epipolar_distance(points_1, points_2, *scaled, 1.1, SIZE)
    np.testing.assert_allclose(in_scaled_world, expected, rtol=1e-6, atol=1e-8)


@unhurried
@given(SEEDS)
def test_mirrored_world_and_images(seed):
    """Flipping images and world together changes nothing; flipping images alone does."""
    pose_1, pose_2, points_1, points_2 = two_cameras(seed)
    expected = symmetric_epipolar_distance(points_1, points_2, pose_1, pose_2, 1.1, SIZE)
    flip = np.diag([-1.0, 1, 1, 1])
    flipped_points = [
        np.stack([SIZE - points[:, 0], points[:, 1]], axis=1) for points in (points_1, points_2)
    ]
    flipped = symmetric_epipolar_distance(
        *flipped_points, flip @ pose_1 @ flip, flip @ pose_2 @ flip, 1.1, SIZE
    )
    np.testing.assert_allclose(flipped, expected, rtol=1e-6, atol=1e-8)
    assert (
        np.abs(
            symmetric_epipolar_distance(*flipped_points, pose_1, pose_2, 1.1, SIZE) - expected
        ).max()
        > 1e-3
    )


@unhurried
@given(SEEDS, st.integers(2, 5))
def test_a_larger_image_has_larger_distances(seed, factor):
    pose_1, pose_2, points_1, points_2 = two_cameras(seed)
    expected = factor * symmetric_epipolar_distance(points_1, points_2, pose_1, pose_2, 1.1, SIZE)
    larger = symmetric_epipolar_distance(
        factor * points_1, factor * points_2, pose_1, pose_2, 1.1, factor * SIZE
    )
    np.testing.assert_allclose(larger, expected, rtol=1e-6, atol=1e-8)


@unhurried
@given(SEEDS)
def test_any_intrinsics_for_each_image(seed):
    """Projected points lie on their lines for any sizes, focal lengths and principal points."""
    generator = np.random.default_rng(seed)
    pose_1, pose_2 = np.eye(4), np.eye(4)
    pose_2[:3, 3] = 0.2, -0.1, 0.1
    points = np.column_stack([generator.uniform(-1, 1, (20, 2)), generator.uniform(-6, -3, 20)])
    focal_y, focal_x, principal = (1.2, 0.7), (0.8, 0.9), ((0.4, 0.55), (0.5, 0.6))
    sizes = ((120, 200), (90, 160))
    pixels = []
    for pose, fy, fx, centre, (height, width) in zip(
        (pose_1, pose_2), focal_y, focal_x, principal, sizes, strict=True
    ):
        x, y, z = ((points - pose[:3, 3]) @ pose[:3, :3]).T
        pixels.append(
            np.stack([width * (centre[0] - fx * x / z), height * (centre[1] + fy * y / z)], axis=1)
        )
    distances = symmetric_epipolar_distance(
        *pixels, pose_1, pose_2, focal_y, sizes, focal_x=focal_x, principal=principal
    )
    np.testing.assert_allclose(distances, 0, atol=1e-8)
    same_for_both = symmetric_epipolar_distance(
        *pixels, pose_1, pose_2, 1.2, sizes[0], focal_x=0.8, principal=principal[0]
    )
    assert np.median(same_for_both) > 0.1


def test_no_baseline_has_no_distances():
    pose_1, pose_2 = np.eye(4), np.diag([-1.0, 1, -1, 1])
    pose_1[:3, 3] = pose_2[:3, 3] = 3.0, 4.0, 5.0
    assert not has_baseline(pose_1, pose_2)
    assert np.isnan(
        symmetric_epipolar_distance(np.ones((4, 2)), np.ones((4, 2)), pose_1, pose_2, 1.0, SIZE)
    ).all()


def test_rounding_to_float32_makes_no_baseline():
    pose_1, pose_2 = np.eye(4), np.eye(4)
    pose_1[:3, 3] = 0.1, -2.3, 4.567
    pose_2[:3, 3] = pose_1[:3, 3].astype(np.float32)
    assert not np.array_equal(pose_1, pose_2)
    assert not has_baseline(pose_1, pose_2)
    pose_2[:3, 3] += 1e-4
    assert has_baseline(pose_1, pose_2)


def test_a_point_at_the_epipole_counts_nowhere():
    """Moving forward, the epipole is the image's centre: a keypoint there has no line."""
    pose_2 = np.eye(4)
    pose_2[2, 3] = -0.5
    centre = SIZE / 2
    points_1 = np.array([[centre, centre], [centre + 10.0, centre]])
    points_2 = np.array([[centre + 50.0, centre + 5.0], [centre + 20.0, centre]])
    distances = symmetric_epipolar_distance(points_1, points_2, np.eye(4), pose_2, 1.0, SIZE)
    np.testing.assert_array_equal(np.isnan(distances), [True, False])
    assert distances[1] == pytest.approx(0)
    swapped = symmetric_epipolar_distance(points_2, points_1, pose_2, np.eye(4), 1.0, SIZE)
    np.testing.assert_array_equal(np.isnan(swapped), [True, False])
    nine_defined = np.array([np.nan] + [0.1] * 9)
    assert is_consistent(nine_defined) is False
    assert is_consistent(np.append(nine_defined, 0.1)) is True


def test_consistency_is_decided_as_defined():
    assert is_consistent(np.full(10, 1.99)) is True
    assert is_consistent(np.full(10, 2.0)) is False  # below, not at
    assert is_consistent(np.full(9, 0.0)) is False
    assert is_consistent(np.full(9, 0.0), t_matches=9) is True
    assert is_consistent(np.full(10, 2.0), t_error=2.1) is True
    assert is_consistent(np.array([])) is False
    assert is_consistent(np.array([]), t_matches=0) is False
    assert is_consistent(None) is None


def test_tsed_leaves_out_pairs_that_cannot_be_scored():
    good, bad, few = np.full(20, 0.5), np.full(20, 5.0), np.full(3, 0.5)
    assert tsed([good, bad, few, good]) == 0.5
    assert tsed([good, None, good, None]) == 1.0
    assert tsed([good, np.array([])]) == 0.5
    assert np.isnan(tsed([None, None])) and np.isnan(tsed([]))


@given(
    st.lists(st.none() | st.lists(st.floats(0, 20), max_size=25), max_size=6), st.integers(1, 12)
)
@unhurried
def test_curve_and_area_agree_with_counting(pairs, t_matches):
    distances = [None if pair is None else np.array(pair) for pair in pairs]
    scored = [pair for pair in distances if pair is not None]
    curve = tsed_curve(distances, CURVE_ERRORS, t_matches)
    fine = np.linspace(0, 10, 2001)
    if not scored:
        assert np.isnan(curve).all() and np.isnan(area_under_curve(distances, 10, t_matches))
        return
    counted = [
        [len(pair) >= t_matches and np.median(pair) < error for pair in scored]
        for error in CURVE_ERRORS
    ]
    np.testing.assert_allclose(curve, np.mean(counted, axis=1), atol=1e-12)
    area = area_under_curve(distances, 10, t_matches)
    assert area == pytest.approx(
        np.trapezoid(tsed_curve(distances, fine, t_matches), fine) / 10, abs=5e-3
    )


def test_bad_inputs_are_named():
    poses = sideways()
    with pytest.raises(ValueError, match="3 points in image 1 and 2 in image 2"):
        symmetric_epipolar_distance(np.ones((3, 2)), np.ones((2, 2)), *poses, 1.0, SIZE)
    with pytest.raises(ValueError, match=r"shape \(3, 3\), expected \(n, 2\)"):
        symmetric_epipolar_distance(np.ones((3, 3)), np.ones((3, 3)), *poses, 1.0, SIZE)
    with pytest.raises(ValueError, match="finite"):
        symmetric_epipolar_distance(np.full((3, 2), np.nan), np.ones((3, 2)), *poses, 1.0, SIZE)
    with pytest.raises(ValueError, match="4x4 camera-to-world"):
        symmetric_epipolar_distance(
            np.ones((3, 2)), np.ones((3, 2)), poses[0][:3], poses[1], 1.0, SIZE
        )
    for focal_y, size in ((0.0, SIZE), (float("nan"), SIZE), (1.0, 0)):
        with pytest.raises(ValueError, match="expected positive numbers"):
            symmetric_epipolar_distance(np.ones((3, 2)), np.ones((3, 2)), *poses, focal_y, size)
    assert symmetric_epipolar_distance(
        np.zeros((0, 2)), np.zeros((0, 2)), *poses, 1.0, SIZE
    ).shape == (0,)
