"""Camera geometry against closed forms, numpy's inverse, and the published network's inputs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scenes import points_before, project, random_pose, random_poses, unhurried
from seeded import reference

from photonvs.cameras.geometry import (
    from_realestate10k,
    fundamental_matrix,
    intrinsic_matrix,
    to_realestate10k,
)
from photonvs.cameras.rays import (
    RAY_FEATURES,
    invert_pose,
    pair_ray_features,
    ray_features,
    ray_map,
    relative_pose,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_tensors(seed: int, count: int) -> torch.Tensor:
    return torch.from_numpy(random_poses(seed, count))


@unhurried
@given(SEEDS)
def test_inverse_and_relative_pose_agree_with_numpy(seed):
    poses = random_tensors(seed, 6).reshape(2, 3, 4, 4)
    torch.testing.assert_close(
        invert_pose(poses), torch.from_numpy(np.linalg.inv(poses.numpy())), rtol=0, atol=1e-12
    )
    pose, reference = poses
    expected = np.linalg.inv(reference.numpy()) @ pose.numpy()
    torch.testing.assert_close(
        relative_pose(pose, reference), torch.from_numpy(expected), rtol=0, atol=1e-12
    )


def test_relative_pose_of_a_camera_to_itself_is_the_identity():
    pose = random_tensors(0, 1)[0]
    torch.testing.assert_close(
        relative_pose(pose, pose), torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-12
    )


@unhurried
@given(SEEDS, st.floats(0.4, 2))
def test_a_ray_leads_to_the_points_that_project_to_its_pixel(seed, focal_y):
    size = 8
    (pose,) = random_tensors(seed, 1)
    rays = ray_map(pose, focal_y, size)
    direction, centre = rays[:3].reshape(3, -1).T.numpy(), rays[3:].reshape(3, -1).T.numpy()
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(centre, np.broadcast_to(pose[:3, 3], centre.shape), atol=1e-12)
    depth = np.random.default_rng(seed).uniform(0.5, 5, (size * size, 1))
    line = np.linspace(0, size, size)  # the grid reaches the image's edges
    x, y = np.meshgrid(line, line)
    expected = np.stack([x.ravel(), y.ravel()], axis=1)
    np.testing.assert_allclose(
        project(centre + depth * direction, pose.numpy(), focal_y, size), expected, atol=1e-9
    )


def test_ray_maps_take_a_focal_length_for_each_pose():
    poses, focal_y = random_tensors(1, 3), torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    together = ray_map(poses, focal_y, 4)
    assert together.shape == (3, 6, 4, 4)
    for index in range(3):
        torch.testing.assert_close(
            together[index], ray_map(poses[index], float(focal_y[index]), 4), rtol=0, atol=1e-15
        )


def test_ray_features_of_a_constant_map():
    value = 0.7
    features = ray_features(torch.full((6, 2, 2), value, dtype=torch.float64))[:, 0, 0].numpy()
    angles = np.repeat(value * np.pi * np.array([1, 2, 4, 8]) / 6, 6)
    expected = np.concatenate([[0], np.full(6, value), np.sin(angles), np.cos(angles), [0]])
    assert len(expected) == RAY_FEATURES
    np.testing.assert_allclose(features, expected, atol=1e-12)


def test_ray_features_are_frequency_major():
    rays = torch.arange(1.0, 7.0, dtype=torch.float64)[:, None, None].expand(6, 1, 1)
    features = ray_features(rays)[:, 0, 0]
    # Sin, frequency 1, channel 2.
    assert features[7 + 6 + 2] == pytest.approx(np.sin(3 * np.pi * 2 / 6))
    # Cos, frequency 3, channel 5.
    assert features[31 + 18 + 5] == pytest.approx(np.cos(6 * np.pi * 8 / 6))


def test_pair_ray_features_agree_with_the_published_networks_inputs():
    published = reference()
    target, cond = (
        torch.from_numpy(published[name]).float().reshape(4, 4)
        for name in ("pose_target", "pose_cond0")
    )
    computed = pair_ray_features(target, cond, float(published["focal_y"]), 128)
    for features, name in zip(computed, ("ref", "target", "cond"), strict=True):
        expected = torch.from_numpy(published[f"ray_features_{name}"]).squeeze()
        torch.testing.assert_close(features[:, ::16, ::16], expected, rtol=1e-4, atol=1e-5)


@unhurried
@given(SEEDS)
def test_realestate10k_round_trip(seed):
    poses = random_poses(seed, 4)
    extrinsics = to_realestate10k(poses)
    assert extrinsics.shape == (4, 3, 4)
    np.testing.assert_allclose(from_realestate10k(extrinsics), poses, atol=1e-12)


def test_realestate10k_axes():
    """Of a camera at RealEstate10K's origin, right stays right, down is -z and forward is y."""
    pose = from_realestate10k(np.eye(4)[:3])
    right, up, backward = pose[:3, :3].T
    np.testing.assert_array_equal([right, up, backward], [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_intrinsic_matrix():
    np.testing.assert_array_equal(
        intrinsic_matrix(2, (100, 200)), [[200, 0, 100], [0, 200, 50], [0, 0, 1]]
    )
    matrix = intrinsic_matrix(2, (100, 200), focal_x=0.5, principal=(0.25, 0.75))
    np.testing.assert_array_equal(matrix, [[100, 0, 50], [0, 200, 75], [0, 0, 1]])


@unhurried
@given(SEEDS)
def test_projections_of_a_point_obey_the_fundamental_matrix(seed):
    generator = np.random.default_rng(seed)
    pose_1 = random_pose(generator)
    step = np.eye(4)
    step[:3, 3] = generator.uniform(-0.3, 0.3, 3)
    pose_2 = pose_1 @ step
    points = points_before(pose_1, generator, 20, focal_y=1.2)
    pixels_1, pixels_2 = (
        np.column_stack([project(points, p, f, 256), np.ones(20)])
        for p, f in ((pose_1, 1.2), (pose_2, 0.9))
    )
    matrix = fundamental_matrix(
        pose_1, pose_2, intrinsic_matrix(1.2, (256, 256)), intrinsic_matrix(0.9, (256, 256))
    )
    scale = (
        np.linalg.norm(pixels_1, axis=1) * np.linalg.norm(pixels_2, axis=1) * np.linalg.norm(matrix)
    )
    np.testing.assert_allclose(
        np.einsum("ni,ij,nj->n", pixels_2, matrix, pixels_1) / scale, 0, atol=1e-12
    )
    assert np.linalg.matrix_rank(matrix / np.linalg.norm(matrix), tol=1e-9) == 2


def test_fundamental_matrix_of_one_place_is_zero():
    pose_1, pose_2 = np.eye(4), np.diag([-1.0, 1, -1, 1])
    intrinsics = intrinsic_matrix(1, (256, 256))
    np.testing.assert_array_equal(
        fundamental_matrix(pose_1, pose_2, intrinsics, intrinsics), np.zeros((3, 3))
    )
