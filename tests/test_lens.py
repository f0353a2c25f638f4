"""Lens distortion by OpenCV's formula, undone in points and in images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lenses import WIDE, bend, through_lens
from scenes import picture_of_plane, sideways_poses, unhurried

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.lens import distort, is_distorted, pinhole, sees, undistort, undistort_frame

SIZE = 180, 320
FOCAL = 200.0  # pixels


def camera(distortion=(), principal=(0.5, 0.5)):
    height, width = SIZE
    return Camera(np.eye(4), "a", FOCAL / height, FOCAL / width, principal, distortion=distortion)


def inside(seed, count=50):
    return np.random.default_rng(seed).uniform(0, SIZE[::-1], (count, 2))


@unhurried
@given(
    seed=st.integers(0, 2**32),
    radial=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.05, 0.05)),
    tangential=st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)),
)
def test_points_go_through_the_lens_and_back(seed, radial, tangential):
    points, lens = inside(seed), camera((*radial, *tangential), (0.47, 0.55))
    middle = np.array([0.47 * SIZE[1], 0.55 * SIZE[0]])
    expected = bend((points - middle) / FOCAL, lens.distortion)[0] * FOCAL + middle
    np.testing.assert_allclose(distort(points, lens, SIZE), expected, atol=1e-9)
    np.testing.assert_allclose(undistort(expected, lens, SIZE), points, atol=1e-6)


def test_all_eight_coefficients_count():
    """Each as OpenCV's formula has it, on the x axis where it is (1 + …) / (1 + …)."""
    x = 0.5
    point = [[SIZE[1] / 2 + FOCAL * x, SIZE[0] / 2]]
    for index, factor in enumerate((x**2, x**4, None, 3 * x, x**6, x**2, x**4, x**6)):
        distortion = [0.0] * 8
        distortion[index] = 0.1
        moved = distort(np.array(point), camera(tuple(distortion)), SIZE)[0, 0] - SIZE[1] / 2
        by = 0 if factor is None else 0.1 * factor
        expected = x / (1 + by) if index > 4 else x * (1 + by)
        assert moved == pytest.approx(FOCAL * expected), index


@pytest.mark.parametrize(("moves", "counts"), [(0.09, False), (0.11, True)])
@pytest.mark.parametrize("power", [2, 4])
def test_a_lens_counts_from_a_tenth_of_a_pixel_on(moves, counts, power):
    corner = np.hypot(*SIZE) / 2 / FOCAL
    term = moves / (FOCAL * corner ** (power + 1))
    distortion = (term, 0.0, 0.0, 0.0) if power == 2 else (0.0, -term, 0.0, 0.0)
    assert is_distorted(camera(distortion), SIZE) == counts
    assert not is_distorted(pinhole(camera(distortion)), SIZE)


def test_numbers_that_are_none_are_no_pinhole():
    assert is_distorted(camera((float("nan"), 0.0, 0.0, 0.0)), SIZE)


def test_points_that_no_ray_reaches_are_marked():
    """With k1 alone no ray is seen farther out than where 1 + 3 k1 r^2 = 0."""
    k1 = -0.6
    limit = np.sqrt(-1 / (3 * k1))
    farthest = FOCAL * limit * (1 + k1 * limit**2)
    middle = np.array([SIZE[1] / 2, SIZE[0] / 2])
    points = middle + np.array([[0.9 * farthest, 0], [0, 0], [1.1 * farthest, 0]])
    found = undistort(points, camera((k1, 0.0, 0.0, 0.0)), SIZE)
    assert np.isfinite(found[:2]).all() and np.isnan(found[2]).all()
    assert undistort(np.zeros((0, 2)), camera(WIDE), SIZE).shape == (0, 2)


def test_frames_become_those_of_a_pinhole():
    pose = sideways_poses(1)[0]
    pinholes = picture_of_plane(pose, FOCAL / 360, (360, 640))
    seen = through_lens(pinholes, FOCAL, WIDE, SIZE)
    expected = pinholes[90:270, 160:480]
    undone = undistort_frame(np.stack([seen] * 3, axis=-1), camera(WIDE))
    assert undone.shape == (*SIZE, 3) and (undone[..., 0] == undone[..., 2]).all()
    error = np.abs(undone[..., 0].astype(float) - expected)[4:-4, 4:-4]
    assert np.abs(seen.astype(float) - expected)[4:-4, 4:-4].mean() > 10, "the lens shows"
    assert error.mean() < 0.5 and error.max() < 12


def test_what_the_lens_saw():
    corner, opposite, cut = np.zeros(2), np.array([320.0, 180.0]), np.array([60, 34])
    assert sees(corner, opposite, camera((-0.2, 0.0, 0.0, 0.0)), SIZE), "it saw more"
    pincushion = camera((0.2, 0.0, 0.0, 0.0))
    assert not sees(corner, opposite, pincushion, SIZE)
    assert sees(corner + cut, opposite - cut, pincushion, SIZE)
    # Beyond r = 0.75 the image is folded back over itself.
    folded = camera((-0.6, 0.0, 0.0, 0.0))
    assert not sees(corner, opposite, folded, SIZE)
    assert sees(corner + cut, opposite - cut, folded, SIZE)
