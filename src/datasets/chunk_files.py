"""Files of many sequences, as pixelSplat's preprocessed RealEstate10K has them.

A chunk is a file of torch.save: a list of dicts with `key` (the sequence's id), `url`, `timestamps`
(n,) int64 microseconds, `cameras` (n, 18) float32 (a line of RealEstate10K's text without its time)
and `images`, n uint8 tensors, each a JPEG.
"""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..cameras.geometry import check_training_cameras, from_realestate10k, to_realestate10k
from ..cameras.realestate10k import VideoPoses, video_name
from ..utils.files import atomic_path, write_text
from ..utils.identifiers import check_identifier
from ..utils.reading import check_file
from ..utils.tensor_places import TensorPlace, locate_tensors

SQUARE = 0.02  # how far a pixel's width may be from its height, relative
MOST_PIXELS = 1 << 26  # of an image, before it is decoded
CANNOT_BE_DECODED = "an image cannot be decoded"
QUALITY = 95  # of the JPEGs that are written


class Record(NamedTuple):
    """A sequence of a chunk: its id, its poses in time order, and where the image of each lies."""

    key: str
    sequence: VideoPoses
    images: list[TensorPlace]


# --- Writing ---


def encode_jpeg(image: np.ndarray, quality: int = QUALITY) -> Tensor:
    """An image (height, width, 3) uint8 RGB as a JPEG with full colour resolution, uint8 (n,).

    quality: from 1 to 100.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)
    return torch.from_numpy(encoded.reshape(-1).copy())


def make_record(
    key: str,
    url: str,
    timestamps: np.ndarray,
    poses: np.ndarray,
    lens: Sequence[float] | np.ndarray,
    images: Iterable[np.ndarray],
    quality: int = QUALITY,
) -> dict[str, object]:
    """One entry of a chunk.

    timestamps: (n,) microseconds. poses: (n, 4, 4) camera-to-world. lens: focal_x, focal_y,
    principal_x, principal_y as fractions of the frame, (4,) or (n, 4). quality: of the JPEGs.
    """
    cameras = np.zeros((len(poses), 18))
    cameras[:, :4] = lens
    cameras[:, 6:] = to_realestate10k(poses).reshape(-1, 12)
    return {
        "url": url,
        "timestamps": torch.from_numpy(np.array(timestamps, np.int64)),
        "cameras": torch.from_numpy(cameras.astype(np.float32)),
        "images": [encode_jpeg(image, quality) for image in images],
        "key": key,
    }


def save_chunk(path: Path, records: list[dict[str, object]]) -> None:
    """Write a chunk, whole or not at all; the same records give the same bytes."""
    # torch.save puts a file's name into the archive, and hides what the system says of a full disk.
    content = io.BytesIO()
    torch.save(records, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def save_table(folder: Path, places: dict[str, str]) -> None:
    """Write index.json, in which others' loaders look up the chunk of a sequence, by its id."""
    write_text(folder / "index.json", json.dumps(places))


# --- Reading ---


def chunk_paths(folder: str | Path) -> list[Path]:
    """The chunks of a folder by name; raises FileNotFoundError if there is none."""
    folder = Path(folder)
    paths = sorted(folder.glob("[!.]*.torch"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no chunks there; expected a folder of .torch files")
    return paths


def has_chunks(folder: str | Path) -> bool:
    """Whether a folder holds a chunk."""
    return any(Path(folder).glob("[!.]*.torch"))


def read_chunk(path: Path) -> list[Record]:
    """The sequences of a chunk; the images are not read.

    Raises ValueError naming file and sequence.
    """
    check_file(path, "a chunk")
    content = locate_tensors(path)
    if not isinstance(content, list):
        raise ValueError(f"{path}: not a chunk: expected a list of sequences")
    records = []
    with path.open("rb") as file:
        for number, entry in enumerate(content):
            name = entry.get("key") if isinstance(entry, dict) else None
            try:
                records.append(_record(entry, file))
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                what = f"it has no {error}" if isinstance(error, KeyError) else error
                raise ValueError(f"{path}: sequence {name or number}: {what}") from error
    return records


def _record(entry: dict[str, object], file: BinaryIO) -> Record:
    key, images = entry["key"], list(entry["images"])
    check_identifier(key, "key")
    timestamps, cameras = (entry[name].read(file) for name in ("timestamps", "cameras"))
    count = len(timestamps)
    if timestamps.shape != (count,) or cameras.shape != (count, 18) or len(images) != count:
        raise ValueError(
            f"{len(images)} images, timestamps {timestamps.shape}, cameras {cameras.shape}: "
            "expected n, (n,) and (n, 18)"
        )
    if any(image.dtype != np.uint8 or len(image.shape) != 1 for image in images):
        raise ValueError("its images are not the bytes of image files")
    cameras = cameras.astype(np.float64)
    rotations = cameras[:, 6:].reshape(-1, 3, 4)[..., :3]
    error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(initial=0)
    if not np.isfinite(cameras).all() or error > 1e-3:
        raise ValueError("a camera is not finite or has no rotation")
    check_training_cameras(cameras[:, :2], cameras[:, 2:])
    order = np.argsort(timestamps, kind="stable")
    poses = from_realestate10k(cameras[:, 6:].reshape(-1, 3, 4))[order, :3]
    times = timestamps[order].astype(np.int64)
    sequence = VideoPoses(video_name(str(entry["url"])), times, *cameras[order, :4].T, poses)
    if count:
        _check_shape(images[0], sequence, file)
    return Record(key, sequence, [images[number].summed(file) for number in order])


def _check_shape(image: TensorPlace, sequence: VideoPoses, file: BinaryIO) -> None:
    """`check_square_pixels` of a sequence, by its first frame."""
    height, width = decode(image.read(file)).shape[:2]
    check_square_pixels(width, height, sequence)


def check_square_pixels(width: int, height: int, sequence: VideoPoses) -> None:
    """Raise ValueError for frames that were squashed: their pixels are not square by the camera."""
    ratio = sequence.focal_x[0] * width / (sequence.focal_y[0] * height)
    if abs(ratio - 1) > SQUARE:
        raise ValueError(
            f"its frames of {width}x{height} pixels are squashed: the focal lengths say that a "
            f"pixel is {ratio:.3g} times as high as wide"
        )


def decode(encoded: np.ndarray) -> np.ndarray:
    """The bytes of an image file as (height, width, 3) uint8 RGB, the pixels as stored.

    ValueError if they are none, or one of more than `MOST_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as header:
            pixels = header.width * header.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(CANNOT_BE_DECODED) from error
    if pixels > MOST_PIXELS:
        raise ValueError(f"an image of {pixels} pixels; expected {MOST_PIXELS} at most")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(encoded, flags)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(CANNOT_BE_DECODED)
    return np.ascontiguousarray(image[..., ::-1])
