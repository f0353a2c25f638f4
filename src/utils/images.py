"""Image files in, of any kind that cameras, phones and other programs write.

Whatever the file holds, it comes as 8-bit RGB, or as an error that names it. Nothing but regular
files of a bounded size is decoded.
"""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from .files import natural_order
from .optional import MissingPackage, import_optional
from .reading import check_file
from .words import one_line

IMAGE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
    ".heif",
)
# Pillow's names of what is decoded. Others never are: EPS would start another program.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")
LARGEST = 120_000_000  # pixels; larger than any camera's picture but a few, and 0.5 GB decoded
PLAIN = ("1", "L", "P", "RGB")  # Pillow's modes that every program reads alike
INSTEAD = "save the picture as JPEG"  # of an optional decoder
# What Pillow and its decoders raise for bad files.
DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)
# 16-bit values to the nearest of 256.
TO_BYTE = [(value + 128) // 257 for value in range(1 << 16)]


def is_image(path: Path) -> bool:
    """Whether a path is an image by its suffix, and a regular file.

    Hidden files are none: macOS writes ._0001.png beside 0001.png.
    """
    named = path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    return named and path.is_file()


def find_images(folder: Path) -> list[Path]:
    """The images of a folder by name, numbers in it by value; see `is_image`."""
    return sorted(filter(is_image, folder.iterdir()), key=natural_order)


def numbered_images(folder: Path) -> dict[int, list[Path]]:
    """The image files NNNN.suffix of a folder by index, each list sorted.

    No such folder is as good as an empty one.
    """
    found: dict[int, list[Path]] = {}
    for path in sorted(filter(is_image, folder.iterdir())) if folder.is_dir() else []:
        if re.fullmatch("[0-9]{4,}", path.stem):
            found.setdefault(int(path.stem), []).append(path)
    return dict(sorted(found.items()))


def open_file(path: str | Path) -> BinaryIO:
    """An image file to read from.

    Raises FileNotFoundError, ValueError for what is no regular file, and MissingPackage.
    """
    path = Path(path)
    check_file(path, "an image")
    file = path.open("rb")
    try:
        _load_decoder(file.read(12))
    except MissingPackage:
        file.close()
        raise
    file.seek(0)
    return file


def _load_decoder(head: bytes) -> None:
    """Load what decodes a file that begins so, whatever its suffix: phones' pictures get renamed.

    HEIC and AVIF files begin with a box ftyp, and the kind of file in it (ISO 14496-12, 4.3).
    """
    Image.init()
    kind = head[8:] if head[4:8] == b"ftyp" else b""
    if kind in (b"avif", b"avis"):
        if not features.check("avif"):
            raise MissingPackage("AVIF support of pillow", "heif", INSTEAD)
    elif kind:
        import_optional("pillow_heif", "heif", INSTEAD).register_heif_opener()


@contextmanager
def decoding(file: BinaryIO) -> Iterator[Image.Image]:
    """The image in an open file, its header read and its pixels not yet.

    Raises ValueError for what cannot be decoded, in the block too.
    """
    try:
        with warnings.catch_warnings():
            # LARGEST is the limit of size, and a damaged tag that nobody reads is no news.
            warnings.filterwarnings("ignore", module="PIL")
            known = [name for name in FORMATS if name in Image.OPEN]
            with Image.open(file, formats=known) as image:
                if image.width * image.height > LARGEST:
                    raise ValueError(
                        f"{image.width}x{image.height} pixels, more than {LARGEST // 10**6} million"
                    )
                yield image
    except DECODING_ERRORS as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no known format" if unknown else one_line(error)
        raise ValueError(
            f"{file.name}: cannot be read as an image ({reason}); expected a whole PNG or JPEG file"
        ) from error


def read_image(path: str | Path, upright: bool = True) -> Image.Image:
    """A picture as 8-bit RGB.

    upright: turned as its EXIF says, for viewing; else the pixels as stored. Grey, palette, CMYK
    and 16-bit pictures become 8-bit RGB, and transparent pixels white. Raises FileNotFoundError,
    or ValueError for what is no picture, is damaged, too large or holds floating-point numbers.
    """
    with open_file(path) as file, decoding(file) as image:
        return to_rgb(image, upright)


def read_frame(path: str | Path, upright: bool = True) -> np.ndarray:
    """A picture as a frame (height, width, 3) uint8; see `read_image`."""
    return np.array(read_image(path, upright))


def read_square(path: str | Path, size: int) -> np.ndarray:
    """The centre square of an upright photo as a frame (size, size, 3).

    It is resized by an antialiased bicubic filter, and untouched if it has that size already. For
    the rest see `read_image`.
    """
    image = read_image(path)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    if side != size:
        # Pillow widens the filter when it reduces.
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.array(image)


def image_size(path: str | Path, upright: bool = True) -> tuple[int, int]:
    """(height, width) of a picture in pixels, from the file's header; errors as `read_image`."""
    with open_file(path) as file, decoding(file) as image:
        return sizes_of(image)[upright]


def sizes_of(image: Image.Image) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) of a picture's stored pixels, and turned for viewing."""
    width, height = image.size
    return (height, width), (width, height) if orientation(image) > 4 else (height, width)


def orientation(image: Image.Image) -> int:
    """EXIF's number for how a picture is turned for viewing, 1 to 8; 1 is not at all."""
    value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return value if value in range(1, 9) else 1


def is_plain(image: Image.Image) -> bool:
    """Whether every program reads the same pixels from an image file, if it does not turn them."""
    return image.mode in PLAIN and not image.has_transparency_data


def to_rgb(image: Image.Image, upright: bool = True) -> Image.Image:
    """A copy as 8-bit RGB; see `read_image`."""
    if upright:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255 instead of scaling
        image = image.convert("I")
        lowest, highest = image.getextrema()
        if lowest < 0 or highest >= len(TO_BYTE):
            raise ValueError(f"values from {lowest} to {highest}, more than 16 bits")
        return image.point(TO_BYTE, "L").convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point values, whose range is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    return image.convert("RGB")
