"""Camera paths: presets and RealEstate10K sequences."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import write_realestate10k_text

from photonvs.cameras import paths as presets
from photonvs.cameras.geometry import check_poses
from photonvs.cameras.realestate10k import read_realestate10k_text, sequence_path
from photonvs.datasets.poses import find_sequence, save_poses


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(presets.PRESETS)),
    st.integers(2, 30),
    st.fixed_dictionaries(
        {},
        optional={
            "radius": st.floats(0.1, 1.9),
            "distance": st.floats(2, 9),
            "angle": st.floats(-400, 400),
        },
    ),
)
def test_presets_are_rigid_and_have_their_number_of_frames(name, frames, sizes):
    preset = presets.PRESETS[name]
    known = {
        key: value for key, value in sizes.items() if key in inspect.signature(preset).parameters
    }
    poses = preset(frames=frames, **known)
    assert poses.shape == (frames, 4, 4) and poses.dtype == np.float64
    rotation = poses[:, :3, :3]
    np.testing.assert_allclose(
        rotation.transpose(0, 2, 1) @ rotation, np.tile(np.eye(3), (frames, 1, 1)), atol=1e-11
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-11)
    np.testing.assert_allclose(rotation[:, 1, 0], 0, atol=1e-11)  # the camera's x axis is level
    check_poses(poses)


def paper_positions(name: str) -> list[tuple[float, float, float]]:
    if name == "orbit":
        return [
            (2 * math.sin(math.radians(10 * k)), 0, 2 * math.cos(math.radians(10 * k)))
            for k in range(10)
        ]
    if name == "spin":
        return [
            (0.5 * math.sin(math.radians(36 * k)), 0, 1.5 + 0.5 * math.cos(math.radians(36 * k)))
            for k in range(10)
        ]
    return [(math.cos(math.radians(20 * k)), math.sin(math.radians(20 * k)), 2) for k in range(10)]


@pytest.mark.parametrize("name", ["orbit", "spin", "hop"])
def test_the_papers_paths_are_as_published(name):
    sizes = {"orbit": (2.0, 90.0), "spin": (0.5,), "hop": (1.0,)}
    poses, positions = presets.PRESETS[name](10, *sizes[name]), paper_positions(name)
    np.testing.assert_allclose(poses[:, :3, 3], positions, atol=1e-11)
    for pose in poses:
        x, y, z = np.linalg.inv(pose)[:3] @ [0, 0, 0, 1]  # the origin, seen by the camera
        np.testing.assert_allclose([x, y], 0, atol=1e-11)  # in the middle of the picture
        assert z < 0  # before the camera
        assert pose[1, 1] > 0  # upright
    assert presets.PAPER_FOCAL_Y == 0.9727365374565125


@pytest.mark.parametrize(
    ("poses", "position", "forward"),
    [
        (presets.dolly(5, distance=3), (0, 0, -3), (0, 0, -1)),
        (presets.truck(5, distance=-3), (-3, 0, 0), (0, 0, -1)),
        (presets.pedestal(5, distance=3), (0, 3, 0), (0, 0, -1)),
        (presets.spiral(5, radius=2, distance=3, angle=90), (0, 2, -3), (0, 0, -1)),
        (presets.pan(5, angle=90), (0, 0, 0), (1, 0, 0)),
        (presets.tilt(5, angle=90), (0, 0, 0), (0, 1, 0)),
    ],
)
def test_moves_start_at_the_given_camera_and_end_where_they_say(poses, position, forward):
    np.testing.assert_array_equal(poses[0], np.eye(4))
    np.testing.assert_allclose(poses[-1, :3, 3], position, atol=1e-11)
    np.testing.assert_allclose(-poses[-1, :3, 2], forward, atol=1e-11)


def test_orbits_closed_circles_and_single_frames():
    np.testing.assert_allclose(
        presets.orbit(4, radius=3, angle=-90)[-1, :3, 3], [-3, 0, 0], atol=1e-11
    )
    # Half a circle later.
    np.testing.assert_allclose(
        presets.spin(4, radius=1, distance=3)[2, :3, 3], [0, 0, 1], atol=1e-11
    )
    with pytest.raises(ValueError, match="at least 2"):
        presets.orbit(1)
    with pytest.raises(ValueError, match="another radius or distance"):
        presets.hop(3, distance=0)


@pytest.fixture
def sequence_text(tmp_path):
    """A RealEstate10K text file of a truck move of 30 poses with focal_y 1.2."""
    poses = presets.truck(30, distance=2.9)
    return write_realestate10k_text(tmp_path / "0123456789abcdef.txt", poses, (0.675, 1.2))


def test_a_realestate10k_text_gives_its_poses_and_focal_length(sequence_text):
    found = read_realestate10k_text(sequence_text)
    poses, focal_y, timestamps, _ = sequence_path(found, "text", frames=10, every=3, start=2)
    assert timestamps.tolist() == found.timestamps[2::3].tolist()
    np.testing.assert_allclose(poses, presets.truck(30, distance=2.9)[2::3], atol=1e-6)
    assert focal_y == pytest.approx(1.2)
    with pytest.raises(ValueError, match="text: .* need 33 poses; it has 30"):
        sequence_path(found, "text", frames=11, every=3, start=2)


def test_a_zoom_is_refused(sequence_text):
    text = sequence_text.read_text()
    sequence_text.write_text(text.replace("1500000 0.675000000000 1.2", "1500000 0.675 1.3"))
    with pytest.raises(ValueError, match=r"focal_y changes from 1\.2 to 1\.3"):
        sequence_path(read_realestate10k_text(sequence_text), sequence_text, frames=30)
    path = sequence_path(read_realestate10k_text(sequence_text), sequence_text, frames=15)
    assert path.focal_y == pytest.approx(1.2)


def test_a_sequence_of_poses_npy_is_found_by_its_id(sequence_text, tmp_path):
    archive = tmp_path / "poses.npy"
    save_poses(archive, {"0123456789abcdef": read_realestate10k_text(sequence_text)})
    from_archive = sequence_path(find_sequence("0123456789abcdef", archive), archive)
    from_text = sequence_path(read_realestate10k_text(sequence_text), sequence_text)
    np.testing.assert_allclose(from_archive.poses, from_text.poses, atol=1e-6)
    assert from_archive.focal_y == pytest.approx(1.2)
    with pytest.raises(ValueError, match="no sequence fedcba9876543210 among its 1"):
        find_sequence("fedcba9876543210", archive)
