"""Chunks: many sequences in one file, as pixelSplat's preprocessed RealEstate10K has them; read, indexed and written.

A chunk is a file of torch.save: a list of dicts with `key` (the sequence's id), `url`, `timestamps` (n,) int64 microseconds,
`cameras` (n, 18) float32 (a line of RealEstate10K's text without its time) and `images`, n uint8 tensors, each a JPEG.
An index beside the chunks, written once, says where each image lies; after that, training reads images alone.
"""

import json
import os
import secrets
import shutil
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..cameras.geometry import from_realestate10k, to_realestate10k
from ..cameras.realestate10k import VideoPoses, video_name
from ..utils.files import atomic_path
from ..utils.tensor_places import TensorPlace, locate_tensors
from .pairs import FramePairs
from .poses import load_poses, save_poses
from .video import crop_and_resize

INDEX = "photonvs-index"  # folder beside the chunks
FORMAT = 1  # of the index
PLACE_TYPE = np.dtype([("chunk", "<i4"), ("offset", "<i8"), ("size", "<i4")])
OPEN_FILES = 32  # a process keeps so many chunks open
SQUARE = 0.02  # how far a pixel's width may be from its height, relative
QUALITY = 95  # of the JPEGs that are written


class Record(NamedTuple):
    """A sequence of a chunk: its id, its poses in time order, and where the image of each lies."""

    key: str
    sequence: VideoPoses
    images: list[TensorPlace]


# --- Writing ---


def encode_jpeg(image: np.ndarray) -> Tensor:
    """An image (height, width, 3) uint8 RGB as the bytes of a JPEG with full colour resolution, uint8 (n,)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)
    return torch.from_numpy(encoded.reshape(-1).copy())


def make_record(
    key: str,
    url: str,
    timestamps: np.ndarray,
    poses: np.ndarray,
    focal: tuple[float, float],
    images: Iterable[np.ndarray],
) -> dict[str, object]:
    """One entry of a chunk. timestamps: (n,) microseconds; poses: (n, 4, 4) camera-to-world; focal: (x, y) fractions."""
    cameras = np.zeros((len(poses), 18))
    cameras[:, :4] = *focal, 0.5, 0.5
    cameras[:, 6:] = to_realestate10k(poses).reshape(-1, 12)
    return {
        "url": url,
        "timestamps": torch.from_numpy(np.asarray(timestamps, np.int64)),
        "cameras": torch.from_numpy(cameras.astype(np.float32)),
        "images": [encode_jpeg(image) for image in images],
        "key": key,
    }


def save_chunk(path: Path, records: list[dict[str, object]]) -> None:
    """Write a chunk, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save(records, temporary)


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
    """The sequences of a chunk; the images are not read. Raises ValueError naming file and sequence."""
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
    if not isinstance(key, str):
        raise ValueError(f"its key is {key!r}, expected text")
    timestamps, cameras = (entry[name].read(file) for name in ("timestamps", "cameras"))
    count = len(timestamps)
    if timestamps.shape != (count,) or cameras.shape != (count, 18) or len(images) != count:
        raise ValueError(
            f"{len(images)} images, timestamps {timestamps.shape}, cameras {cameras.shape}: expected "
            "n, (n,) and (n, 18)"
        )
    if any(image.dtype != np.uint8 or len(image.shape) != 1 for image in images):
        raise ValueError("its images are not the bytes of image files")
    cameras = cameras.astype(np.float64)
    rotations = cameras[:, 6:].reshape(-1, 3, 4)[..., :3]
    error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(initial=0)
    if not np.isfinite(cameras).all() or error > 1e-3 or (cameras[:, :2] <= 0).any():
        raise ValueError("a camera is not finite, has no rotation or no focal length above 0")
    order = np.argsort(timestamps, kind="stable")
    poses = from_realestate10k(cameras[:, 6:].reshape(-1, 3, 4))[order, :3]
    times = timestamps[order].astype(np.int64)
    sequence = VideoPoses(video_name(str(entry["url"])), times, *cameras[order, :4].T, poses)
    if count:
        _check_shape(images[0], sequence, file)
    return Record(key, sequence, [images[number] for number in order])


def _check_shape(image: TensorPlace, sequence: VideoPoses, file: BinaryIO) -> None:
    """Raise ValueError for frames that were squashed: their pixels are not square by the camera."""
    height, width = decode(image.read(file)).shape[:2]
    ratio = sequence.focal_x[0] * width / (sequence.focal_y[0] * height)
    if abs(ratio - 1) > SQUARE:
        raise ValueError(
            f"its frames of {width}x{height} pixels are squashed: the focal lengths say that a pixel is "
            f"{ratio:.3g} times as high as wide"
        )


