"""Reading pictures of any kind, whole or as square frames."""

import os
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from test_pictures import noise_frame

from photonvs.utils.images import find_images, image_size, read_frame, read_square
from photonvs.utils.optional import MissingPackage
from photonvs.utils.pictures import write_png


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
    with pytest.raises(ValueError, match=r"a\.png: cannot be read .* expected a whole PNG or JPEG"):
        read_square(path, 16)


def test_floating_point_and_missing_pictures(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match="floating-point"):
        read_square(tmp_path / "a.tiff", 4)
    with pytest.raises(FileNotFoundError):
        read_square(tmp_path / "none.png", 4)


def smooth_frame(height=32, width=48):
    """A picture that lossy formats keep nearly as it is."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return (255 * np.stack([x, y, 1 - x], axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_for_viewing_or_not(tmp_path, orientation):
    """EXIF's eight orientations, by where they put the first row and column (TIFF 6.0, p. 36)."""
    shown = smooth_frame()
    stored = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.transpose(1, 0, 2),
        6: np.rot90(shown),
        7: shown[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(shown, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read_frame(path), shown)
    np.testing.assert_array_equal(read_frame(path, upright=False), stored)
    assert image_size(path) == shown.shape[:2]
    assert image_size(path, upright=False) == stored.shape[:2]


@pytest.mark.parametrize("name", ["a.heic", "a.HEIF", "a.avif"])
def test_pictures_of_phones(tmp_path, name):
    frame = smooth_frame()
    if name != "a.avif":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(frame).save(tmp_path / name, quality=95)
    assert abs(read_frame(tmp_path / name).astype(int) - frame).max() < 12
    (tmp_path / name).rename(tmp_path / "renamed.jpg")
    assert abs(read_frame(tmp_path / "renamed.jpg").astype(int) - frame).max() < 12


def test_a_missing_decoder_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingPackage, match=r'pillow-heif .* pip install "photonvs\[heif\]", or'):
        read_frame(tmp_path / "a.jpg")


def test_cmyk_and_other_sixteen_bits(tmp_path):
    frame = smooth_frame()
    Image.fromarray(frame).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert abs(read_frame(tmp_path / "a.jpg").astype(int) - frame).max() < 12
    values = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(values).save(tmp_path / "a.tiff")
    Image.fromarray(values.astype(np.int32), "I").save(tmp_path / "wide.tiff")
    for name in ("a.tiff", "wide.tiff"):
        np.testing.assert_array_equal(read_frame(tmp_path / name)[..., 1].ravel(), np.arange(256))
    Image.fromarray(values.astype(np.int32) + 1, "I").save(tmp_path / "deep.tiff")
    with pytest.raises(ValueError, match="deep.tiff: .*values from 1 to 65536, more than 16 bits"):
        read_frame(tmp_path / "deep.tiff")


def test_which_files_are_images(tmp_path):
    for name in ("b10.PNG", "b9.jpg", "._b9.jpg", ".b8.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert [path.name for path in find_images(tmp_path)] == ["b9.jpg", "b10.PNG"]
    for path in (tmp_path / "pipe.png", "/dev/null"):
        with pytest.raises(ValueError, match=f"{path}: no regular file; expected an image"):
            read_frame(path)
    with pytest.raises(ValueError, match="folder.png: a folder; expected an image"):
        read_frame(tmp_path / "folder.png")


def png_of(width, height):
    """A small PNG file that claims to be so large, and is that large when it is unpacked."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_too_large_pictures_are_refused_before_they_are_decoded(tmp_path):
    (tmp_path / "fair.png").write_bytes(png_of(400, 300))
    assert read_frame(tmp_path / "fair.png").shape == (300, 400, 3)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(20_000, 6_001))
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bomb.png: .*20000x6001 pixels, more than 120 million"):
        read_frame(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_no_other_program_is_started_for_a_picture(tmp_path):
    """Pillow would hand EPS, by its content, to Ghostscript."""
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    with pytest.raises(ValueError, match=r"a\.png: .*no known format"):
        read_frame(tmp_path / "a.png")
