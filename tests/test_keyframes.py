"""Smooth paths through keyframes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import random_poses, unhurried

from photonvs.cameras.geometry import check_poses
from photonvs.cameras.keyframes import keyframe_path
from photonvs.cameras.paths import DISTANCE_LOOKED_AT, orbit, pan
from photonvs.cameras.rotations import matrix_of_vector, vector_of_matrix


def gentle_poses(seed, count):
    """Cameras that move by about one and turn by some tens of degrees from one to the next."""
    generator = np.random.default_rng(seed)
    poses = np.tile(random_poses(seed, 1), (count, 1, 1))
    for k in range(1, count):
        poses[k, :3, :3] = poses[k - 1, :3, :3] @ matrix_of_vector(generator.uniform(-0.4, 0.4, 3))
        poses[k, :3, 3] = poses[k - 1, :3, 3] + generator.uniform(-1, 1, 3) + [1.5, 0, 0]
    return poses


def step_sizes(path):
    rotations = path[:, :3, :3]
    turns = vector_of_matrix(np.swapaxes(rotations[:-1], 1, 2) @ rotations[1:])
    moves = np.diff(path[:, :3, 3], axis=0)
    return np.linalg.norm(np.hstack([moves, DISTANCE_LOOKED_AT * turns]), axis=1)


@unhurried
@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(1, 9))
def test_a_timed_path_is_rigid_and_passes_through_the_keyframes(seed, count, between):
    keyframes = gentle_poses(seed, count)
    frames = between * (count - 1) + 1
    path = keyframe_path(keyframes, frames, times=np.arange(count))
    check_poses(path)
    rotations = path[:, :3, :3]
    np.testing.assert_allclose(
        np.swapaxes(rotations, 1, 2) @ rotations, np.tile(np.eye(3), (frames, 1, 1)), atol=1e-11
    )
    np.testing.assert_allclose(path[::between], keyframes, atol=1e-11)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 6), st.booleans())
def test_constant_speed_is_constant(seed, count, timed):
    keyframes = gentle_poses(seed, count)
    times = np.cumsum(np.random.default_rng(seed).uniform(0.7, 1.5, count)) if timed else None
    path = keyframe_path(keyframes, 60 * count, times, constant_speed=True)
    sizes = step_sizes(path)
    assert sizes.max() < 1.05 * sizes.min()
    np.testing.assert_allclose(path[[0, -1]], keyframes[[0, -1]], atol=1e-11)
    for keyframe in keyframes:  # one of the frames is near it, by half a step
        pairs = np.stack([path, np.broadcast_to(keyframe, path.shape)], axis=1).reshape(-1, 4, 4)
        assert step_sizes(pairs)[::2].min() < 0.6 * sizes.max()


@pytest.mark.parametrize("timed", [True, False])
def test_speed_and_turning_do_not_jump_at_a_keyframe(timed):
    keyframes, times = gentle_poses(5, 4), np.array([0, 1, 3, 4.5])
    path = keyframe_path(keyframes, 4501, times if timed else None)
    inverse = np.linalg.inv(path[:-1])
    motions = (inverse @ path[1:])[:, :3]  # seen from the camera
    jumps = np.abs(np.diff(motions, axis=0)).max(axis=(1, 2))
    # Where speed jumped, one of these would be as large as a motion, some hundred times more.
    assert jumps.max() < 10 * np.median(jumps) < 0.02 * np.abs(motions[:, :, 3]).max()


def test_keyframes_of_known_curves():
    # Steps of a steady pan are steady, also where two keyframes of three are far apart.
    expected = pan(31, angle=90)
    path = keyframe_path(expected[[0, 10, 30]], 31)
    np.testing.assert_allclose(path, expected, atol=1e-11)
    # An orbit through a few of its cameras is nearly one.
    expected = orbit(31, radius=3, angle=90)
    path = keyframe_path(expected[::5], 31, constant_speed=True)
    np.testing.assert_allclose(path, expected, atol=0.02)
    # A cubic spline through points of a straight line at even times stays in it.
    line = np.tile(np.eye(4), (3, 1, 1))
    line[:, 0, 3] = 0, 1, 2
    path = keyframe_path(line, 5, times=[0, 1, 2])
    np.testing.assert_allclose(path[:, :3, 3].T, [[0, 0.5, 1, 1.5, 2], [0] * 5, [0] * 5])


def test_a_keyframe_twice_is_passed_once_unless_it_has_a_time():
    keyframes = gentle_poses(2, 3)
    path = keyframe_path(keyframes[[0, 1, 1, 2]], 20)
    np.testing.assert_array_equal(path, keyframe_path(keyframes, 20))
    waiting = keyframe_path(keyframes[[0, 1, 1, 2]], 7, times=[0, 1, 2, 3])
    np.testing.assert_allclose(waiting[[2, 4]], keyframes[[1, 1]], atol=1e-11)


@pytest.mark.parametrize(
    ("count", "frames", "times", "message"),
    [
        (1, 5, None, "one keyframe; expected at least two"),
        (3, 1, None, "1 frames; expected at least 2"),
        (3, 5, [0, 1], "3 keyframes; expected as many times"),
        (3, 5, [0, 1, float("nan")], "expected as many times, finite numbers"),
        (3, 5, [0, 2, 2], "keyframe 2: its time 2 is not after 2"),
    ],
)
def test_keyframes_that_make_no_path(count, frames, times, message):
    with pytest.raises(ValueError, match=message):
        keyframe_path(gentle_poses(1, count), frames, times)


def test_poses_that_are_not_rigid_and_cameras_that_are_all_the_same():
    with pytest.raises(ValueError, match="pose 1: its 3x3 part"):
        keyframe_path(np.stack([np.eye(4), np.diag([2, 1, 1, 1])]), 5)
    with pytest.raises(ValueError, match="two different ones"):
        keyframe_path(np.tile(np.eye(4), (3, 1, 1)), 5)
