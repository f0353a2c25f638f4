"""The cameras of any file as a path to sample along."""

import json

import numpy as np
import pytest
from scenes import write_realestate10k_text
from test_camera_files import transforms, write_colmap_text

from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.path import path_of_file
from photonvs.cameras.files.writing import WRITERS, write_cameras
from photonvs.cameras.geometry import OPENCV_TO_BLENDER
from photonvs.cameras.paths import hop
from photonvs.cameras.spec import SamplingSpec, read_spec, write_spec
from photonvs.commands.make_trajectory import main

PATH = hop(6)


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_plain_matrices_are_a_path(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    if suffix == ".npy":
        np.save(path, PATH @ OPENCV_TO_BLENDER)
    else:
        path.write_text(json.dumps((PATH @ OPENCV_TO_BLENDER).tolist()))
    found = path_of_file(path, axes="opencv")
    np.testing.assert_allclose(found.poses, PATH, atol=1e-14)
    np.testing.assert_allclose(path_of_file(path).poses, PATH @ OPENCV_TO_BLENDER, atol=1e-14)
    assert found.focal_y is None
    assert found.notes == (f"{path}: 6 cameras, 6 taken",)


def test_another_specification_gives_its_poses_and_focal_length(tmp_path):
    write_spec(tmp_path / "other.json", SamplingSpec(0.8, PATH, *conditioning(6)))
    found = path_of_file(tmp_path / "other.json")
    assert np.array_equal(found.poses, PATH) and found.focal_y == 0.8


def test_files_without_rigid_matrices_are_refused(tmp_path):
    path = tmp_path / "poses.npy"
    for array, expected in [
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.array(["a"]), "real numbers"),
        (np.array([{}]), "poses.npy: "),
        (np.zeros((2, 4, 4)), "last row"),
        (np.full((2, 4, 4), np.nan), "pose 0 holds NaN"),
    ]:
        np.save(path, array)
        with pytest.raises(ValueError, match=f"poses.npy: .*{expected}|{expected}"):
            path_of_file(path)
    np.save(path, PATH)
    whole = path.read_bytes()
    for wrong in (b"", whole[:100], whole[:-8], whole.replace(b"(6,", b"(9" + b"9" * 20 + b",")):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"poses.npy: "):
            path_of_file(path)
    np.savez(tmp_path / "poses.npz", other=PATH)
    with pytest.raises(ValueError, match=r"arrays other; expected one called poses"):
        path_of_file(tmp_path / "poses.npz")


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"npy-opencv"}))
def test_the_command_takes_every_format(name, tmp_path, capsys):
    cameras = [Camera(pose, f"{k:04d}.png", 0.9, size=(100, 200)) for k, pose in enumerate(PATH)]
    suffix = {"npy": ".npy", "realestate10k": ".txt"}.get(name, ".json")
    file = tmp_path / ("model" if "colmap" in name else f"cameras{suffix}")
    write_cameras(cameras, name, file)
    target = tmp_path / "spec.json"
    main(["cameras", str(file), "--json", str(target)])
    spec = read_spec(target)
    np.testing.assert_allclose(spec.poses, PATH, atol=1e-12)
    if name != "npy":
        assert spec.focal_y == pytest.approx(0.9)
    assert f"{file}: 6 cameras, 6 taken" in capsys.readouterr().out
    more = ["--start", "1", "--every", "2", "--frames", "2", "--force"]
    main(["matrices", str(file), "--json", str(target), *more])
    np.testing.assert_allclose(read_spec(target).poses, PATH[[1, 3]], atol=1e-12)


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 200), 0.9), ((200, 100), 1.8), ((100, 100), 0.9)]
)
def test_the_focal_length_is_that_of_the_centre_square(size, expected, tmp_path):
    camera = Camera(np.eye(4), "a.png", 0.9, size=size)
    write_cameras([camera], "transforms", tmp_path / "transforms.json")
    assert path_of_file(tmp_path / "transforms.json").focal_y == pytest.approx(expected)


def test_frames_of_realestate10k_may_be_upright(tmp_path):
    text = write_realestate10k_text(tmp_path / "a.txt", PATH, (0.9, 0.5))
    path = path_of_file(text)
    assert path.focal_y == pytest.approx(0.9)
    assert path.timestamps.tolist() == list(range(0, 600_000, 100_000))


def test_a_lens_that_the_frames_will_not_have_is_said(tmp_path):
    write_colmap_text(tmp_path, PATH, "OPENCV 200 100 90 90 120 50 .1 0 0 0")
    notes = path_of_file(tmp_path).notes
    assert "principal point up to 0.100 of the side off the centre" in notes[1]
    assert "lens distortion; the path has none: undistort the photo" in notes[2]


def test_a_choice_that_is_not_there_and_a_zoom_are_refused(tmp_path):
    path = tmp_path / "transforms.json"
    content = transforms(PATH, w=200, h=100, fl_x=90)
    path.write_text(json.dumps(content))
    for which, message in [
        ((7, 1, 0), "7 frames from 0, every 1; it has 6"),
        ((None, 0, 0), "every 0, of 6 cameras"),
        ((None, 1, 6), "start 6, every 1, of 6 cameras; expected a start from 0 to 5"),
        ((0, 1, 0), "0 frames"),
    ]:
        with pytest.raises(ValueError, match=message):
            path_of_file(path, "blender", *which)
    with pytest.raises(ValueError, match="--axes goes with plain matrices"):
        path_of_file(path, axes="opencv")
    content["frames"][0]["fl_x"] = 100
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"focal_y changes from 0.9 to 1; expected one"):
        path_of_file(path)
