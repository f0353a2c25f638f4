"""Keyframes in files, and the command that makes a path of them."""

import json

import numpy as np
import pytest
from test_camera_files import write_colmap_text

from photonvs.cameras.files.keyframes import read_keyframes
from photonvs.cameras.keyframes import keyframe_path
from photonvs.cameras.paths import orbit
from photonvs.cameras.spec import read_spec
from photonvs.commands.make_trajectory import main


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def looking(position, target=(0, 0, 0), **more):
    return {"position": list(position), "look_at": list(target)} | more


def test_cameras_that_look_at_a_point_are_those_of_an_orbit(tmp_path):
    expected = orbit(4, radius=3, angle=90)
    places = expected[:, :3, 3].tolist()
    found = read_keyframes(write(tmp_path / "a.json", [looking(place) for place in places]))
    np.testing.assert_allclose(found.poses, expected, atol=1e-11)
    assert found.times is None


def test_poses_times_and_another_up(tmp_path):
    pose = orbit(3)[1]
    content = {
        "up": [0, 0, 2],
        "keyframes": [
            {"pose": pose.tolist(), "time": 1},
            looking((5, 0, 0), (0, 0, 0), time=2.5),
        ],
    }
    found = read_keyframes(write(tmp_path / "a.json", content))
    assert np.array_equal(found.poses[0], pose) and found.times.tolist() == [1, 2.5]
    # Backward along x with z up: the camera's right is the world's y.
    np.testing.assert_allclose(
        found.poses[1, :3], [[0, 0, 1, 5], [1, 0, 0, 0], [0, 1, 0, 0]], atol=1e-12
    )


def test_the_cameras_of_any_file_are_keyframes(tmp_path):
    write_colmap_text(tmp_path / "model", orbit(5)[::2])
    found = read_keyframes(tmp_path / "model")
    np.testing.assert_allclose(found.poses, orbit(5)[::2], atol=1e-9)
    assert found.times is None
    found = read_keyframes(write(tmp_path / "poses.json", orbit(5).tolist()))
    np.testing.assert_array_equal(found.poses, orbit(5))


def test_the_command_writes_the_path(tmp_path):
    file = write(
        tmp_path / "keys.json",
        [looking((0, 0, 2), time=0), looking((1, 0, 2), time=1), looking((1, 1, 2), time=4)],
    )
    found = read_keyframes(file)
    for arguments in [], ["--constant-speed"]:
        target = tmp_path / f"spec{len(arguments)}.json"
        main(["keyframes", str(file), "--frames", "9", "--json", str(target), *arguments])
        expected = keyframe_path(found.poses, 9, found.times, constant_speed=bool(arguments))
        np.testing.assert_array_equal(read_spec(target).poses, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"poses": []}, "poses have the shape (0, 4, 4)"),
        ({"keyframes": {}}, "keys: no focal_y, poses"),
        ([], "expected (n, 4, 4), n at least 1"),
        ([{}], "keyframe 0: expected either a pose, or a position and look_at"),
        ([{"pose": np.eye(4).tolist(), "look_at": [0, 0, 0]}], "keyframe 0: expected either"),
        ([{"pose": np.eye(3).tolist()}], "keyframe 0: pose: rows of 3, 3, 3 numbers"),
        ([looking((0, 0, 1)), looking((0, 2, 0))], "keyframe 1: look_at is its position, or"),
        ([looking((0, 0, 0))], "keyframe 0: look_at is its position"),
        ([looking((0, 0))], "keyframe 0: position: 2 numbers; expected 3"),
        ([looking((0, 0, float("nan")))], "keyframe 0: position: NaN; expected a finite number"),
        ([looking((0, 0, 1), fov=50)], "keyframe 0: unknown key fov"),
        ([looking((0, 0, 1), time=1), looking((0, 0, 2))], "keyframe 1: no time"),
        ([looking((0, 0, 1), time="1"), looking((0, 0, 2), time=2)], 'keyframe 0: time: "1"'),
    ],
)
def test_mistakes_are_named(content, message, tmp_path):
    path = write(tmp_path / "keys.json", content)
    with pytest.raises(ValueError) as caught:
        read_keyframes(path)
    assert message in str(caught.value) and str(caught.value).startswith(f"{path}: ")
