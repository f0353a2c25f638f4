"""COLMAP models as people have them: text and binary, by hand and by COLMAP, with mistakes."""

import re
import struct

import numpy as np
import pytest
from scenes import random_poses
from test_camera_files import COUNT, assert_cameras, write_colmap_text

from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import write_cameras
from photonvs.cameras.geometry import OPENCV_TO_BLENDER

POSES = random_poses(3, COUNT)


def edit(path, change):
    """Rewrite a text file by a function of its text."""
    path.write_text(change(path.read_text()))


def without_points(text):
    """The lines of images alone."""
    return "\n".join(line for line in text.split("\n") if "frame_" in line)


def spread(text):
    """Empty lines before, between and after the images."""
    return "\n\n \n" + without_points(text).replace("\n", "\n\n\n") + "\n\n"


def longer(text):
    """Quaternions that are not of unit length."""
    lines = without_points(text).split("\n")
    for index, line in enumerate(lines):
        key, *numbers = line.split(" ")
        numbers[:4] = [repr(-1.7 * float(number)) for number in numbers[:4]]
        lines[index] = " ".join([key, *numbers])
    return "\n".join(lines)


TEXTS = {
    "as COLMAP writes it": lambda text: text,
    "no lines of points": without_points,
    "other empty lines": spread,
    "a byte order mark": lambda text: "\ufeff" + text,
    "Windows' line ends": lambda text: text.replace("\n", "\r\n"),
    "long quaternions": longer,
    "no newline at the end": lambda text: text.rstrip("\n"),
    "many points": lambda text: text.replace("1.5 2.5 -1", "1.5 2.5 -1 " * 4 + "3 4 17"),
}


@pytest.mark.parametrize("change", TEXTS.values(), ids=TEXTS)
def test_text_in_any_shape_gives_every_camera(change, tmp_path):
    write_colmap_text(tmp_path, POSES)
    edit(tmp_path / "images.txt", change)
    cameras = read_cameras(tmp_path)
    assert_cameras(cameras, POSES)
    assert [camera.image_name for camera in cameras] == [f"frame_{k}.png" for k in range(COUNT)]
    assert {camera.size for camera in cameras} == {(100, 200)}
    assert len(read_cameras(tmp_path / "images.txt")) == COUNT


def test_names_with_spaces_and_folders_and_numbers(tmp_path):
    write_colmap_text(tmp_path, POSES)
    names = ["left/my photo.png", "17", "a  b c.jpg", "right\\3.png"]

    def rename(text):
        for index, name in enumerate(names):
            text = text.replace(f" frame_{index}.png", f" {name}")
        return text

    edit(tmp_path / "images.txt", rename)
    found = {camera.image_name: camera for camera in read_cameras(tmp_path)}
    assert len(found) == COUNT
    for index, name in enumerate(["left/my photo.png", "17", "a  b c.jpg", "right/3.png"]):
        np.testing.assert_allclose(found[name].pose, POSES[index], atol=1e-12)


@pytest.mark.parametrize(
    ("camera", "distortion"),
    [
        ("SIMPLE_PINHOLE 200 100 90 100 50", ()),
        ("SIMPLE_RADIAL 200 100 90 100 50 0", ()),
        ("SIMPLE_RADIAL 200 100 90 100 50 1e-9", (1e-9, 0, 0, 0)),
        ("RADIAL 200 100 90 100 50 0.1 -0.2", (0.1, -0.2, 0, 0)),
        ("OPENCV 200 100 90 90 100 50 .1 .2 .3 .4", (0.1, 0.2, 0.3, 0.4)),
        ("FULL_OPENCV 200 100 90 90 100 50 1 2 3 4 5 6 7 8", (1, 2, 3, 4, 5, 6, 7, 8)),
    ],
)
def test_lenses_have_opencvs_coefficients(camera, distortion, tmp_path):
    write_colmap_text(tmp_path, POSES, camera)
    cameras = read_cameras(tmp_path, distorted=True)
    assert_cameras(cameras, POSES)
    assert {one.distortion for one in cameras} == {distortion}
    if distortion:
        with pytest.raises(ValueError, match=r"camera of frame_0.png: lens distortion .*undistort"):
            read_cameras(tmp_path)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ("OPENCV_FISHEYE 200 100 90 90 100 50 0 0 0 0", "fisheye lenses: undistort"),
        ("FOV 200 100 90 90 100 50 0.9", "fisheye lenses: undistort"),
        ("MINE 200 100 90", "no lens model MINE; expected one of SIMPLE_PINHOLE"),
        ("PINHOLE 200 100 90 90 100", "expected 4 finite numbers for PINHOLE"),
        ("PINHOLE 200 100 nan 90 100 50", "parameters nan 90.0"),
        ("PINHOLE 200 100 -90 90 100 50", "expected numbers above 0"),
        ("PINHOLE 0 100 90 90 100 50", "0x100 pixels"),
    ],
)
def test_lenses_that_cannot_be_are_named(camera, message, tmp_path):
    write_colmap_text(tmp_path, POSES, camera)
    with pytest.raises(ValueError, match=r"images.txt: image frame_11.png: camera 7: ") as caught:
        read_cameras(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("images.txt", lambda text: text[: len(text) // 2 - 20], "images.txt: line "),
        ("images.txt", lambda text: text.replace(" 7 frame", " 8 frame", 1), "camera 8 is not"),
        ("images.txt", lambda text: text + "# Number of images: 40\n", "its comment says 40"),
        ("images.txt", lambda text: re.sub(r"\n1 \S+", "\n1 nan", text), "frame_0.png: quaternion"),
        (
            "images.txt",
            lambda text: re.sub(r"\n1 (\S+ ){4}", "\n1 0 0 0 0 ", text),
            "neither zero nor huge",
        ),
        ("images.txt", lambda text: re.sub(r"\n1 \S+", "\n1 1e300", text), "nor huge"),
        ("images.txt", lambda text: re.sub(r"\n1 \S+", "\n1 x", text), "found '1 x"),
        ("images.txt", lambda _: "", "no cameras in it"),
        ("cameras.txt", lambda _: "7 PINHOLE 200\n", "cameras.txt: line 1: found '7 PINHOLE 200'"),
    ],
)
def test_mistakes_in_text_name_the_file_and_the_place(file, change, message, tmp_path):
    write_colmap_text(tmp_path, POSES)
    edit(tmp_path / file, change)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_cameras(tmp_path)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_folders_without_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="no COLMAP model"):
        read_cameras(tmp_path)
    with pytest.raises(FileNotFoundError, match="none: no such file"):
        read_cameras(tmp_path / "none")


