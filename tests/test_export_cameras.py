"""Cameras and frames for other programs: a sample, anyone's frames, and conversion."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from scenes import sideways_poses, write_frames, write_realestate10k_text
from test_camera_files import write_colmap_text

from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.export import export_frames
from photonvs.cameras.files.matching import match_images
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import WRITERS
from photonvs.cameras.spec import SamplingSpec
from photonvs.commands import compute_tsed
from photonvs.commands.export_cameras import main
from photonvs.samples import Sample

COUNT, FOCAL = 5, 0.9
POSES = sideways_poses(COUNT)


@pytest.fixture(scope="module")
def instance_data(tmp_path_factory):
    """samples/plane, whose run 0 has true frames of a plane, and run 3 all but one."""
    folder = tmp_path_factory.mktemp("instance-data")
    sample = Sample(folder / "samples" / "plane")
    sample.write(SamplingSpec(FOCAL, POSES, *conditioning(COUNT)), {})
    for number in (0, 3):
        write_frames(sample.run(number).images, POSES, FOCAL)
    sample.run(3).image(2).unlink()
    return folder


def export(instance_data, out, name, *more):
    words = ["-o", "samples/plane", "--format", name, "--instance-data", instance_data]
    main([str(word) for word in (out, *words, *more)])


@pytest.mark.parametrize("name", WRITERS)
def test_a_sample_becomes_a_data_set(name, instance_data, tmp_path, capsys):
    out = tmp_path / "garden"
    export(instance_data, out, name)
    said = capsys.readouterr().out
    assert f"{COUNT} cameras read, {COUNT} of {COUNT} images matched" in said
    assert f"{out}: {COUNT} cameras with images" in said
    assert ("random" in said) == name.startswith("colmap")
    frames = instance_data / "samples" / "plane" / "samples" / "00000000" / "images"
    for index in range(COUNT):
        image = f"{index:04d}.png"
        assert (out / "images" / image).read_bytes() == (frames / image).read_bytes()
    axes = "opencv" if name == "npy-opencv" else "blender"
    cameras = read_cameras(out / WRITERS[name].place, axes=axes, lens=False)
    np.testing.assert_allclose([camera.pose for camera in cameras], POSES, atol=1e-9)
    if not name.startswith("npy"):
        for camera in cameras:
            assert camera.focal_lengths((96, 96)) == pytest.approx((FOCAL, FOCAL))
    if name in ("colmap", "colmap-text", "transforms"):
        prefix = "images/" if name == "transforms" else ""
        assert [one.image_name for one in cameras] == [f"{prefix}{k:04d}.png" for k in range(COUNT)]
        assert {camera.size for camera in cameras} == {(96, 96)}
    if name == "colmap":
        words = ["--images", out / "images", "--poses", out / "sparse" / "0", "--no-page"]
        compute_tsed.main([str(word) for word in words])
        tsed = json.loads((out / "evaluation" / "images" / "tsed.json").read_text())
        assert tsed["tsed"] == 1 and tsed["count"]["pairs"] == COUNT - 1


def test_colmap_reads_the_data_set(instance_data, tmp_path):
    colmap = pytest.importorskip("pycolmap")
    export(instance_data, tmp_path / "garden", "colmap")
    model = colmap.Reconstruction(str(tmp_path / "garden" / "sparse" / "0"))
    assert sorted(image.name for image in model.images.values()) == [
        f"{index:04d}.png" for index in range(COUNT)
    ]
    (camera,) = model.cameras.values()
    assert (camera.model.name, camera.width, camera.height) == ("PINHOLE", 96, 96)
    np.testing.assert_allclose(camera.params, [96 * FOCAL, 96 * FOCAL, 48, 48])


def test_frames_that_are_missing_stop_it_unless_allowed(instance_data, tmp_path):
    with pytest.raises(ValueError, match=r"no image for 1 camera, the first 0002.png"):
        export(instance_data, tmp_path / "out", "colmap", "--run", 3)
    assert not (tmp_path / "out").exists()
    export(instance_data, tmp_path / "out", "colmap", "--run", 3, "--allow-unmatched")
    cameras = read_cameras(tmp_path / "out" / "sparse" / "0")
    np.testing.assert_allclose(
        [camera.pose for camera in cameras], np.delete(POSES, 2, axis=0), atol=1e-9
    )


def test_nothing_is_replaced_without_force(instance_data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()  # an empty folder may be there
    export(instance_data, out, "transforms")
    (out / "transforms.json").write_text("mine")
    with pytest.raises(ValueError, match=r"out: there already; .*--force"):
        export(instance_data, out, "transforms")
    assert (out / "transforms.json").read_text() == "mine"
    export(instance_data, out, "transforms", "--force")
    assert len(read_cameras(out / "transforms.json")) == COUNT


def test_cameras_alone_are_converted(tmp_path, capsys):
    text = write_realestate10k_text(tmp_path / "scene.txt", POSES, (0.45, 0.9))

    def convert(source, target, name, *more):
        words = [tmp_path / target, "--poses", tmp_path / source, "--format", name, *more]
        main([str(word) for word in words])
        return read_cameras(tmp_path / target, lens=False)

    with pytest.raises(ValueError, match="its image is not known, and colmap needs it"):
        convert(text, "model", "colmap")
    cameras = convert(text, "model", "colmap", "--size", "640x320")
    assert f"{tmp_path / 'model'}: {COUNT} cameras\n" in capsys.readouterr().out
    assert {camera.size for camera in cameras} == {(320, 640)}
    cameras = convert("model", "transforms.json", "transforms")
    cameras = convert("transforms.json", "again.txt", "realestate10k")
    np.testing.assert_allclose([camera.pose for camera in cameras], POSES, atol=1e-9)
    assert {round(camera.aspect, 9) for camera in cameras} == {2}
    assert convert("again.txt", "poses.json", "matrices")[0].focal_y == pytest.approx(0.9)
    turned = convert("again.txt", "poses.npy", "npy-opencv")[0].pose
    assert turned[2, 2] == pytest.approx(-POSES[0][2, 2])


def test_a_lens_and_folders_go_along(tmp_path):
    write_colmap_text(tmp_path / "sparse", POSES, "OPENCV 120 80 90 90 60 40 .1 .01 0 0")
    text = (tmp_path / "sparse" / "images.txt").read_text()
    (tmp_path / "sparse" / "images.txt").write_text(text.replace("frame_", "left/frame_"))
    frames = tmp_path / "frames" / "left"
    frames.mkdir(parents=True)
    for index in range(COUNT):
        Image.new("RGB", (60, 40), (index, 0, 0)).save(frames / f"frame_{index}.png")
    words = [tmp_path / "out", "--poses", tmp_path / "sparse", "--images", tmp_path / "frames"]
    main([str(word) for word in (*words, "--format", "transforms")])
    cameras = read_cameras(tmp_path / "out" / "transforms.json", distorted=True)
    for index, camera in enumerate(cameras):
        assert camera.image_name == f"images/left/frame_{index}.png"
        assert (tmp_path / "out" / camera.image_name).is_file()
        assert (camera.size, camera.distortion) == ((40, 60), (0.1, 0.01, 0, 0))
        np.testing.assert_allclose(camera.focal_lengths((40, 60)), (90 / 80, 90 / 120))


def test_images_that_programs_read_differently_become_png(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    wide = np.zeros((40, 60, 3), np.uint8)
    wide[:, :30] = 200
    Image.fromarray(wide).save(folder / "a.jpg", exif=exif, quality=95)
    cv2.imwrite(str(folder / "b.png"), np.full((60, 40), 0x8080, np.uint16))
    Image.new("RGB", (40, 60), "red").save(folder / "c.webp", lossless=True)
    Image.new("RGB", (40, 60), "blue").save(folder / "d.jpg")
    cameras = [Camera(np.eye(4), name, focal_y=0.8) for name in "abcd"]
    export_frames(match_images(cameras, folder), folder, "transforms", tmp_path / "out")
    written = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert written == ["a.png", "b.png", "c.png", "d.jpg"]
    found = read_cameras(tmp_path / "out" / "transforms.json")
    assert [camera.image_name for camera in found] == [f"images/{name}" for name in written]
    assert {camera.size for camera in found} == {(60, 40)}
    turned = np.array(Image.open(tmp_path / "out" / "images" / "a.png"))
    assert turned[:25].mean() > 190 and turned[35:].mean() < 10
    assert np.array(Image.open(tmp_path / "out" / "images" / "b.png")).ravel()[0] == 128
    assert (tmp_path / "out" / "images" / "d.jpg").read_bytes() == (folder / "d.jpg").read_bytes()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("a.webp", "a.png"):
        Image.new("RGB", (60, 40)).save(folder / name)
    size = {"focal_y": 1.0, "size": (40, 60)}
    lens = [Camera(np.eye(4), "a.png", distortion=(0.1, 0, 0, 0), **size)]
    twice = [Camera(np.eye(4), name, **size) for name in ("a.webp", "a.png")]
    for cameras, message in (lens, "a distorted lens"), (twice, "a.png: 2 cameras"):
        with pytest.raises(ValueError, match=message):
            export_frames(match_images(cameras, folder), folder, "camera-path", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_frames_of_another_shape_than_their_cameras(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(COUNT):
        Image.new("RGB", (50, 50)).save(folder / f"{index}.png")
    text = write_realestate10k_text(tmp_path / "scene.txt", POSES, (0.45, 0.9))
    words = ["--poses", text, "--images", folder, "--format", "colmap"]
    with pytest.raises(ValueError, match="--shape cropped if they show its centre"):
        main([str(word) for word in (tmp_path / "out", *words)])
    main([str(word) for word in (tmp_path / "squares", *words, "--shape", "cropped")])
    for camera in read_cameras(tmp_path / "squares" / "sparse" / "0"):
        assert camera.focal_lengths((50, 50)) == pytest.approx((0.9, 0.9))


@pytest.mark.parametrize(
    "words",
    [
        ["out", "--format", "colmap"],
        ["out", "-o", "samples/a", "--poses", "b", "--format", "colmap"],
        ["out", "-o", "samples/a", "--images", "b", "--format", "colmap"],
        ["out", "--poses", "a", "--images", "b", "--size", "9x9", "--format", "colmap"],
        ["out", "--poses", "a", "--format", "ply"],
        ["out", "--poses", "a", "--format", "colmap", "--size", "640"],
        ["--poses", "a", "--format", "colmap"],
    ],
)
def test_commands_that_mean_nothing_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err
