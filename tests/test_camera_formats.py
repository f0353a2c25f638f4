"""Any cameras go out and come back through each format."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import random_poses

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import WRITERS, write_cameras
from photonvs.cameras.geometry import OPENCV_TO_BLENDER

SUFFIXES = {
    "colmap": "",
    "colmap-text": "",
    "realestate10k": ".txt",
    "npy": ".npy",
    "npy-opencv": ".npy",
}
SIMPLE = ("camera-path", "matrices", "npy")  # square pixels, a principal point in the middle
quickly = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
lengths = st.floats(0.1, 15)


@st.composite
def cameras_of(draw, distortion=True, plain=False):
    """A few cameras: any rigid poses, one lens or a lens each."""
    count, seed = draw(st.integers(1, 5)), draw(st.integers(0, 10**6))
    poses = random_poses(seed, count)
    poses[:, :3, 3] *= draw(st.sampled_from([1e-3, 1, 1e3]))
    lenses = []
    for _ in range(count if draw(st.booleans()) and not plain else 1):
        size, focal = draw(sizes), draw(lengths)
        lens = {"size": size, "focal_y": focal, "focal_x": focal * size[0] / size[1]}
        if not plain:
            lens["focal_x"] = draw(lengths)
            lens["principal"] = draw(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)))
        if distortion and draw(st.booleans()):
            terms = draw(st.sampled_from([4, 5, 8] if distortion is True else [4, 5]))
            lens["distortion"] = (0.1, *draw(st.tuples(*[st.floats(-1, 1)] * (terms - 2))), 0.3)
        lenses.append(lens)
    return [
        Camera(pose, f"{index:04d}.png", **lenses[index % len(lenses)])
        for index, pose in enumerate(poses)
    ]


def there_and_back(name, cameras, folder, **keys):
    path = folder / f"{name}{SUFFIXES.get(name, '.json')}"
    write_cameras(cameras, name, path)
    return read_cameras(path, distorted=True, lens=False, **keys)


def assert_same_poses(found, cameras):
    assert len(found) == len(cameras)
    for one, other in zip(found, cameras, strict=True):
        scale = max(1, np.abs(other.pose[:3, 3]).max())
        np.testing.assert_allclose(one.pose, other.pose, rtol=0, atol=1e-9 * scale)


def assert_same_lenses(found, cameras):
    for one, other in zip(found, cameras, strict=True):
        size = other.size
        np.testing.assert_allclose(one.focal_lengths(size), other.focal_lengths(size), rtol=1e-9)
        np.testing.assert_allclose(one.principal, other.principal, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["colmap", "colmap-text", "transforms"])
@quickly
@given(data=st.data())
def test_formats_that_keep_everything(name, data, tmp_path):
    cameras = data.draw(cameras_of("short" if name == "transforms" else True))
    found = there_and_back(name, cameras, tmp_path)
    assert_same_poses(found, cameras)
    assert_same_lenses(found, cameras)
    for one, other in zip(found, cameras, strict=True):
        assert (one.image_name, one.size) == (other.image_name, other.size)
        # COLMAP has lenses of four terms and of eight.
        terms = (*one.distortion, *(0,) * 8)[: len(other.distortion)]
        assert terms == other.distortion and not any(one.distortion[len(terms) :])


@quickly
@given(cameras=cameras_of(distortion=False), interval=st.integers(1, 10**9))
def test_realestate10k_keeps_times_and_lenses(cameras, interval, tmp_path):
    timed = [
        Camera(one.pose, "", one.focal_y, one.focal_x, one.principal, k * interval, size=one.size)
        for k, one in enumerate(cameras)
    ]
    found = there_and_back("realestate10k", timed, tmp_path)
    assert_same_poses(found, timed)
    for one, other in zip(found, timed, strict=True):
        assert one.timestamp == other.timestamp
        lens = one.focal_y, one.focal_y / one.aspect, *one.principal
        np.testing.assert_allclose(lens, (other.focal_y, other.focal_x, *other.principal))
    again = there_and_back("realestate10k", found, tmp_path)
    assert_same_poses(again, found)


@pytest.mark.parametrize("name", SIMPLE)
@quickly
@given(cameras=cameras_of(distortion=False, plain=True))
def test_formats_of_plain_cameras(name, cameras, tmp_path):
    found = there_and_back(name, cameras, tmp_path)
    assert_same_poses(found, cameras)
    if name != "npy":
        assert_same_lenses(found, cameras)
    if name != "camera-path":
        turned = there_and_back(name, cameras, tmp_path, axes="opencv")
        np.testing.assert_allclose(turned[0].pose, found[0].pose @ OPENCV_TO_BLENDER)


@quickly
@given(cameras=cameras_of())
def test_matrices_with_the_axes_of_opencv(cameras, tmp_path):
    assert_same_poses(there_and_back("npy-opencv", cameras, tmp_path, axes="opencv"), cameras)


def test_every_format_is_tried():
    tried = {"colmap", "colmap-text", "transforms", "realestate10k", "npy-opencv", *SIMPLE}
    assert tried == WRITERS.keys()


POSE = random_poses(1, 1)[0]
LENS = {"focal_y": 1.0, "size": (100, 200)}


@pytest.mark.parametrize(
    ("name", "camera", "message"),
    [
        ("colmap", Camera(POSE, "a.png", 1.0), "a.png: the size of its image is not known"),
        ("realestate10k", Camera(POSE, "a.png", 1.0), "give --size WIDTHxHEIGHT"),
        ("transforms", Camera(POSE, "a.png", distortion=(1,) * 8, **LENS), "distortion of 8 terms"),
        ("realestate10k", Camera(POSE, "a.png", distortion=(1,) * 4, **LENS), "distorted lens"),
        ("camera-path", Camera(POSE, "a.png", distortion=(1,) * 4, **LENS), "distorted lens"),
        ("camera-path", Camera(POSE, "a.png", principal=(0.4, 0.5), **LENS), "off the centre"),
        ("camera-path", Camera(POSE, "a.png", focal_x=1.0, **LENS), "not square"),
        ("colmap", Camera(POSE, "a.png", size=(100, 200)), "a.png: no focal length"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name, camera, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_cameras([camera], name, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["colmap", "transforms"])
def test_two_cameras_of_one_image_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"a.png: 2 cameras"):
        write_cameras([Camera(POSE, "a.png", **LENS)] * 2, name, tmp_path / "out")


def test_matrices_have_a_focal_length_only_where_it_says_all(tmp_path):
    for camera, expected in [
        (Camera(POSE, "a", 0.7), 0.7),
        (Camera(POSE, "a", focal_x=0.5, size=(100, 200)), 1.0),
        (Camera(POSE, "a", 0.7, 0.7, size=(100, 200)), None),
        (Camera(POSE, "a", 0.7, 0.7, size=(100, 100)), 0.7),
        (Camera(POSE, "a", 0.7, principal=(0.4, 0.5), size=(100, 100)), None),
        (Camera(POSE, "a", focal_x=0.7), None),
    ]:
        write_cameras([camera], "matrices", tmp_path / "a.json")
        assert json.loads((tmp_path / "a.json").read_text()).get("focal_y") == expected
        write_cameras([camera], "matrices", tmp_path / "a.npz")
        (found,) = read_cameras(tmp_path / "a.npz", lens=False)
        assert found.focal_y == expected and np.array_equal(found.pose, POSE)


def test_nerfstudio_finds_all_its_keys(tmp_path):
    cameras = [Camera(POSE, f"images/{k}.png", **LENS) for k in range(2)]
    write_cameras(cameras, "transforms", tmp_path / "transforms.json")
    content = json.loads((tmp_path / "transforms.json").read_text())
    expected = {"w": 200, "h": 100, "fl_x": 100, "fl_y": 100, "cx": 100, "cy": 50}
    expected |= {"k1": 0, "k2": 0, "p1": 0, "p2": 0, "camera_model": "OPENCV"}
    assert expected.items() <= content.items()
    assert content["camera_angle_x"] == pytest.approx(np.pi / 2)
    assert content["frames"][1] == {
        "file_path": "images/1.png",
        "transform_matrix": POSE.tolist(),
    }
    write_cameras(cameras, "camera-path", tmp_path / "path.json")
    content = json.loads((tmp_path / "path.json").read_text())
    assert {"render_height", "render_width", "fps", "seconds", "is_cycle"} <= content.keys()
    assert {"camera_type", "smoothness_value", "keyframes", "default_fov"} <= content.keys()
    assert content["camera_path"][0].keys() == {"camera_to_world", "fov", "aspect"}