def test_any_cut_of_a_binary_model_is_noticed(tmp_path):
    write_colmap_text(tmp_path / "text", POSES)
    write_cameras(read_cameras(tmp_path / "text"), "colmap", tmp_path / "model")
    for name in ("cameras.bin", "images.bin"):
        path = tmp_path / "model" / name
        whole = path.read_bytes()
        for wrong in [*(whole[:end] for end in range(0, len(whole), 7)), whole + b"\0"]:
            path.write_bytes(wrong)
            with pytest.raises(ValueError, match=rf"{name}: damaged"):
                read_cameras(tmp_path / "model")
        path.write_bytes(whole)
    lens = struct.pack("<QiiQQ", 1, 1, 99, 200, 100)
    (tmp_path / "model" / "cameras.bin").write_bytes(lens)
    with pytest.raises(ValueError, match="camera 1: no model 99"):
        read_cameras(tmp_path / "model")


@pytest.fixture(scope="module")
def colmap():
    return pytest.importorskip("pycolmap")


@pytest.mark.parametrize("form", ["binary", "text"])
def test_models_that_colmap_writes(colmap, form, tmp_path):
    """With a rig of two cameras, points, and images in folders."""
    model = colmap.Reconstruction()
    lenses = [
        colmap.Camera(camera_id=key, model="PINHOLE", width=200, height=100, params=numbers)
        for key, numbers in ((1, [90, 90, 100, 50]), (2, [70, 80, 90, 60]))
    ]
    rig = colmap.Rig(rig_id=1)
    beside = colmap.Rigid3d(colmap.Rotation3d(), np.array([0.3, 0.0, 0.0]))
    rig.add_ref_sensor(lenses[0].sensor_id)
    rig.add_sensor(lenses[1].sensor_id, beside)
    for lens in lenses:
        model.add_camera(lens)
    model.add_rig(rig)
    for number, pose in enumerate(POSES, start=1):
        frame = colmap.Frame(frame_id=number, rig_id=1)
        world_to_camera = np.linalg.inv(pose @ OPENCV_TO_BLENDER)[:3]
        frame.rig_from_world = colmap.Rigid3d(world_to_camera)
        images = [
            colmap.Image(
                image_id=100 * lens.camera_id + number,
                name=f"camera {lens.camera_id}/{number:02d}.png",
                camera_id=lens.camera_id,
                frame_id=number,
                points2D=[colmap.Point2D(np.array([20.5, 30.5])), colmap.Point2D(np.ones(2))],
            )
            for lens in lenses
        ]
        for image in images:
            frame.add_data_id(image.data_id)
        model.add_frame(frame)
        for image in images:
            model.add_image(image)
        model.register_frame(number)
    track = colmap.Track()
    track.add_element(101, 0)
    track.add_element(202, 1)
    model.add_point3D(np.zeros(3), track, np.zeros(3, np.uint8))
    getattr(model, f"write_{form}")(str(tmp_path))
    cameras = read_cameras(tmp_path)
    assert_cameras(cameras[:COUNT], POSES)
    moved = np.eye(4)
    moved[0, 3] = -0.3  # the rig's second camera sees everything 0.3 further right
    expected = np.array([pose @ OPENCV_TO_BLENDER @ moved @ OPENCV_TO_BLENDER for pose in POSES])
    assert_cameras(cameras[COUNT:], expected, 0.8, 0.35, (0.45, 0.6))
    assert cameras[COUNT].image_name == "camera 2/01.png"


@pytest.mark.parametrize("name", ["colmap", "colmap-text"])
def test_colmap_finds_the_same_cameras_in_what_we_write(colmap, name, tmp_path):
    lens = "FULL_OPENCV 200 100 90 80 100.5 50 .1 .2 .3 .4 .5 0 0 0"
    for part, camera in enumerate(["PINHOLE 200 100 90 80 100 50", lens]):
        write_colmap_text(tmp_path / str(part), POSES, camera)
        cameras = read_cameras(tmp_path / str(part), distorted=True)
        target = tmp_path / f"written {part}"
        write_cameras(cameras, name, target)
        model = colmap.Reconstruction(str(target))
        assert len(model.images) == COUNT and len(model.points3D) == 0
        (written,) = model.cameras.values()
        assert written.model.name == camera.split()[0]
        np.testing.assert_allclose(written.params, [float(one) for one in camera.split()[3:]])
        for image in model.images.values():
            index = int(image.name.split("_")[1].split(".")[0])
            world_to_camera = np.linalg.inv(POSES[index] @ OPENCV_TO_BLENDER)[:3]
            np.testing.assert_allclose(image.cam_from_world().matrix(), world_to_camera, atol=1e-9)
