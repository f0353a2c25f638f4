"""Posed images become files as RealEstate10K has them; what misleads training is refused."""

import json

import av
import numpy as np
import pytest
from conversion import (
    COUNT,
    FOCAL,
    NUMBERS,
    converter,
    extracted,
    write_images,
    write_transforms,
    written,
)
from numbered_video import decode_all, numbers_of, picture
from PIL import Image
from scenes import random_poses
from test_camera_files import write_colmap_text

from photonvs.datasets.convert.place import Place
from photonvs.datasets.convert.sequence import convert_sequence
from photonvs.datasets.layout import Split
from photonvs.datasets.video import read_frames


@pytest.fixture(scope="module")
def poses():
    return random_poses(5, COUNT)


@pytest.fixture
def convert(tmp_path, poses):
    return converter(tmp_path, poses)


def test_colmap_model_comes_back_from_the_loader(convert, poses, tmp_path, capsys):
    camera = f"PINHOLE 86 48 {FOCAL * 48} {FOCAL * 48} 43.43 24.24"  # principal point at 0.505
    write_colmap_text(tmp_path / "sparse", poses, camera)
    write_images(tmp_path / "colmap-images", [*NUMBERS, 99])
    wrong = r"12 of 13 images matched: no camera for 1 image, the first frame_12.png; .*--allow-unm"
    with pytest.raises(ValueError, match=wrong):
        convert("--fps", 10, images="colmap-images", file="sparse")
    data = convert("--fps", 10, "--allow-unmatched", images="colmap-images", file="sparse")
    said = capsys.readouterr().out
    assert "12 cameras read, 12 of 13 images matched; left out: no camera for 1 image" in said

    video, text = written(data)
    assert len(video.stem) == 11
    assert len(text.stem) == 16
    assert text.read_text().splitlines()[0].endswith(f"?v={video.stem}")
    sequence = extracted(data)
    assert sequence.video == video.stem
    np.testing.assert_allclose(sequence.poses, poses[:, :3], atol=1e-6)
    np.testing.assert_array_equal(sequence.timestamps, np.arange(COUNT) * 100_000)

    frames = read_frames(video, sequence.timestamps)
    assert frames.shape[1:] == (360, 644, 3)
    assert numbers_of(frames) == NUMBERS
    np.testing.assert_allclose(sequence.focal_y, FOCAL, rtol=1e-12)
    # Square pixels, also cropped.
    np.testing.assert_allclose(sequence.focal_x * 644, sequence.focal_y * 360, rtol=1e-12)
    np.testing.assert_allclose(sequence.principal_x, 0.5 + 0.005 * 645 / 644, rtol=1e-12)
    np.testing.assert_allclose(sequence.principal_y, 0.505, rtol=1e-12)


def test_frames_keep_their_geometry(convert, poses, tmp_path):
    """Scaling is about the centre, also where the width has to become even."""
    folder = tmp_path / "columns"
    folder.mkdir()
    for index in range(COUNT):
        image = np.zeros((96, 172, 3), np.uint8)
        image[:, 40] = 255
        Image.fromarray(image).save(folder / f"r_{index}.png")
    write_transforms(tmp_path / "large.json", poses, (96, 172))
    video, _ = written(convert(images="columns", file="large.json"))
    brightness = decode_all(video)[1][:, :, :, 1].mean((0, 1))
    brightness = np.where(brightness > 20, brightness, 0)
    centre = (brightness * (np.arange(644) + 0.5)).sum() / brightness.sum()
    assert centre == pytest.approx(322 + (40.5 - 86) * 360 / 96, abs=0.1)


def test_video_has_a_key_frame_a_second(convert):
    video, _ = written(convert("--fps", 4))
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 4)
        keys = sorted(
            packet.pts * packet.time_base
            for packet in container.demux(stream)
            if packet.is_keyframe
        )
    assert keys == [0, 1, 2]


def test_any_unit_is_kept(convert, poses, tmp_path):
    scaled = poses.copy()
    scaled[:, :3, 3] = scaled[:, :3, 3] * 1e-5 + 300
    write_transforms(tmp_path / "tiny.json", scaled)
    np.testing.assert_allclose(
        extracted(convert(file="tiny.json")).poses, scaled[:, :3], rtol=0, atol=1e-11
    )