def decode(encoded: np.ndarray) -> np.ndarray:
    """The bytes of an image file as (height, width, 3) uint8 RGB, the pixels as stored; ValueError if they are none."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(encoded, flags) if encoded.size else None
    if image is None:
        raise ValueError("an image cannot be decoded")
    return np.ascontiguousarray(image[..., ::-1])


# --- The index ---


class ChunkIndex:
    """The chunks of a folder with their index, which is made if it is not there or the chunks have changed.

    `poses` holds the cameras of all sequences (`PoseFile`). A copy sent to another process opens the files again.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        chunks = [[path.name, path.stat().st_size] for path in chunk_paths(folder)]
        if _indexed(self.folder / INDEX) != chunks:
            _write_index(self.folder, chunks)
        self.names = [name for name, _ in chunks]
        self.poses = load_poses(self.folder / INDEX / "poses.npy")
        self._places = np.load(
            self.folder / INDEX / "images.npy", mmap_mode="r", allow_pickle=False
        )
        self._starts = np.cumsum([0, *self.poses.lengths()])
        self._files: OrderedDict[int, BinaryIO] = OrderedDict()

    def __reduce__(self) -> tuple:
        return ChunkIndex, (self.folder,)

    def read(self, number: int, frames: list[int]) -> list[np.ndarray]:
        """Images (height, width, 3) uint8 of a sequence's poses, by their numbers; raises ValueError or OSError."""
        images = []
        for frame in frames:
            chunk, offset, size = self._places[self._starts[number] + frame].tolist()
            try:
                encoded = os.pread(self._file(chunk).fileno(), size, offset)
                images.append(decode(np.frombuffer(encoded, np.uint8)))
            except ValueError as error:
                where = f"{self.folder / self.names[chunk]}: sequence {self.poses.id_of(number)}"
                raise ValueError(f"{where}, frame {frame}: {error}") from error
        return images

    def _file(self, chunk: int) -> BinaryIO:
        if chunk not in self._files:
            self._files[chunk] = (self.folder / self.names[chunk]).open("rb")
            if len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(chunk)
        return self._files[chunk]


def poses_path(folder: str | Path) -> Path:
    """The poses file of a folder of chunks; makes the index if need be."""
    return ChunkIndex(folder).poses.path


def _indexed(index: Path) -> list | None:
    """Names and sizes of the chunks that an index is of; None: there is none of this format."""
    try:
        manifest = json.loads((index / "chunks.json").read_text())
        return manifest["chunks"] if manifest["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_index(folder: Path, chunks: list[list]) -> None:
    """Read the cameras of all chunks and write the index, whole or not at all."""
    records: dict[str, tuple[int, Record]] = {}
    for number, (name, _) in enumerate(tqdm(chunks, unit=" chunks", desc=f"indexing {folder}")):
        for record in read_chunk(folder / name):
            if record.key in records:
                other = chunks[records[record.key][0]][0]
                raise ValueError(f"{folder}: sequence {record.key} is in {other} and in {name}")
            if len(record.sequence) > 1:
                records[record.key] = number, record
    new = folder / f".{INDEX}-{secrets.token_hex(4)}"
    try:
        save_poses(
            new / "poses.npy", {key: record.sequence for key, (_, record) in records.items()}
        )
        places = [
            (number, image.offset, image.size)
            for number, record in (records[key] for key in sorted(records, key=str.encode))
            for image in record.images
        ]
        with atomic_path(new / "images.npy") as temporary:
            np.save(temporary, np.array(places, PLACE_TYPE))
        (new / "chunks.json").write_text(json.dumps({"format": FORMAT, "chunks": chunks}))
        if _indexed(folder / INDEX) != chunks:  # else another process was quicker
            shutil.rmtree(folder / INDEX, ignore_errors=True)
            new.rename(folder / INDEX)
    finally:
        shutil.rmtree(new, ignore_errors=True)


# --- Training data ---


class ChunkPairDataset(FramePairs):
    """Pairs read from chunks: `target_image`, `cond_image` uint8 (3, image_size, image_size)."""

    stored_as = "chunks"

    def __init__(
        self, folder: str | Path, image_size: int, seed: int = 0, max_gap: int | None = None
    ) -> None:
        self.image_size, self._chunks = image_size, ChunkIndex(folder)
        poses = self._chunks.poses
        super().__init__(poses, np.ones(len(poses), bool), Path(folder), seed, max_gap)

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The frames' centre squares, (n, 3, image_size, image_size) uint8."""
        images = [
            crop_and_resize(image[None], self.image_size)[0]
            for image in self._chunks.read(number, frames)
        ]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


class ChunkVideo:
    """The frames of a video in chunks, by time, as `VideoReader` gives those of a file. numbers: of its sequences."""

    def __init__(self, chunks: ChunkIndex, numbers: list[int]) -> None:
        self._chunks = chunks
        self._places = {
            time: (number, frame)
            for number in numbers
            for frame, time in enumerate(chunks.poses.sequence(number).timestamps.tolist())
        }

    def read(self, timestamps: Iterable[int]) -> np.ndarray:
        """The frames of poses, (n, height, width, 3) uint8; raises ValueError or OSError."""
        places = [self._places[int(time)] for time in timestamps]
        return np.stack([self._chunks.read(number, [frame])[0] for number, frame in places])


def chunk_videos(folder: str | Path) -> dict[str, Callable[[], ChunkVideo]]:
    """What opens each video of a folder of chunks."""
    chunks, numbers = ChunkIndex(folder), defaultdict(list)
    for number, video in enumerate(chunks.poses.videos()):
        numbers[video].append(number)
    return {video: partial(ChunkVideo, chunks, own) for video, own in numbers.items()}
