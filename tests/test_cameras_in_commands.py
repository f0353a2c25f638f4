"""Files of cameras as people have them, through the commands: a rendered clip, its true cameras."""

import json

import numpy as np
import pytest
from clips import clip_of
from conversion import extracted
from PIL import Image
from test_camera_files import write_colmap_text

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import write_cameras
from photonvs.commands import compute_tsed, convert_sequence, export_cameras
from photonvs.datasets.video import read_frames

KITCHEN = clip_of("rm_Kitchen1")
USED = slice(0, 15, 3)  # of the poses
POSES, FOCAL = KITCHEN.camera_to_world[USED], KITCHEN.focal_y
SIZE = 360, 640
PIXELS = FOCAL * SIZE[0]


def colmap_by_hand(folder):
    """COLMAP's text with a byte order mark, without lines of points."""
    write_colmap_text(folder / "sparse", POSES, f"PINHOLE 640 360 {PIXELS} {PIXELS} 320 180")
    lines = (folder / "sparse" / "images.txt").read_text().split("\n")
    kept = "\n".join(line for line in lines if "frame_" in line)
    (folder / "sparse" / "images.txt").write_text("\ufeff# mine\n\n" + kept, encoding="utf-8")
    return folder / "sparse"


def transforms_of_windows(folder):
    """nerfstudio's file, with backslashes, without a suffix, without the images' size."""
    frames = [
        {"file_path": f".\\images\\frame_{k}", "transform_matrix": pose.tolist()}
        for k, pose in enumerate(POSES)
    ]
    content = {"fl_x": PIXELS, "cx": 320, "cy": 180, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder / "transforms.json"


def blenders_matrices(folder):
    """What a script in Blender writes."""
    lens = {"lens": 36 * PIXELS / 640, "sensor_width": 36}
    frames = [
        {"file_path": f"frame_{k}.png", "matrix_world": pose.tolist(), **lens}
        for k, pose in enumerate(POSES)
    ]
    content = {"w": 640, "h": 360, "frames": frames}
    (folder / "blender.json").write_text(json.dumps(content))
    return folder / "blender.json"


def arrays(folder):
    """Matrices with names of numpy, for frames in the order of their names."""
    np.savez(folder / "cameras.npz", camera_to_world=POSES, focal_y=np.full(len(POSES), FOCAL))
    return folder / "cameras.npz"


def viewers_path(folder):
    """A camera path of nerfstudio's viewer."""
    cameras = [Camera(pose, "", FOCAL, size=SIZE) for pose in POSES]
    write_cameras(cameras, "camera-path", folder / "camera_path.json")
    return folder / "camera_path.json"


FILES = [colmap_by_hand, transforms_of_windows, blenders_matrices, arrays, viewers_path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with images/frame_0.png, …, of the clip."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "images").mkdir()
    for index, frame in enumerate(read_frames(KITCHEN.video, KITCHEN.sequence.timestamps[USED])):
        Image.fromarray(frame).save(folder / "images" / f"frame_{index}.png")
    return folder


@pytest.mark.parametrize("write", FILES, ids=[write.__name__ for write in FILES])
def test_every_file_gives_the_true_cameras_and_a_tsed_of_one(write, folder, capsys):
    file = write(folder)
    words = ["--images", folder / "images", "--poses", file, "--t-error", 1, "--no-page"]
    compute_tsed.main([str(word) for word in words])
    assert "images: 5 cameras read, 5 of 5 images matched" in capsys.readouterr().err
    report = json.loads((folder / "evaluation" / "images" / "tsed.json").read_text())
    assert report["tsed"] == 1 and report["count"]["scored"] == 4

    data = folder / f"data {write.__name__}"
    words = ["train", "--name", "kitchen", "--images", folder / "images", "--poses", file]
    convert_sequence.main([str(word) for word in (*words, "--data", data)])
    assert "5 cameras read, 5 of 5 images matched" in capsys.readouterr().out
    sequence = extracted(data)
    relative = np.linalg.inv(POSES[0]) @ POSES
    poses = np.tile(np.eye(4), (len(POSES), 1, 1))
    poses[:, :3] = sequence.poses
    np.testing.assert_allclose(np.linalg.inv(poses[0]) @ poses, relative, atol=1e-6)
    np.testing.assert_allclose(sequence.focal_y, FOCAL, rtol=1e-9)


def test_wrong_cameras_are_seen(folder):
    """The same frames fail with a focal length of another lens, so the scores above mean much."""
    np.savez(folder / "wrong.npz", poses=POSES, focal_y=1.3 * FOCAL)
    words = ["--images", folder / "images", "--poses", folder / "wrong.npz", "--no-page"]
    compute_tsed.main([str(word) for word in (*words, "--t-error", 1)])
    assert json.loads((folder / "evaluation" / "images" / "tsed.json").read_text())["tsed"] < 0.5


def test_what_blender_says_goes_out_as_its_own_export(folder):
    """The clip's text file was written by another program, from the same cameras in Blender."""
    file, out = blenders_matrices(folder), folder / "out.txt"
    export_cameras.main([str(out), "--poses", str(file), "--format", "realestate10k"])
    ours, theirs = read_cameras(out), read_cameras(KITCHEN.text)[USED]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.pose, other.pose, atol=2e-8)  # it has nine decimals
        assert one.focal_y == pytest.approx(other.focal_y, abs=1e-9)
        assert one.aspect == pytest.approx(other.aspect, abs=1e-8)
