"""Camera files of several systems, images found by name, and mistakes in both."""

import json
import re

import numpy as np
import pytest
from scenes import random_poses, write_realestate10k_text

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.matching import match_images
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.geometry import OPENCV_TO_BLENDER
from photonvs.cameras.spec import SamplingSpec, write_spec

COUNT = 12
FOCAL = 0.9


@pytest.fixture(scope="module")
def poses():
    return random_poses(3, COUNT)


def images_of_cameras(cameras, folder):
    """The image of each camera, and the images that no camera names."""
    _, images, others, _ = match_images(cameras, folder)
    return images, others


def assert_cameras(
    cameras, poses, focal_y=FOCAL, focal_x=FOCAL / 2, principal=(0.5, 0.5), size=(100, 200)
):
    np.testing.assert_allclose([camera.pose for camera in cameras], poses, atol=1e-8)
    for camera in cameras:
        assert camera.focal_lengths(size) == pytest.approx((focal_y, focal_x))
        assert camera.principal == pytest.approx(principal)


def quaternion(rotation):
    """(w, x, y, z) by Bar-Itzhack's symmetric matrix, which the reader does not use."""
    (a, b, c), (d, e, f), (g, h, i) = rotation
    matrix = np.array(
        [
            [a - e - i, d + b, g + c, h - f],
            [d + b, e - a - i, h + f, c - g],
            [g + c, h + f, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    x, y, z, w = np.linalg.eigh(matrix)[1][:, -1]
    return w, x, y, z


def write_colmap_text(folder, poses, camera="PINHOLE 200 100 90 90 100 50"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cameras.txt").write_text(f"# Camera list\n\n7 {camera}\n")
    lines = ["# Image list"]
    for index, pose in reversed(list(enumerate(poses))):
        world_to_camera = np.linalg.inv(pose @ OPENCV_TO_BLENDER)
        numbers = (*quaternion(world_to_camera[:3, :3]), *world_to_camera[:3, 3])
        lines += [
            f"{index + 1} {' '.join(map(repr, map(float, numbers)))} 7 frame_{index}.png",
            "1.5 2.5 -1" if index % 2 else "",
        ]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")


def transforms(poses, **keys):
    frames = [
        {"file_path": f"./train/r_{index}", "transform_matrix": pose.tolist()}
        for index, pose in enumerate(poses)
    ]
    return {"frames": frames[::-1]} | keys


def test_sampling_spec(poses, tmp_path):
    given = (None,) + ((0,),) * (COUNT - 1)
    write_spec(
        tmp_path / "sampling-spec.json", SamplingSpec(FOCAL, poses, tuple(range(1, COUNT)), given)
    )
    cameras = read_cameras(tmp_path / "sampling-spec.json")
    assert_cameras(cameras, poses)
    assert cameras[3].image_name == "0003.png"


def test_realestate10k_text(poses, tmp_path):
    text = write_realestate10k_text(tmp_path / "scene.txt", poses, (0.5, FOCAL), interval=1000)
    cameras = read_cameras(text)
    # Square pixels, whatever the file's focal_x: frames may be cropped.
    assert_cameras(cameras, poses)
    assert_cameras(cameras, poses, focal_x=FOCAL, size=(100, 100))
    assert cameras[2].image_name == "2000"


def bad_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", {"frames": []}, "a.json: no cameras"),
        ("a.json", None, "found null; expected an object with the keys"),
        ("a.csv", "1,2,3", "expected a COLMAP model's folder, transforms.json"),
        ("a.npy", "", "a.npy: not a .npy file, or cut off at its beginning"),
        ("a.npz", "PK", "a.npz: "),
        ("a.txt", "", "line 1: found '', expected the URL of a video"),
    ],
)
def test_bad_files_are_named(name, content, message, tmp_path):
    path = bad_file(tmp_path, name, content)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_cameras(path)
    assert str(caught.value).startswith(str(path))


def cameras_named(*names):
    return [Camera(np.eye(4), name, focal_y=1.0) for name in names]


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_images_are_found_by_name(tmp_path):
    folder = touch(tmp_path / "images", "a_1.jpg", "a_2.png", "rest.png", "notes.txt")
    images, rest = images_of_cameras(cameras_named("./train/a_1", "a_2.png", "gone.png"), folder)
    assert [path.name for path in images] == ["a_1.jpg", "a_2.png", "gone.png"]
    assert [path.name for path in rest] == ["rest.png"]
    (folder / "left").mkdir()
    (folder / "left" / "a_1.jpg").touch()
    images, _ = images_of_cameras(cameras_named("left/a_1.jpg", "a_1.jpg"), folder)
    assert [path.parent.name for path in images] == ["left", "images"]


def test_images_with_other_names_are_taken_in_order(tmp_path):
    folder = touch(tmp_path / "images", "f_10.png", "f_9.png", "f_100.png")
    images, rest = images_of_cameras(cameras_named("0", "1000", "2000"), folder)
    assert [path.name for path in images] == ["f_9.png", "f_10.png", "f_100.png"] and rest == []
    with pytest.raises(ValueError, match="3 images for 2 poses"):
        images_of_cameras(cameras_named("0", "1000"), folder)


def test_times_are_no_names_of_images_unless_all_are(tmp_path):
    timed = [Camera(np.eye(4), str(time), 1.0, timestamp=time) for time in (0, 1, 100)]
    images, _ = images_of_cameras(timed, touch(tmp_path / "numbers", "0.png", "1.png", "2.png"))
    assert [path.name for path in images] == ["0.png", "1.png", "2.png"]
    images, rest = images_of_cameras(
        timed, touch(tmp_path / "times", "0.png", "1.png", "100.png", "200.png")
    )
    assert [path.name for path in images] == ["0.png", "1.png", "100.png"] and len(rest) == 1


def test_names_never_lead_out_of_the_folder(tmp_path):
    touch(tmp_path, "a.png", "b.png")
    folder = touch(tmp_path / "images", "a.png", "c.png")
    names = "../a.png", "../b.png", str(tmp_path / "b.png"), "C:/data/c.png", "x/../../a.png"
    for name, expected in zip(names, ["a.png", None, None, "c.png", "a.png"], strict=True):
        images, _ = images_of_cameras(
            cameras_named("c" if expected != "c.png" else "z", name), folder
        )
        assert images[1].parent == folder
        assert images[1].is_file() == (expected is not None)
        assert images[1].name == (expected or "b.png")


def test_counts_are_said(tmp_path):
    folder = touch(tmp_path / "images", "a.png", "b.png", "d.png")
    touch(folder / "left", "a.png", "e.png")
    matching = match_images(cameras_named("a", "b", "c", "left/a.png"), folder)
    assert str(matching) == "4 cameras read, 3 of 5 images matched"
    assert matching.fault == (
        "no image for 1 camera, the first c and no camera for 2 images, the first d.png"
    )
    found = matching.without_missing()
    assert [camera.image_name for camera in found.cameras] == ["a", "b", "left/a.png"]
    assert [path.name for path in found.images] == ["a.png", "b.png", "a.png"]
    assert found.fault is None and str(found) == "3 cameras read, 3 of 3 images matched"


def test_ambiguous_images_are_named(tmp_path):
    folder = touch(tmp_path / "images", "a.jpg", "a.png")
    with pytest.raises(ValueError, match=r"both a.jpg and a.png"):
        images_of_cameras(cameras_named("a"), folder)
    with pytest.raises(ValueError, match=r"a.png: two cameras"):
        images_of_cameras(cameras_named("left/a.png", "right/a.png"), folder)
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        images_of_cameras(cameras_named("a"), tmp_path / "none")
