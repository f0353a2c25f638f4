"""Folders of chunks (`chunk_files`) as a data source.

An index beside the chunks, written once, says where each image lies and holds all cameras. After
that, training reads single images, whatever the size of the chunks.
"""

import json
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..cameras.realestate10k import VideoPoses
from ..utils.files import atomic_path
from .chunk_files import Record, chunk_paths, decode, read_chunk
from .pairs import FramePairs
from .poses import load_poses, save_poses
from .video import crop_and_resize

INDEX = "photonvs-index"  # folder beside the chunks
FORMAT = 1  # of the index
PLACE_TYPE = np.dtype([("chunk", "<i4"), ("offset", "<i8"), ("size", "<i4")])


class ChunkIndex:
    """The chunks of a folder with their index, which is made anew when the chunks have changed.

    `poses` holds the cameras of all sequences (`PoseFile`). A copy sent to another process opens
    the files again.
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

    def __reduce__(self) -> tuple:
        return ChunkIndex, (self.folder,)

    def read(self, number: int, frames: list[int]) -> list[np.ndarray]:
        """Images (height, width, 3) uint8 of a sequence's poses, by their numbers.

        Raises ValueError or OSError.
        """
        images = []
        for frame in frames:
            chunk, offset, size = self._places[self._starts[number] + frame].tolist()
            path = self.folder / self.names[chunk]
            try:
                encoded = np.fromfile(path, np.uint8, size, offset=offset)
                images.append(decode(encoded))
            except ValueError as error:
                where = f"sequence {self.poses.id_of(number)}, frame {frame}"
                raise ValueError(f"{path}: {where}: {error}") from error
        return images


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

    def read(
        self, timestamps: Iterable[int], prepare: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> np.ndarray:
        """The frames of poses, (n, height, width, 3) uint8; raises ValueError or OSError.

        prepare: as of `VideoReader.read`.
        """
        frames = []
        for time in timestamps:
            number, frame = self._places[int(time)]
            (pixels,) = self._chunks.read(number, [frame])
            frames.append(pixels if prepare is None else prepare(pixels))
        return np.stack(frames)


def chunk_videos(folder: str | Path) -> dict[str, Callable[[], ChunkVideo]]:
    """What opens each video of a folder of chunks."""
    chunks, numbers = ChunkIndex(folder), defaultdict(list)
    for number, video in enumerate(chunks.poses.videos()):
        numbers[video].append(number)
    return {video: partial(ChunkVideo, chunks, own) for video, own in numbers.items()}
