"""Camera files of several systems, images found by name, and mistakes in both."""

import json
import re

import numpy as np
import pytest
from scenes import random_poses, write_realestate10k_text

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.matching import images_of_cameras
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.geometry import OPENCV_TO_BLENDER
from photonvs.cameras.spec import SamplingSpec, write_spec

COUNT = 12
FOCAL = 0.9


@pytest.fixture(scope="module")
def poses():
    return random_poses(3, COUNT)


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


def test_colmap_text_in_order_of_names(poses, tmp_path):
    write_colmap_text(tmp_path / "sparse", poses)
    cameras = read_cameras(tmp_path / "sparse")
    assert_cameras(cameras, poses)
    assert [camera.image_name for camera in cameras] == [
        f"frame_{index}.png" for index in range(COUNT)
    ]
    assert len(read_cameras(tmp_path / "sparse" / "images.txt")) == COUNT


def test_colmap_own_files_text_and_binary(poses, tmp_path):
    colmap = pytest.importorskip("pycolmap")
    write_colmap_text(tmp_path / "text", poses, "SIMPLE_PINHOLE 200 100 90 80 45")
    (tmp_path / "text" / "points3D.txt").touch()
    model = colmap.Reconstruction(str(tmp_path / "text"))
    for name, write in (("binary", model.write_binary), ("rewritten", model.write_text)):
        (tmp_path / name).mkdir()
        write(str(tmp_path / name))
        assert_cameras(read_cameras(tmp_path / name), poses, principal=(0.4, 0.45))


def test_transforms_of_nerfstudio(poses, tmp_path):
    path = tmp_path / "transforms.json"
    intrinsics = {
        "w": 200,
        "h": 100,
        "fl_x": 90,
        "fl_y": 90,
        "cx": 80,
        "cy": 45,
        "k1": 0.0,
        "camera_model": "OPENCV",
    }
    path.write_text(json.dumps(transforms(poses, **intrinsics)))
    cameras = read_cameras(path)
    assert_cameras(cameras, poses, principal=(0.4, 0.45))
    content = transforms(poses, w=200, h=100)
    for frame in content["frames"]:
        frame |= {"fl_x": 90, "cx": 100, "cy": 50}
    path.write_text(json.dumps(content))
    assert_cameras(read_cameras(path), poses)


def test_transforms_of_blender(poses, tmp_path):
    path = tmp_path / "transforms_test.json"
    path.write_text(json.dumps(transforms(poses, camera_angle_x=2 * np.arctan(0.5 / 0.45))))
    cameras = read_cameras(path)
    assert_cameras(cameras, poses)  # of an image twice as wide as high
    assert_cameras(cameras, poses, focal_y=0.45, focal_x=0.45, size=(80, 80))
    assert [camera.image_name for camera in cameras][9:] == [
        "./train/r_9",
        "./train/r_10",
        "./train/r_11",
    ]


def bad_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", {"frames": []}, "a.json: no cameras"),
        ("a.json", {"frames": 3}, "frames: expected a list"),
        ("a.json", {"frames": ["x"]}, "frame 0: "),
        ("a.json", transforms([np.eye(4)], fl_x=90, w=0, h=0), "frame 0: division by zero"),
        ("a.json", {"frames": [{"file_path": "x"}]}, "frame 0: no key 'transform_matrix'"),
        ("a.json", transforms([np.eye(4)]), "frame 0: no focal length"),
        ("a.json", transforms([np.eye(4)], fl_x=90), "frame 0: fl_x without w and h"),
        (
            "a.json",
            transforms([np.eye(4)], camera_angle_x=1, k1=0.1),
            "with k1; expected a pinhole",
        ),
        (
            "a.json",
            transforms([np.eye(4)], camera_angle_x=1, camera_model="OPENCV_FISHEYE"),
            "OPENCV_FISHEYE",
        ),
        ("a.json", transforms([2 * np.eye(4)], camera_angle_x=1), "pose 0"),
        ("a.json", transforms([np.eye(3)], camera_angle_x=1), r"shape (3, 3)"),
        ("a.npy", "", "expected a COLMAP model's folder"),
    ],
)
def test_bad_files_are_named(name, content, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_cameras(bad_file(tmp_path, name, content))
    assert name in str(caught.value)


def test_bad_colmap_models_are_named(poses, tmp_path):
    with pytest.raises(FileNotFoundError, match="no COLMAP model"):
        read_cameras(tmp_path)
    with pytest.raises(FileNotFoundError, match="none: no such file"):
        read_cameras(tmp_path / "none")
    write_colmap_text(tmp_path / "lens", poses, "SIMPLE_RADIAL 200 100 90 100 50 0.1")
    with pytest.raises(ValueError, match=r"cameras.txt: camera SIMPLE_RADIAL .*image_undistorter"):
        read_cameras(tmp_path / "lens")
    write_colmap_text(tmp_path / "straight", poses, "SIMPLE_RADIAL 200 100 90 100 50 0")
    assert_cameras(read_cameras(tmp_path / "straight"), poses)
    write_colmap_text(tmp_path / "cut", poses)
    text = (tmp_path / "cut" / "images.txt").read_text()
    (tmp_path / "cut" / "images.txt").write_text(text[: len(text) // 2 - 20])
    with pytest.raises(ValueError, match="images.txt"):
        read_cameras(tmp_path / "cut")
    (tmp_path / "binary").mkdir()
    for name in ("cameras.bin", "images.bin"):
        (tmp_path / "binary" / name).write_bytes(b"\2" + b"\0" * 20)
    with pytest.raises(ValueError, match=r"cameras.bin: damaged"):
        read_cameras(tmp_path / "binary")


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


def test_ambiguous_images_are_named(tmp_path):
    folder = touch(tmp_path / "images", "a.jpg", "a.png")
    with pytest.raises(ValueError, match=r"both a.jpg and a.png"):
        images_of_cameras(cameras_named("a"), folder)
    with pytest.raises(ValueError, match=r"a.png: two cameras"):
        images_of_cameras(cameras_named("left/a.png", "right/a.png"), folder)
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        images_of_cameras(cameras_named("a"), tmp_path / "none")
