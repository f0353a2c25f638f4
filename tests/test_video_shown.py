"""Videos as cameras and phones write them: turned, high dynamic range, interlaced, odd times."""

from fractions import Fraction

import av
import numpy as np
import pytest
from conversion import COUNT, SIZE, converter, extracted, write_transforms, written
from numbered_video import decode_all, numbers_of, write_numbered_video
from scenes import random_poses

from photonvs.datasets.video import read_frames

NUMBERED = ("--fps", 30, "--first-number", 0)


@pytest.fixture
def convert(tmp_path):
    return converter(tmp_path, random_poses(5, COUNT))


def turn(path, matrix):
    """Set the track's matrix (a, b, c, d), as phones do.

    ISO 14496-12, box tkhd: nine numbers a b 0 c d 0 x y 1 in the 36 bytes that begin 44 before its
    end.
    """
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") - 4
    end = start + int.from_bytes(content[start : start + 4])
    a, b, c, d = (round(part * 0x10000) for part in matrix)
    numbers = (a, b, 0, c, d, 0, 0, 0, 0x40000000)
    content[end - 44 : end - 8] = b"".join(number.to_bytes(4, signed=True) for number in numbers)
    path.write_bytes(content)


def moved(frame, matrix):
    """Each pixel (x, y) where the matrix puts it: (a x + c y, b x + d y), but for a shift."""
    a, b, c, d = matrix
    rows, columns = np.indices(frame.shape[:2])
    across, down = a * columns + c * rows, b * columns + d * rows
    across, down = across - across.min(), down - down.min()
    result = np.zeros((down.max() + 1, across.max() + 1, 3), np.uint8)
    result[down, across] = frame
    return result


@pytest.mark.parametrize(
    "matrix",
    [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)]
    + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)],
)
def test_frames_are_turned_as_players_turn_them(tmp_path, matrix):
    path = tmp_path / "turned.mp4"
    write_numbered_video(path, range(0, 512 * 40, 512))
    (plain,) = read_frames(path, [1_000_000])
    turn(path, matrix)
    found = read_frames(path, [1_000_000])
    np.testing.assert_array_equal(found[0], moved(plain, matrix))
    assert read_frames(path, []).shape == (0, *found.shape[1:])


def test_an_odd_angle_is_refused(tmp_path):
    path = tmp_path / "a walk.mp4"
    write_numbered_video(path, range(0, 512 * 10, 512))
    turn(path, (0.6, 0.8, -0.8, 0.6))
    mended = "ffmpeg -i 'a walk.mp4' 'a walk-mended.mp4'"
    with pytest.raises(ValueError, match=f"a walk.mp4: found frames turned .* first: {mended}$"):
        read_frames(path, [0])


