"""Rotations as matrices, quaternions and vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import random_poses, unhurried

from photonvs.cameras.rotations import (
    interpolated,
    matrix_of_quaternion,
    matrix_of_vector,
    quaternion_of_matrix,
    vector_of_matrix,
)

numbers = st.floats(-1, 1, allow_subnormal=False)


@unhurried
@given(st.tuples(numbers, numbers, numbers, numbers), st.floats(0.1, 10))
def test_a_quaternion_and_its_matrix_say_the_same(quaternion, length):
    norm = np.linalg.norm(quaternion)
    if norm < 1e-3:
        return
    unit = np.array(quaternion) / norm
    rotation = matrix_of_quaternion(length * unit)
    back = quaternion_of_matrix(rotation)
    # Both signs mean the same rotation.
    np.testing.assert_allclose(abs(back @ unit), 1, atol=1e-14)
    np.testing.assert_allclose(matrix_of_quaternion(back), rotation, atol=1e-14)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-14)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("angle", [0, 1e-12, 0.3, np.pi / 2, np.pi - 1e-9, np.pi])
def test_turns_about_an_axis(axis, angle):
    vector = angle * np.eye(3)[axis]
    rotation = matrix_of_vector(vector)
    one, other = (axis + 1) % 3, (axis + 2) % 3  # the first turns towards the second
    assert rotation[axis, axis] == pytest.approx(1)
    assert rotation[one, one] == pytest.approx(np.cos(angle))
    assert rotation[other, one] == pytest.approx(np.sin(angle), abs=1e-15)
    np.testing.assert_allclose(np.abs(vector_of_matrix(rotation)), vector, atol=1e-14)


def test_all_shapes_and_halfway():
    poses = random_poses(1, 6)[:, :3, :3]
    folded = poses.reshape(2, 3, 3, 3)
    assert quaternion_of_matrix(folded).shape == (2, 3, 4)
    np.testing.assert_allclose(matrix_of_vector(vector_of_matrix(folded)), folded, atol=1e-13)
    half = interpolated(poses[:3], poses[3:], np.full(3, 0.5))
    np.testing.assert_allclose(
        half @ np.swapaxes(poses[:3], 1, 2) @ half, poses[3:], atol=1e-13
    )  # as far again