def test_same_content_is_no_error_and_other_content_needs_force(convert, poses, tmp_path, capsys):
    data = convert()
    video, text = written(data)
    before = video.read_bytes(), text.read_bytes()
    assert "written" in capsys.readouterr().out
    convert()
    assert "were there" in capsys.readouterr().out
    assert (video.read_bytes(), text.read_bytes()) == before

    write_images(tmp_path / "images", NUMBERS[::-1], name="r_{}.png")
    with pytest.raises(
        ValueError,
        match=rf"{video.name}: is there with another content; expected a new --name, or --force",
    ):
        convert()
    write_transforms(tmp_path / "other.json", poses[::-1])
    with pytest.raises(ValueError, match=rf"{text.name}: is there with another content"):
        convert(file="other.json")
    assert (video.read_bytes(), text.read_bytes()) == before

    convert("--force", file="other.json")
    sequence = extracted(data)
    np.testing.assert_allclose(sequence.poses, poses[::-1, :3], atol=1e-6)
    assert numbers_of(read_frames(video, sequence.timestamps)) == NUMBERS[::-1]
    convert(name="another garden")
    assert len(list(video.parent.iterdir())) == len(list(text.parent.iterdir())) == 2


def test_an_error_midway_leaves_nothing(convert, tmp_path):
    Image.fromarray(picture(1, (48, 80))).save(tmp_path / "images" / "r_11.png")
    with pytest.raises(
        ValueError, match=r"r_11.png: 80x48 pixels; expected 86x48 as the first image"
    ):
        convert()
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"cx": 9, "cy": 24},
            r"images: of 86x48 pixels only 18x18 about the principal point \(9, 24\) could be "
            "used; expected half of the shorter side at least",
        ),
        (
            {"fl_x": 44},
            "camera of ./train/r_0: focal lengths differ by a factor 1.019 "
            ".*86x48 pixels; expected square pixels",
        ),
        (
            {"w": 48, "h": 86},
            "images: 86x48 pixels, but the camera's image is 48 wide and 86 high; expected frames",
        ),
    ],
)
def test_cameras_that_training_would_misread_are_refused(convert, poses, tmp_path, keys, message):
    write_transforms(tmp_path / "bad.json", poses, **keys)
    with pytest.raises(ValueError, match=message):
        convert(file="bad.json")


def test_small_deviations_are_accepted(convert, poses, tmp_path):
    write_transforms(tmp_path / "fair.json", poses, cx=44, cy=24.5, fl_x=FOCAL * 48 * 1.005)
    sequence = extracted(convert(file="fair.json"))
    np.testing.assert_allclose(sequence.focal_x * 644 / 360, 1.005 * FOCAL, rtol=1e-12)


def test_a_zoom_is_refused(convert, poses, tmp_path):
    content = json.loads((tmp_path / "transforms.json").read_text())
    content["frames"][2] |= {"fl_x": FOCAL * 48 * 1.02, "fl_y": FOCAL * 48 * 1.02}
    (tmp_path / "zoom.json").write_text(json.dumps(content))
    with pytest.raises(
        ValueError,
        match=r"focal lengths from 0.9000 to 0.9180 .* for ./train/r_9; "
        "expected one camera without zoom",
    ):
        convert(file="zoom.json")


def test_images_that_do_not_suit_are_refused(convert, poses, tmp_path):
    (tmp_path / "images" / "r_4.png").unlink()
    (tmp_path / "images" / "r_7.png").unlink()
    missing = "12 cameras read, 10 of 10 images matched: no image for 2 cameras, the first r_4"
    with pytest.raises(ValueError, match=f"images: {missing}; .*--allow-unmatched"):
        convert()
    assert len(extracted(convert("--allow-unmatched"))) == 10
    write_transforms(tmp_path / "two.json", poses[:2])
    with pytest.raises(ValueError, match=r"two.json: 2 poses; expected at least 3"):
        convert("--allow-unmatched", file="two.json")


def test_images_matched_by_order_are_reported(convert, tmp_path, capsys):
    write_images(tmp_path / "renamed", name="shot-{:03d}.png")
    data = convert(images="renamed")
    assert "matched by the order of their names" in capsys.readouterr().out
    assert numbers_of(decode_all(written(data)[0])[1]) == NUMBERS


def test_options_are_checked(convert, tmp_path):
    with pytest.raises(ValueError, match="either a folder of images or a video"):
        convert_sequence(Place(Split(tmp_path, "train"), "x"), tmp_path / "transforms.json")
    with pytest.raises(ValueError, match="--fps 0: expected 0.1 to 240"):
        convert("--fps", 0)
    with pytest.raises(ValueError, match="--first-number: goes with --video"):
        convert("--first-number", 1)
