"""Own footage becomes RealEstate10K's files: cameras and frames come back from them, and what misleads training is refused."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_video import decode_all, numbers_of, picture, write_numbered_video
from PIL import Image
from scenes import random_poses
from test_camera_files import transforms, write_colmap_text

from photonvs.commands.convert_sequence import main
from photonvs.datasets import extract
from photonvs.datasets.poses import load_poses
from photonvs.datasets.video import read_frames

COUNT = 12
SIZE = 48, 86  # height, width; at 360 high the width is 645
FOCAL = 0.9  # of the height
NUMBERS = [7 * index + 3 for index in range(COUNT)]  # that the images show


@pytest.fixture(scope="module")
def poses():
    return random_poses(5, COUNT)


def write_images(folder, numbers=NUMBERS, size=SIZE, name="frame_{}.png"):
    folder.mkdir(exist_ok=True)
    for index, number in enumerate(numbers):
        Image.fromarray(picture(number, size)).save(folder / name.format(index))
    return folder


def write_transforms(path, poses, size=SIZE, **keys):
    pixels = {"w": size[1], "h": size[0], "fl_x": FOCAL * size[0], "fl_y": FOCAL * size[0]}
    path.write_text(json.dumps(transforms(poses, **(pixels | keys))))
    return path


@pytest.fixture
def convert(tmp_path, poses):
    """Run the command on the cameras and images of a fixture folder, with other arguments in their place."""
    write_images(tmp_path / "images", name="r_{}.png")
    write_transforms(tmp_path / "transforms.json", poses)

    def run(*more, images="images", file="transforms.json", name="garden"):
        source = ["--images", str(tmp_path / images)] if images else []
        arguments = [
            "--name",
            name,
            *source,
            "--poses",
            str(tmp_path / file),
            "--data",
            str(tmp_path / "data"),
        ]
        main(["train", *arguments, *map(str, more)])
        return tmp_path / "data"

    return run


def written(data):
    """The only video and the only text file."""
    (video,), (text,) = (
        (data / "train" / "videos").iterdir(),
        (data / "RealEstate10K-original" / "train").iterdir(),
    )
    return video, text


def extracted(data):
    extract.extract(data, "train")
    (sequence,) = load_poses(data / "train" / "poses.npy").values()
    return sequence


def test_colmap_model_comes_back_from_the_loader(convert, poses, tmp_path, capsys):
    camera = f"PINHOLE 86 48 {FOCAL * 48} {FOCAL * 48} 43.43 24.24"  # principal point at 0.505
    write_colmap_text(tmp_path / "sparse", poses, camera)
    write_images(tmp_path / "colmap-images", [*NUMBERS, 99])
    data = convert("--fps", 10, images="colmap-images", file="sparse")
    assert "1 images without a camera left out, frame_12.png" in capsys.readouterr().out

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
    np.testing.assert_allclose(
        sequence.focal_x * 644, sequence.focal_y * 360, rtol=1e-12
    )  # square pixels, also cropped
    np.testing.assert_allclose(sequence.principal_x, 0.5 + 0.005 * 645 / 644, rtol=1e-12)
    np.testing.assert_allclose(sequence.principal_y, 0.505, rtol=1e-12)


def test_frames_keep_their_geometry(convert, poses, tmp_path):
    """A bright column lies at the pixel that scaling about the centre takes it to, though the width had to become even."""
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
            {"cx": 46, "cy": 24},
            "camera of ./train/r_0: principal point at 0.535 of the width, 0.500 of the height; expected 0.5",
        ),
        ({"cx": 43, "cy": 20}, "0.417 of the height"),
        (
            {"fl_x": 44},
            "camera of ./train/r_0: focal lengths differ by a factor 1.019 .*86x48 pixels; expected square pixels",
        ),
        ({"w": 48, "h": 86}, "differ by a factor 3.210 .*give those that the cameras belong to"),
        ({"k1": 0.01}, "k1; expected a pinhole: undistort"),
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
        match=r"focal lengths from 0.9000 to 0.9180 .* for ./train/r_9; expected one camera without zoom",
    ):
        convert(file="zoom.json")


def test_images_that_do_not_suit_are_refused(convert, poses, tmp_path):
    (tmp_path / "images" / "r_4.png").unlink()
    (tmp_path / "images" / "r_7.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"images: 2 of 12 cameras have no image in it; r_4 is the first"
    ):
        convert()
    write_images(tmp_path / "upright", size=(86, 48), name="r_{}.png")
    with pytest.raises(ValueError, match=r"48x86 pixels; expected at least as wide as high"):
        convert(images="upright")
    write_transforms(tmp_path / "two.json", poses[:2])
    with pytest.raises(ValueError, match=r"two.json: 2 poses; expected at least 3"):
        convert(file="two.json")


def test_images_matched_by_order_are_reported(convert, tmp_path, capsys):
    write_images(tmp_path / "renamed", name="shot-{:03d}.png")
    data = convert(images="renamed")
    assert "matched by the order of their names" in capsys.readouterr().out
    assert numbers_of(decode_all(written(data)[0])[1]) == NUMBERS


@pytest.fixture
def footage(tmp_path):
    """30 frames at 30 a second that show their number, starting at 0.5 s."""
    path = tmp_path / "Walk.MP4"
    write_numbered_video(
        path.with_suffix(".mkv"),
        [500 + round(k * 1000 / 30) for k in range(30)],
        Fraction(1, 1000),
        SIZE,
    )
    path.with_suffix(".mkv").rename(path)
    return path


def test_posed_video_by_the_numbers_of_its_frames(convert, poses, footage):
    data = convert("--video", footage, "--fps", 15, "--first-number", -1, images=None)
    video, _ = written(data)
    assert video.suffix == ".mp4"
    assert video.read_bytes() == footage.read_bytes()
    sequence = extracted(data)
    np.testing.assert_allclose(sequence.poses, poses[:, :3], atol=1e-6)
    assert numbers_of(read_frames(video, sequence.timestamps)) == [
        2 * (number + 1) for number in range(COUNT)
    ]


def test_posed_video_with_times(convert, poses, footage, tmp_path):
    source = tmp_path / "source"
    where = [
        "--images",
        tmp_path / "images",
        "--poses",
        tmp_path / "transforms.json",
        "--data",
        source,
    ]
    main(["train", "--name", "a", "--fps", "20", *map(str, where)])
    _, text = written(source)
    lines = text.read_text().splitlines()
    shifted = [
        f"{int(time) + 500_000} {rest}" for time, rest in (line.split(" ", 1) for line in lines[1:])
    ]
    (tmp_path / "times.txt").write_text("\n".join([lines[0], *shifted[::-1]]))
    (tmp_path / "late.txt").write_text(
        "\n".join([lines[0], *(f"3{line}" for line in shifted)])
    )  # 3.5 s and later
    with pytest.raises(ValueError, match=r"no frame at .*is it the right video"):
        convert("--video", footage, images=None, file="late.txt")
    with pytest.raises(ValueError, match="have times of their own; expected neither"):
        convert("--video", footage, "--fps", 10, images=None, file="times.txt")
    sequence = extracted(convert("--video", footage, images=None, file="times.txt"))
    np.testing.assert_array_equal(sequence.timestamps, 500_000 + 50_000 * np.arange(COUNT))
    np.testing.assert_allclose(sequence.poses, poses[:, :3], atol=1e-6)


def test_another_format_of_the_same_name_is_in_the_way(convert, footage):
    data = convert()
    old, _ = written(data)
    other = footage.rename(footage.with_suffix(".mkv"))
    arguments = ("--video", other, "--fps", 15, "--first-number", 0)
    with pytest.raises(ValueError, match="is there with another content"):
        convert(*arguments, images=None)
    convert(*arguments, "--force", images=None)
    assert written(data)[0] == old.with_suffix(".mkv")


def test_video_mistakes_are_named(convert, footage, poses, tmp_path):
    def refused(message, *more, video=footage, file="transforms.json", error=ValueError):
        with pytest.raises(error, match=message):
            convert("--video", video, *more, images=None, file=file)

    numbered = ("--fps", 15, "--first-number", 0)
    refused("such as ./train/r_0: expected --fps, .* and --first-number")
    refused("such as ./train/r_0: expected --fps, .* and --first-number", "--fps", 15)
    refused(
        "frames 0 to 11: at 15 a second the video has 9 to 24; expected another",
        "--fps",
        15,
        "--first-number",
        9,
    )
    refused(
        "frames 0 to 11: at 10 a second the video has 1 to 11", "--fps", 10, "--first-number", 1
    )
    refused(
        "frames 0 to 11: at 10 a second the video has 0 to 10", "--fps", 10, "--first-number", 0
    )
    refused("no such video", *numbered, video=tmp_path / "none.mp4", error=FileNotFoundError)
    refused(
        "expected .mp4, .mkv, .webm; convert it first, for example ffmpeg -i a.mov",
        *numbered,
        video=_copy(footage, "a.mov"),
    )
    (tmp_path / "text.mp4").write_text("no video")
    refused("not a video that can be decoded", *numbered, video=tmp_path / "text.mp4")
    write_transforms(tmp_path / "wide.json", poses, (48, 64), fl_x=60, fl_y=40)
    refused("focal lengths differ by a factor", *numbered, file="wide.json")
    names = {
        f"r_{index}": f"r_{'x' if index == 3 else index // 2 * 2}_cam" for index in range(COUNT)
    }
    content = json.loads((tmp_path / "transforms.json").read_text())
    content["frames"] = [
        frame | {"file_path": names[frame["file_path"][8:]]} for frame in content["frames"]
    ]
    (tmp_path / "names.json").write_text(json.dumps(content))
    refused("pose of r_x_cam: no number in the name", *numbered, file="names.json")
    content["frames"] = [frame for frame in content["frames"] if frame["file_path"] != "r_x_cam"]
    (tmp_path / "names.json").write_text(json.dumps(content))
    refused("pose of r_0_cam: another one at 0.500000 s", *numbered, file="names.json")


def _copy(path, name):
    (path.parent / name).write_bytes(path.read_bytes())
    return path.parent / name


def test_stretched_and_rotated_videos_are_refused(convert, tmp_path):
    for name, found in (
        ("stretched.mp4", "pixels that are not square"),
        ("turned.mp4", "a rotation"),
    ):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.height, stream.width, stream.pix_fmt = 48, 86, "yuv420p"
            if name == "stretched.mp4":
                stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
            for number in range(30):
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(picture(number, SIZE), format="rgb24"))
                )
            container.mux(stream.encode())
        if name == "turned.mp4":
            turn(tmp_path / name)
        with pytest.raises(
            ValueError, match=f"{name}: found {found}, expected upright frames of square pixels"
        ):
            convert("--video", tmp_path / name, "--fps", 15, "--first-number", 0, images=None)


def turn(path):
    """Set the track's matrix to a quarter turn, as phones do (ISO 14496-12, tkhd: nine numbers, 36 bytes from its end - 44)."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") - 4
    end = start + int.from_bytes(content[start : start + 4])
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    content[end - 44 : end - 8] = b"".join(number.to_bytes(4, signed=True) for number in matrix)
    path.write_bytes(content)


def test_options_are_checked(convert):
    with pytest.raises(ValueError, match="--fps 0: expected 0.1 to 240"):
        convert("--fps", 0)
    with pytest.raises(ValueError, match="--first-number: goes with --video"):
        convert("--first-number", 1)
