"""Reading photos of any kind as square frames; PNG, video and contact sheet."""

import av
import numpy as np
import pytest
import torch
from PIL import Image

from photonvs.utils.pictures import (
    read_frame,
    read_square,
    to_frame,
    to_tensor,
    write_contact_sheet,
    write_png,
    write_video,
)


def noise_frame(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_right_size_is_untouched(tmp_path):
    frame = noise_frame(16, 16)
    write_png(tmp_path / "a.png", frame)
    np.testing.assert_array_equal(read_square(tmp_path / "a.png", 16), frame)


@pytest.mark.parametrize("shape", [(16, 31), (40, 16)])
def test_centre_square_is_cut_out(tmp_path, shape):
    frame = noise_frame(*shape)
    write_png(tmp_path / "a.png", frame)
    top, left = (shape[0] - 16) // 2, (shape[1] - 16) // 2
    np.testing.assert_array_equal(
        read_square(tmp_path / "a.png", 16), frame[top : top + 16, left : left + 16]
    )


def test_reduction_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    write_png(tmp_path / "a.png", stripes)
    reduced = read_square(tmp_path / "a.png", 16)[:, 2:-2]
    # Without a wider filter, stripes stay black or white.
    assert abs(reduced.astype(float) - 127.5).max() < 8


def test_enlargement_keeps_a_ramp(tmp_path):
    ramp = np.repeat(np.linspace(0, 248, 32).astype(np.uint8)[None, :, None], 32, axis=0).repeat(
        3, axis=2
    )
    write_png(tmp_path / "a.png", ramp)
    enlarged = read_square(tmp_path / "a.png", 64)[32, 4:-4, 0].astype(float)
    expected = (np.arange(64)[4:-4] + 0.5) / 2 * 8 - 4
    assert abs(enlarged - expected).max() < 1.5


def test_camera_orientation_is_applied(tmp_path):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8] = 255  # bright sky
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise for viewing
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_square(tmp_path / "a.png", 16), upright)


def test_grey_palette_and_transparent_pictures(tmp_path):
    grey = noise_frame(16, 16)[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(
        read_square(tmp_path / "grey.png", 16), np.stack([grey] * 3, axis=-1)
    )
    colours = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
    palette = Image.fromarray(grey).convert("P")
    palette.putpalette(colours.tobytes())
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_square(tmp_path / "palette.png", 16), colours[grey])
    half = np.zeros((16, 16, 4), np.uint8)
    half[:8, :, 3] = 255  # opaque black above, transparent below
    Image.fromarray(half).save(tmp_path / "alpha.png")
    frame = read_square(tmp_path / "alpha.png", 16)
    assert (frame[:8] == 0).all() and (frame[8:] == 255).all()


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_square(tmp_path / "a.png", 16)[..., 0].ravel(), np.arange(256)
    )


@pytest.mark.parametrize("content", [b"", b"not a picture", "cut"])
def test_bad_files_are_named(tmp_path, content):
    path = tmp_path / "a.png"
    if content == "cut":
        write_png(path, noise_frame(64, 64))
        content = path.read_bytes()[:2000]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png cannot be read .* expected a whole PNG or JPEG"):
        read_square(path, 16)


def test_floating_point_and_missing_pictures(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match="floating-point"):
        read_square(tmp_path / "a.tiff", 4)
    with pytest.raises(FileNotFoundError):
        read_square(tmp_path / "none.png", 4)


def test_tensor_and_back():
    frame = noise_frame(5, 7)
    tensor = to_tensor(frame)
    assert tensor.shape == (1, 3, 5, 7)
    torch.testing.assert_close(
        tensor[0, 1, 2, 3].item(), frame[2, 3, 1] / 127.5 - 1, rtol=1e-6, atol=1e-6
    )
    np.testing.assert_array_equal(to_frame(tensor), frame)
    assert to_frame(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)).tolist() == [
        [[0] * 3, [255] * 3]
    ]


@pytest.mark.parametrize(("size", "expected"), [(16, 256), (100, 300), (257, 258)])
def test_video_plays(tmp_path, size, expected):
    frames = [np.full((size, size, 3), level, np.uint8) for level in (40, 120, 200)]
    write_video(tmp_path / "a.mp4", frames, 12.5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, float(stream.average_rate)) == (
            expected,
            expected,
            12.5,
        )
        levels = [
            picture.to_ndarray(format="rgb24").mean() for picture in container.decode(video=0)
        ]
    np.testing.assert_allclose(levels, [40, 120, 200], atol=3)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_contact_sheet_holds_every_frame_in_order(tmp_path):
    frames = [np.full((100, 100, 3), 40 * number, np.uint8) for number in range(5)]
    write_contact_sheet(
        tmp_path / "a.png", frames, [f"{number:04d}" for number in range(5)], [True] + [False] * 4
    )
    sheet = read_frame(tmp_path / "a.png")
    height, width = sheet.shape[0] // 2, sheet.shape[1] // 3  # five tiles: two rows, three columns
    for number in range(5):
        tile = sheet[number // 3 * height :][:height, number % 3 * width :][:, :width]
        assert (tile[20:90, 20:90] == 40 * number).all()
        assert (tile[104:] < 128).any(axis=-1).any()  # the caption
    assert (sheet[:height, :width] == (255, 140, 0)).all(axis=-1).any()  # the mark
    assert not (sheet[:, width:] == (255, 140, 0)).all(axis=-1).any()