def test_damaged_heads_are_named(tmp_path, monkeypatch):
    """A name that is no text is no matter; an unknown codec and too large frames are."""
    path = tmp_path / "a.mkv"
    write_numbered_video(path, range(0, 40 * 33, 33), Fraction(1, 1000))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Lavf", b"\xff\xfe\xfd\xfc"))
    assert numbers_of(read_frames(path, [330_000])) == [10]
    path.write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_NOTHING/KNOWN"))
    with pytest.raises(ValueError, match=r"a.mkv: its codec is not known"):
        read_frames(path, [0])
    path.write_bytes(content)
    monkeypatch.setattr("photonvs.datasets.video_shown.MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(ValueError, match=r"a.mkv: frames of 64x48 pixels, more than 0 million"):
        read_frames(path, [0])


def write_grey(path, transfer, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.color_trc = transfer
        for _ in range(5):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("transfer", "options", "message"),
    [
        (16, {}, r"high dynamic range \(PQ\), .* -vf zscale=t=linear.*tonemap=.* grey-mended.mp4$"),
        (18, {}, r"high dynamic range \(HLG\), .*zscale=t=bt709:m=bt709"),
        (1, {"x264-params": "tff=1"}, "interlaced frames, .* -vf bwdif=send_frame grey-mended.mp4"),
    ],
)
def test_what_is_no_picture_of_one_time_is_refused(convert, tmp_path, transfer, options, message):
    path = tmp_path / "grey.mp4"
    write_grey(path, 1)
    assert read_frames(path, [0]).mean() == pytest.approx(130, abs=3)
    write_grey(path, transfer, **options)
    with pytest.raises(ValueError, match=f"grey.mp4: found {message}"):
        read_frames(path, [0])
    with pytest.raises(ValueError, match=f"grey.mp4: found {message}"):
        convert("--video", path, "--fps", 120, "--first-number", 0, images=None)


def test_a_turned_video_is_copied_and_read_upright(convert, tmp_path):
    path = tmp_path / "turned.mov"
    write_numbered_video(path, range(0, 512 * 40, 512), size=SIZE)
    turn(path, (-1, 0, 0, -1))
    data = convert("--video", path, *NUMBERED, images=None)
    video, _ = written(data)
    assert video.suffix == ".mov" and video.read_bytes() == path.read_bytes()
    frames = read_frames(video, extracted(data).timestamps)
    assert numbers_of(frames[:, ::-1, ::-1]) == list(range(COUNT))


@pytest.mark.parametrize("name", ["Walk.MOV", "walk.avi", "walk.m4v"])
def test_other_containers(convert, tmp_path, name):
    path = tmp_path / name
    write_numbered_video(path.with_suffix(".mkv"), range(0, 40 * 33, 33), Fraction(1, 1000), SIZE)
    path.with_suffix(".mkv").rename(path)
    data = convert("--video", path, *NUMBERED, images=None)
    video, _ = written(data)
    assert video.suffix == (".mov" if name.endswith("MOV") else ".mp4")
    assert numbers_of(read_frames(video, extracted(data).timestamps)) == list(range(COUNT))


def earlier(path, ticks):
    """Show all frames so much earlier, by the offsets in box ctts (ISO 14496-12, 8.6.1.3)."""
    content = bytearray(path.read_bytes())
    body = content.index(b"ctts") + 4
    content[body] = 1  # the version in which offsets have a sign
    for entry in range(int.from_bytes(content[body + 4 : body + 8])):
        place = slice(body + 12 + 8 * entry, body + 16 + 8 * entry)
        offset = int.from_bytes(content[place], signed=True) - ticks
        content[place] = offset.to_bytes(4, signed=True)
    path.write_bytes(content)


def test_frames_before_time_zero(convert, tmp_path, capsys):
    path = tmp_path / "early.mp4"
    write_numbered_video(path, range(0, 512 * 40, 512), size=SIZE, muxer={"use_editlist": "0"})
    earlier(path, 5 * 512)
    assert decode_all(path)[0][0] == Fraction(-1, 10)
    data = convert("--video", path, *NUMBERED, images=None)
    assert "from -0.100 to 0.267 s written" in capsys.readouterr().out
    sequence = extracted(data)  # RealEstate10K's format has no negative times
    frames = read_frames(written(data)[0], sequence.timestamps)
    assert numbers_of(frames) == list(range(COUNT))


def test_numbers_and_uneven_frames(convert, tmp_path, capsys):
    even, uneven = tmp_path / "even.mkv", tmp_path / "uneven.mkv"
    times = [33 * number + (17 if number % 7 == 3 else 0) for number in range(40)]
    write_numbered_video(even, range(0, 40 * 33, 33), Fraction(1, 1000), SIZE)
    write_numbered_video(uneven, times, Fraction(1, 1000), SIZE)
    convert("--video", even, *NUMBERED, images=None, name="even")
    assert "ms apart" not in capsys.readouterr().out
    convert("--video", uneven, *NUMBERED, images=None, name="uneven")
    said = capsys.readouterr().out
    assert "the video's frames are 16 to 50 ms apart, so numbers tell times only if" in said


def test_a_portrait_video_becomes_squares(convert, tmp_path, capsys):
    """As phones have it: wide frames that are stored, and turned when they are shown."""
    path = tmp_path / "phone.mp4"
    write_numbered_video(path, range(0, 512 * 40, 512), size=(96, 172))
    turn(path, (0, 1, -1, 0))
    poses = random_poses(5, COUNT)
    write_transforms(tmp_path / "tall.json", poses, (172, 96), fl_x=100, fl_y=100)
    data = convert("--video", path, *NUMBERED, images=None, file="tall.json")
    said = capsys.readouterr().out
    assert "video of 96x172, their frames anew as 360x360; of 96x172 pixels, 96x96 about" in said
    sequence, (times, frames) = extracted(data), decode_all(written(data)[0])
    np.testing.assert_allclose(sequence.focal_y, 100 / 96)
    assert frames.shape == (COUNT, 360, 360, 3) and len(times) == COUNT
    (whole,) = read_frames(path, [round(1e6 * 7 / 30)])
    square = whole[38:134].astype(float)
    places = np.arange(1, 360, 15)
    expected = square[places * 96 // 360][:, places * 96 // 360]
    assert np.abs(frames[7][places][:, places] - expected).mean() < 12
