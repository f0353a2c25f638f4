"""Frames by time: known by their content, expected by decoding everything."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import ALL, Clip
from numbered_video import decode_all, numbers_of, picture, write_numbered_video

from photonvs.datasets.video import find_videos, read_frames
from photonvs.datasets.video_reader import VideoReader

COUNT = 100  # frames of a test video
IRREGULAR = np.cumsum(
    np.random.default_rng(5).choice([1, 17, 33, 34, 40, 200], COUNT)
).tolist()  # milliseconds
# File name -> how it is encoded. An mkv's time base is always 1/1000, an mp4's is the encoder's.
VIDEOS = {
    "30fps.mp4": {"times": range(0, 512 * COUNT, 512)},
    "25fps.mp4": {
        "times": range(0, 512 * COUNT, 512),
        "time_base": Fraction(1, 12800),
        "g": 12,
        "bf": 0,
    },
    "29.97fps-one-gop.mp4": {
        "times": range(0, 1001 * COUNT, 1001),
        "time_base": Fraction(1, 30000),
        "g": 250,
    },
    "29.97fps.mkv": {"times": range(0, 1001 * COUNT, 1001), "time_base": Fraction(1, 30000)},
    "variable-1000.mkv": {"times": IRREGULAR, "time_base": Fraction(1, 1000)},
    "variable-90000.mp4": {
        "times": [90 * time for time in IRREGULAR],
        "time_base": Fraction(1, 90000),
    },
    "many-b-frames.mp4": {
        "times": range(0, 512 * COUNT, 512),
        "bf": 16,
        "b-pyramid": "normal",
        "g": 250,
    },
    "open-gop.mp4": {
        "times": range(0, 512 * COUNT, 512),
        "x264-params": "open-gop=1:keyint=20:bframes=4:scenecut=0",
    },
    "open-gop.mkv": {
        "times": range(0, 512 * COUNT, 512),
        "x264-params": "open-gop=1:keyint=20:bframes=4:scenecut=0",
    },
    "intra-refresh.mp4": {
        "times": range(0, 512 * COUNT, 512),
        "x264-params": "intra-refresh=1:keyint=20:bframes=0",
    },
    "no-edit-list.mp4": {"times": range(0, 512 * COUNT, 512), "muxer": {"use_editlist": "0"}},
    "fragments.mp4": {
        "times": range(0, 512 * COUNT, 512),
        "muxer": {"movflags": "frag_keyframe+empty_moov"},
    },
    "late-start.mp4": {
        "times": range(9000, 9000 + 3000 * COUNT, 3000),
        "time_base": Fraction(1, 90000),
    },
    "cut-by-edit-list.mp4": {
        "times": range(-60000, -60000 + 3000 * COUNT, 3000),
        "time_base": Fraction(1, 90000),
    },
    "mpeg4.mp4": {"times": range(0, 512 * COUNT, 512), "codec": "mpeg4", "bf": 2, "g": 40},
}


def nearest(times: list[Fraction], timestamp: int) -> int:
    """Index of the nearest of `times` (seconds, rising) to a timestamp (microseconds).

    Of two equally near ones, the first.
    """
    return min(range(len(times)), key=lambda index: abs(times[index] * 1_000_000 - timestamp))


def timestamps_to_try(times: list[Fraction], generator: np.random.Generator) -> list[int]:
    """Microseconds: at frames, halfway between them and beside that, and anywhere."""
    exact = [time * 1_000_000 for time in times]
    halfway = [
        int((first + second) / 2) for first, second in zip(exact[::7], exact[1::7], strict=False)
    ]
    anywhere = generator.integers(int(exact[0]) - 990_000, int(exact[-1]) + 990_000, 60).tolist()
    everything = (
        [round(time) for time in exact[::3]] + halfway + [time + 1 for time in halfway] + anywhere
    )
    return [int(timestamp) for timestamp in generator.permutation(everything)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


def video(folder: Path, name: str) -> Path:
    """The path of one of `VIDEOS`, encoded when it is first asked for."""
    path = folder / name
    if not path.exists():
        write_numbered_video(path, **VIDEOS[name])
    return path


# Keyframes that are no whole pictures, or that an edit list cuts away: only decoding from the start
# gives all frames.
DECODED_FROM_START = {"intra-refresh.mp4", "cut-by-edit-list.mp4"}


@pytest.mark.parametrize("name", VIDEOS)
def test_nearest_frame(folder, name, monkeypatch):
    if (
        name not in DECODED_FROM_START
    ):  # else a mistake in seeking or skipping would only show as slowness
        monkeypatch.delattr(VideoReader, "_decode_from_start")
    path = video(folder, name)
    times, frames = decode_all(path)
    timestamps = timestamps_to_try(times, np.random.default_rng(1))
    expected = [nearest(times, timestamp) for timestamp in timestamps]
    numbers = numbers_of(frames)
    assert numbers == list(range(numbers[0], COUNT))  # the expectation itself
    assert numbers_of(read_frames(path, timestamps)) == [numbers[index] for index in expected]
    with VideoReader(path) as reader:  # a pair at a time, one after the other, as training does
        for first in range(0, 40, 2):
            pair = slice(first, first + 2)
            np.testing.assert_array_equal(reader.read(timestamps[pair]), frames[expected[pair]])


def test_times_are_those_that_players_show(folder):
    """Edit lists count and a late start stays; without an edit list, B-frames delay the start."""
    for name, start, number in [
        ("cut-by-edit-list.mp4", 0, 20),
        ("late-start.mp4", 0.1, 0),
        ("no-edit-list.mp4", 1 / 15, 0),
    ]:
        times, frames = decode_all(video(folder, name))
        assert float(times[0]) == pytest.approx(start, abs=1e-4)
        assert numbers_of(frames)[0] == number


def test_any_order_and_duplicates(folder):
    path = video(folder, "30fps.mp4")
    numbers = [70, 3, 3, 69, 0, 99, 70]
    assert (
        numbers_of(read_frames(path, [round(number * 1e6 / 30) for number in numbers])) == numbers
    )
    assert numbers_of(read_frames(path, np.array([1_000_000]))) == [30]


def test_frames_are_as_in_the_file(folder):
    """Size and colours: a red picture stays red with either colour matrix."""
    assert read_frames(video(folder, "30fps.mp4"), []).shape == (0, 48, 64, 3)
    for matrix, luma, blue, red in [
        (1, 63, 102, 240),
        (5, 81, 90, 240),
    ]:  # pure red, 8 bits, by ITU-R BT.709 and BT.601
        path = folder / f"red{matrix}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "4"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        np.testing.assert_allclose(
            read_frames(path, [0])[0].reshape(-1, 3).mean(0), [255, 0, 0], atol=3
        )


def test_time_outside_the_video(folder):
    path = video(folder, "30fps.mp4")  # frames from 0 to 3.3 s
    assert numbers_of(read_frames(path, [-1_000_000, 4_300_000])) == [0, 99]
    with pytest.raises(
        ValueError, match=r"30fps\.mp4: no frame at -1\.000001 s, its first frame is at 0\.000 s"
    ):
        read_frames(path, [-1_000_001])
    with pytest.raises(
        ValueError, match=r"no frame at 4\.300001 s, its last frame is at 3\.300 s .* last 3\.333 s"
    ):
        read_frames(path, [0, 4_300_001])


def test_long_pause_is_not_outside(tmp_path):
    write_numbered_video(tmp_path / "pause.mkv", [0, 40, 10_000, 10_040], Fraction(1, 1000))
    assert numbers_of(read_frames(tmp_path / "pause.mkv", [5_020_000, 5_020_001])) == [1, 2]


def test_timestamps_must_be_whole(folder):
    with pytest.raises(TypeError, match="float"):
        read_frames(video(folder, "30fps.mp4"), [0.5])


@pytest.mark.parametrize(
    ("name", "muxer"), [("cut.mp4", {"movflags": "faststart"}), ("cut.mkv", {})]
)
def test_truncated_video(tmp_path, name, muxer):
    """Cut within a B-frame, whose time lies before that of a frame that is whole."""
    path = tmp_path / name
    write_numbered_video(path, range(0, 512 * 120, 512), size=(144, 192), muxer=muxer)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    cut = next(i for i, packet in enumerate(packets) if i > 60 and packet.pts < packets[i - 1].pts)
    path.write_bytes(path.read_bytes()[: packets[cut].pos + packets[cut].size // 2])
    times = [round(packet.pts * packet.time_base * 1_000_000) for packet in packets]
    end = max(times[:cut])
    assert 2_000_000 < times[cut] < end < 2_500_000
    assert numbers_of(read_frames(path, [500_000])) == [15]
    beyond = [end + 50_000, end + 900_000, end + 1_500_000]
    for timestamp in (
        [times[cut], *beyond] if name == "cut.mp4" else beyond
    ):  # an mkv doesn't tell what it lost
        with pytest.raises(
            ValueError, match=rf"{name}: (the file is cut off|no frame at .* last 4\.000 s)"
        ):
            read_frames(path, [timestamp])


def test_damaged_video(tmp_path):
    """Where the file is damaged, a clear error or the right frame, never another frame."""
    path = tmp_path / "damaged.mp4"
    write_numbered_video(
        path, range(0, 512 * 90, 512), size=(144, 192), muxer={"movflags": "faststart"}
    )
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = np.random.default_rng(0).bytes(1500)
    path.write_bytes(data)
    failed = []
    for number in range(90):
        try:
            assert numbers_of(read_frames(path, [round(number * 1e6 / 30)])) == [number]
        except ValueError as error:
            assert "damaged.mp4" in str(error)
            failed.append(number)
    assert 1 <= len(failed) <= 60  # groups of pictures that are whole can still be read


def test_what_is_not_a_video(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such video"):
        read_frames(tmp_path / "none.mp4", [0])
    for name, content in [
        ("empty.mp4", b""),
        ("text.mp4", b"<html>This video is not available</html>" * 100),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: not a video"):
            read_frames(tmp_path / name, [0])
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"sound\.mp4: holds no video stream"):
        read_frames(tmp_path / "sound.mp4", [0])


def test_find_videos(tmp_path):
    names = ("a.mp4", "b.mkv", "c.webm", "d.mov", "e.MP4")
    for name in (*names, "._a.mp4", "d.part", "e.txt"):
        (tmp_path / name).touch()
    assert find_videos(tmp_path) == {name[0]: tmp_path / name for name in names}
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_videos(tmp_path / "none")


def test_numbered_pictures_are_told_apart():
    assert numbers_of(
        np.stack([picture(number, (48, 64)) for number in range(0, 4096, 5)])
    ) == list(range(0, 4096, 5))


@pytest.mark.parametrize("clip", ALL, ids=lambda clip: clip.text.stem)
def test_frames_of_rendered_clips(clip: Clip):
    timestamps = clip.sequence.timestamps
    _, frames = decode_all(clip.video)
    expected = frames[clip.frames]
    np.testing.assert_array_equal(read_frames(clip.video, timestamps), expected)
    # Each on its own, by a seek of its own.
    for index in range(len(timestamps)):
        (alone,) = read_frames(clip.video, timestamps[[index]])
        np.testing.assert_array_equal(alone, expected[index])


@pytest.mark.parametrize("clip", ALL, ids=lambda clip: clip.text.stem)
def test_rendered_clips_have_b_frames(clip: Clip):
    """Decoding order differs from the order of times, as in real footage."""
    with av.open(str(clip.video)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert times != sorted(times)
