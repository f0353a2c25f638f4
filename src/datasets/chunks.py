"""Folders of chunks (`chunk_files`) as a data source.

An index beside the chunks, written once, says where each image lies and holds all cameras. After
that, training reads single images, whatever the size of the chunks.
"""

import json
import math
import shutil
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..cameras.realestate10k import VideoPoses
from ..utils.arrays import read_array
from ..utils.files import atomic_path, sweep, temporary_beside, write_text
from ..utils.json_files import read_json
from ..utils.leases import lease
from ..utils.progress import progress_bar
from ..utils.reading import MEGABYTE
from .chunk_files import Record, chunk_paths, decode, read_chunk
from .pairs import FramePairs
from .poses import load_poses, save_poses
from .video import crop_and_resize

INDEX = "photonvs-index"  # folder beside the chunks
IMAGE_BYTES = 100 * MEGABYTE  # more than any image of a chunk has
FORMAT = 2  # of the index
# Of an image: the number of its chunk, where its bytes lie there, and their CRC-32.
PLACE_TYPE = np.dtype([("chunk", "<i4"), ("offset", "<i8"), ("size", "<i4"), ("checksum", "<u4")])


class ChunkIndex:
    """The chunks of a folder with their index, which is made anew when the chunks have changed.

    `poses` holds the cameras of all sequences (`PoseFile`). A copy sent to another process opens
    the files again.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        chunks = [[path.name, path.stat().st_size] for path in chunk_paths(folder)]
        if not self._open(chunks):
            with lease(self.folder / INDEX, wait=math.inf):
                if not self._open(chunks):  # else another process was quicker
                    _write_index(self.folder, chunks)
                    self._open(chunks)
        self.names = [name for name, _ in chunks]
        self._starts = np.cumsum([0, *self.poses.lengths()])

    def __reduce__(self) -> tuple:
        return ChunkIndex, (self.folder,)

    def _open(self, chunks: list[list]) -> bool:
        """Open the index; False if it is not there, is damaged, or is of other chunks."""
        index = self.folder / INDEX
        if _indexed(index) != chunks:
            return False
        try:
            self.poses = load_poses(index / "poses.npy")
            self._places = read_array(index / "images.npy", mapped=True)
        except (OSError, ValueError):
            return False
        shape = (int(self.poses.lengths().sum()),)
        return self._places.dtype == PLACE_TYPE and self._places.shape == shape

    def read(self, number: int, frames: list[int]) -> list[np.ndarray]:
        """Images (height, width, 3) uint8 of a sequence's poses, by their numbers.

        Raises ValueError or OSError.
        """
        images = []
        for frame in frames:
            chunk, *place = self._places[self._starts[number] + frame].tolist()
            if not (0 <= chunk < len(self.names) and min(place) >= 0 and place[1] < IMAGE_BYTES):
                raise ValueError(f"{self.folder / INDEX}: damaged; delete it, it is made again")
            path = self.folder / self.names[chunk]
            try:
                images.append(decode(_read_bytes(path, *place)))
            except (ValueError, OSError) as error:
                where = f"sequence {self.poses.id_of(number)}, frame {frame}"
                raise ValueError(f"{path}: {where}: {error}") from error
        return images


def _read_bytes(path: Path, offset: int, size: int, checksum: int) -> np.ndarray:
    """A part of a file, (size,) uint8; raises ValueError for one that has changed."""
    found = np.fromfile(path, np.uint8, size, offset=offset)
    if zlib.crc32(found) != checksum:
        raise ValueError(
            "its bytes have changed since the index was made; copy the chunk again, or delete "
            f"{INDEX}"
        )
    return found


def poses_path(folder: str | Path) -> Path:
    """The poses file of a folder of chunks; makes the index if need be."""
    return ChunkIndex(folder).poses.path


def _indexed(index: Path) -> list | None:
    """Names and sizes of the chunks that an index is of; None: there is none of this format."""
    try:
        manifest = read_json(index / "chunks.json")
        return manifest["chunks"] if manifest["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_index(folder: Path, chunks: list[list]) -> None:
    """Read the cameras of all chunks and write the index, whole or not at all."""
    sweep(folder, INDEX, age=0)  # of a process that was killed
    records: dict[str, tuple[int, Record]] = {}
    with progress_bar(len(chunks), f"indexing {folder}", " chunks") as bar:
        for number, (name, _) in enumerate(chunks):
            for record in read_chunk(folder / name):
                if record.key in records:
                    other = chunks[records[record.key][0]][0]
                    raise ValueError(f"{folder}: sequence {record.key} is in {other} and in {name}")
                if len(record.sequence) > 1:
                    records[record.key] = number, record
            bar.update()
    new = temporary_beside(folder / INDEX)
    try:
        save_poses(
            new / "poses.npy", {key: record.sequence for key, (_, record) in records.items()}
        )
        places = [
            (number, image.offset, image.size, image.checksum)
            for number, record in (records[key] for key in sorted(records, key=str.encode))
            for image in record.images
        ]
        with atomic_path(new / "images.npy") as temporary:
            np.save(temporary, np.array(places, PLACE_TYPE))
        write_text(new / "chunks.json", json.dumps({"format": FORMAT, "chunks": chunks}))
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
    """The frames of a video in chunks, by time, as `VideoReader` gives those of a file.

    numbers: of its sequences.
    """

    def __init__(self, chunks: ChunkIndex, numbers: list[int]) -> None:
        self._chunks = chunks
        self._places = {
            time: (number, frame)
            for number in numbers
            for frame, time in enumerate(chunks.poses.sequence(number).timestamps.tolist())
        }

    def times(self) -> list[int]:
        """The times of all its frames in order, microseconds."""
        return sorted(self._places)

    def read(self, timestamps: Iterable[int], prepare: Callable = np.asarray) -> np.ndarray:
        """The frames of poses, (n, height, width, 3) uint8; raises ValueError or OSError.

        prepare: as of `VideoReader.read`.
        """
        frames = []
        for time in timestamps:
            number, frame = self._places[int(time)]
            (pixels,) = self._chunks.read(number, [frame])
            frames.append(prepare(pixels))
        return np.stack(frames)


def chunk_videos(folder: str | Path) -> dict[str, Callable[[], ChunkVideo]]:
    """What opens each video of a folder of chunks."""
    chunks, numbers = ChunkIndex(folder), defaultdict(list)
    for number, video in enumerate(chunks.poses.videos()):
        numbers[video].append(number)
    return {video: partial(ChunkVideo, chunks, own) for video, own in numbers.items()}
