"""A posed video of one's own becomes a file of RealEstate10K's layout."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from conversion import (
    COUNT,
    SIZE,
    converter,
    extracted,
    write_transforms,
    written,
)
from numbered_video import numbers_of, picture, write_numbered_video
from scenes import random_poses

from photonvs.commands.convert_sequence import main
from photonvs.datasets.video import read_frames


@pytest.fixture(scope="module")
def poses():
    return random_poses(5, COUNT)


@pytest.fixture
def convert(tmp_path, poses):
    return converter(tmp_path, poses)


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
    # 3.5 s and later.
    (tmp_path / "late.txt").write_text("\n".join([lines[0], *(f"3{line}" for line in shifted)]))
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
    (tmp_path / "text.mp4").write_text("no video")
    refused("not a video that can be decoded", *numbered, video=tmp_path / "text.mp4")
    write_transforms(tmp_path / "wide.json", poses, fl_x=60, fl_y=40)
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


def test_stretched_videos_are_refused(convert, tmp_path):
    path = tmp_path / "stretched.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 86, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture(number, SIZE), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ValueError, match=r"stretched.mp4: found pixels that are not square"):
        convert("--video", path, "--fps", 15, "--first-number", 0, images=None)
