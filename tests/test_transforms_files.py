"""transforms.json, camera paths and cameras of Blender as people have them, with mistakes."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from scenes import random_poses
from test_camera_files import COUNT, FOCAL, assert_cameras, transforms

from photonvs.cameras.files.reading import read_cameras

POSES = random_poses(3, COUNT)
PIXELS = {"w": 200, "h": 100, "fl_x": 90, "fl_y": 90, "cx": 80, "cy": 45}


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def in_frames(content, **keys):
    """The content, with keys in each frame."""
    return content | {"frames": [frame | keys for frame in content["frames"]]}


@pytest.mark.parametrize(
    "content",
    [
        transforms(POSES, **PIXELS, k1=0.0, camera_model="OPENCV"),
        in_frames(transforms(POSES), **PIXELS),
        in_frames(transforms(POSES, w=200, h=100, fl_x=7), fl_x=90, cx=80, cy=45),
        transforms(POSES, **PIXELS, applied_transform=np.eye(4)[:3].tolist(), aabb_scale=16),
        transforms(POSES, w=200.0, h=100.0, cx=80, cy=45, camera_angle_x=2 * np.arctan(1 / 0.9)),
    ],
    ids=["file", "frames", "both", "turned world", "angle and size"],
)
def test_intrinsics_of_the_file_and_of_frames(content, tmp_path):
    cameras = read_cameras(write(tmp_path / "transforms.json", content))
    assert_cameras(cameras, POSES, principal=(0.4, 0.45))
    assert {camera.size for camera in cameras} == {(100, 200)}
    assert cameras[9].image_name == "./train/r_9"


def test_scenes_of_blender_know_an_angle_alone(tmp_path):
    content = transforms(POSES, camera_angle_x=2 * np.arctan(0.5 / 0.45))
    cameras = read_cameras(write(tmp_path / "transforms_test.json", content))
    assert_cameras(cameras, POSES)  # of an image twice as wide as high
    assert_cameras(cameras, POSES, focal_y=0.45, focal_x=0.45, size=(80, 80))
    names = [camera.image_name for camera in cameras]
    assert names[9:] == ["./train/r_9", "./train/r_10", "./train/r_11"]


def test_cameras_that_a_script_in_blender_writes(tmp_path):
    frames = [{"matrix_world": pose.tolist(), "lens": 18, "sensor_width": 40} for pose in POSES]
    cameras = read_cameras(write(tmp_path / "cameras.json", {"frames": frames}))
    assert_cameras(cameras, POSES)
    assert cameras[2].image_name == "0002"
    # The sensor's width lies along the longer side.
    cameras = read_cameras(write(tmp_path / "cameras.json", {"frames": frames, "w": 50, "h": 100}))
    assert_cameras(cameras, POSES, focal_y=0.45, focal_x=0.9, size=(100, 50))


@pytest.mark.parametrize("suffix", ["", ".jpg"])
@pytest.mark.parametrize("folder", ["train", "elsewhere"])
def test_images_know_their_size(folder, suffix, tmp_path):
    (tmp_path / folder).mkdir()
    for index in range(COUNT):
        image = Image.new("L", (200, 100))
        exif = Image.Exif()
        exif[0x0112] = 6  # players turn it; its size is that of the pixels as stored
        image.save(tmp_path / folder / f"r_{index}.jpg", exif=exif)
    content = transforms(POSES, fl_x=90, cx=80, cy=45)
    for frame in content["frames"]:
        frame["file_path"] = frame["file_path"].replace("./", "..\\").replace("/", "\\") + suffix
    path = write(tmp_path / "transforms.json", content)
    if folder == "train":
        content["frames"] = [
            frame | {"file_path": frame["file_path"].removeprefix("..\\")}
            for frame in content["frames"]
        ]
        write(path, content)
    cameras = read_cameras(path, images=tmp_path / folder)
    assert_cameras(cameras, POSES, principal=(0.4, 0.45))
    assert {camera.size for camera in cameras} == {(100, 200)}
    assert cameras[1].image_name.endswith(f"train/r_1{suffix}")


def test_lens_distortion_is_kept_and_refused_unless_asked_for(tmp_path):
    path = tmp_path / "transforms.json"
    for keys, terms in [
        ({"k1": 0.1}, (0.1, 0, 0, 0)),
        ({"k1": 1e-9, "p2": 0.2}, (1e-9, 0, 0, 0.2)),
        ({"k1": 0.1, "k2": 0.2, "k3": 0.5, "p1": 0.3, "p2": 0.4}, (0.1, 0.2, 0.3, 0.4, 0.5)),
    ]:
        write(path, transforms(POSES, **PIXELS, **keys))
        assert {one.distortion for one in read_cameras(path, distorted=True)} == {terms}
        with pytest.raises(ValueError, match="lens distortion .*undistort the images"):
            read_cameras(path)


def scaled(pose, factor):
    return pose @ np.diag([factor, factor, factor, 1])


ONE = transforms(POSES[:1], **PIXELS)
BAD = [
    ({"frames": 3}, "frames: 3; expected a list"),
    ({"frames": ["x"]}, 'frame 0: found "x"; expected an object'),
    ({"frames": [{"file_path": "x"}]}, "frame 0 (x): no key transform_matrix"),
    ({"frames": [{"transform_matrix": []}]}, "frame 0: file_path: null; expected the image's"),
    (in_frames(ONE, file_path=3), "frame 0 (3): file_path: 3; expected the image's name"),
    (in_frames(ONE, file_path=""), 'frame 0 (): file_path: ""'),
    (in_frames(ONE, transform_matrix=np.eye(3).tolist()), "transform_matrix: rows of 3, 3, 3"),
    (in_frames(ONE, transform_matrix=[["a"] * 4] * 4), 'transform_matrix: "a"; expected a finite'),
    (transforms(POSES[:1]), "frame 0 (./train/r_0): no focal length"),
    (transforms(POSES[:1], fl_x=90), "fl_x without w and h, and no such image"),
    (ONE | {"fl_x": float("nan")}, "frame 0 (./train/r_0): fl_x: NaN; expected a finite number"),
    (ONE | {"fl_x": float("inf")}, "fl_x: Infinity; expected a finite number"),
    (ONE | {"fl_y": 0}, "fl_y: 0; expected a number above 0"),
    (ONE | {"fl_x": "90"}, 'fl_x: "90"; expected a finite number'),
    (ONE | {"w": 0}, "w: 0; expected a whole number of pixels"),
    (ONE | {"h": -100}, "h: -100; expected a whole number of pixels"),
    (ONE | {"cx": float("nan")}, "cx: NaN"),
    (ONE | {"k1": None}, "k1: null"),
    (ONE | {"k4": 0.1}, "k4: expected none or 0"),
    (ONE | {"camera_model": "OPENCV_FISHEYE"}, "camera_model OPENCV_FISHEYE: expected OPENCV"),
    (ONE | {"is_fisheye": True}, "undistort the images first"),
    (transforms(POSES[:1], camera_angle_x=4), "camera_angle_x: 4; expected radians"),
    (transforms([scaled(POSES[0], 2.5)], **PIXELS), "(./train/r_0): its 3x3 part is scaled by 2.5"),
    (transforms([POSES[0] @ np.diag([1, 1, -1, 1])], **PIXELS), "pose 0 (./train/r_0): its 3x3"),
    ({"camera_path": [{"camera_to_world": [1] * 15, "fov": 50}]}, "frame 0: camera_to_world: 15"),
    ({"camera_path": [{"camera_to_world": [1] * 16}]}, "frame 0: "),
    ({"camera_path": [{"camera_to_world": [1] * 16, "fov": 180}]}, "fov: 180; expected degrees"),
    ({"camera_path": [], "camera_type": "fisheye"}, 'camera_type: "fisheye"; expected perspective'),
    ({"poses": [POSES[0].tolist()], "focal_y": 700}, "focal_y is 700; expected a fraction"),
    ({"poses": [POSES[0].tolist()]}, "no focal length; expected one, such as focal_y"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message for _, message in BAD])
def test_mistakes_name_the_file_the_frame_and_the_key(content, message, tmp_path):
    path = write(tmp_path / "cameras.json", content)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_cameras(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_the_camera_path_of_nerfstudios_viewer(tmp_path):
    degrees = float(np.degrees(2 * np.arctan(0.5 / FOCAL)))
    nested = [POSES[0].tolist(), *(pose.ravel().tolist() for pose in POSES[1:])]
    content = {
        "camera_type": "perspective",
        "render_height": 100,
        "render_width": 200,
        "keyframes": [],
        "camera_path": [{"camera_to_world": one, "fov": degrees, "aspect": 2} for one in nested],
    }
    cameras = read_cameras(write(tmp_path / "camera_path.json", content))
    assert_cameras(cameras, POSES)
    assert [camera.image_name for camera in cameras][:2] == ["0000", "0001"]
