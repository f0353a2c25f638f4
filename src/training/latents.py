"""Encoding all frames of a data set once with the frozen first stage, for training from latents.

The cache's format is in `datasets.latents`. Videos are decoded by the DataLoader's workers, each
video by one of them from its start to its end, and encoded here.
"""

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..config import Config, DataConfig
from ..datasets.chunks import ChunkVideo, chunk_videos
from ..datasets.latents import (
    SHARD_BYTES,
    LatentCache,
    create_cache,
    describe,
    first_stage_fingerprint,
)
from ..datasets.poses import PoseFile, load_poses
from ..datasets.sources import poses_of
from ..datasets.video import crop_and_resize, find_videos
from ..datasets.video_reader import VideoReader
from ..utils.distributed import device_of
from ..utils.files import atomic_path, from_base, sweep
from ..utils.leases import lease
from ..utils.pictures import from_bytes
from ..utils.precision import autocast, check_precision
from ..utils.progress import progress_bar
from .loading import in_shared_memory, loaded

log = logging.getLogger(__name__)

CHUNK = 64  # frames decoded and encoded together; what a damaged place in a video costs at most


@dataclass
class Encoded:
    """What one run did."""

    frames: int = 0  # written, those that could not be read among them
    missing: Counter[str] = field(default_factory=Counter)  # of them not readable, by video
    skipped: int = 0  # shards that were there already


Openers = Mapping[str, Callable[[], VideoReader | ChunkVideo]]  # by video


def open_videos(data: DataConfig) -> Openers:
    """What opens each video of the training data, be it a file or frames in chunks."""
    if data.chunks is not None:
        return chunk_videos(from_base(data.chunks))
    paths = find_videos(from_base(data.videos))
    return {name: partial(VideoReader, path) for name, path in paths.items()}


def encode_latents(
    config: Config,
    folder: Path,
    first_stage: nn.Module,
    part: tuple[int, int] = (1, 1),
    precision: str = "float32",
    shard_bytes: int = SHARD_BYTES,
    progress: bool = True,
) -> Encoded:
    """Write what is absent of part i of n (1 <= i <= n), every n-th shard, of a cache in `folder`.

    first_stage: on the device that shall encode. precision: of its arithmetic, float32, bfloat16 or
    float16. progress: show it on standard error. A frame that cannot be read is marked and counted.
    The first part says which videos are left out. Raises ValueError or FileNotFoundError for a
    folder, poses or videos that do not fit. Raises ValueError, too, when it comes to a shard that
    another process writes.
    """
    encode = Encoder(first_stage, precision)
    poses, videos = load_poses(poses_of(config.data)), open_videos(config.data)
    shape = first_stage.config.latent_shape
    made_of = describe(poses.path, first_stage_fingerprint(first_stage)) | {"precision": precision}
    shard_frames = max(1, shard_bytes // (2 * math.prod(shape)))  # two bytes a number
    cache = create_cache(folder, poses, videos.keys(), shard_frames, made_of)
    if part[0] == 1:
        _report_videos(cache, poses, videos)
    wanted = range(part[0] - 1, cache.shards, part[1])
    todo = [shard for shard in wanted if not cache.path(shard).is_file()]
    frames = cache.frames(poses.lengths())
    done = Encoded(skipped=len(wanted) - len(todo))
    with (
        logging_redirect_tqdm(),
        progress_bar(int(frames[todo].sum()), "encoding", " frames", enabled=progress) as bar,
    ):
        for shard in todo:
            sequences = np.flatnonzero(cache.index["shard"] == shard)
            source = ShardFrames(poses, cache.index["start"], sequences, videos, config)
            rows, path = int(frames[shard]), cache.path(shard)
            with lease(path):
                if path.is_file():  # another process was quicker
                    done.skipped += 1
                    continue
                sweep(folder, path.name, age=0)  # of a run that was killed
                with atomic_path(path) as temporary:
                    missing = _write_shard(temporary, (rows, *shape), source, encode, bar)
                    cache.note_missing(shard, missing)
            done.frames += rows
            done.missing += missing
    return done


class Chunk(NamedTuple):
    """Frames of one video, or why they cannot be read."""

    video: str
    rows: Tensor  # (n,) int64, of the shard
    images: Tensor  # (n, 3, S, S) uint8
    error: str = ""


class ShardFrames(IterableDataset):
    """The frames of a shard as chunks, each video decoded once.

    The workers of a DataLoader share the videos. starts: each sequence's first row in its shard.
    sequences: numbers of those in the shard.
    """

    def __init__(
        self,
        poses: PoseFile,
        starts: np.ndarray,
        sequences: np.ndarray,
        videos: Openers,
        config: Config,
    ) -> None:
        self.poses, self.starts, self.videos = poses, starts, videos
        self.size, self.workers = config.first_stage.image_size, config.data.workers
        self.folder = from_base(config.data.videos)
        self.sequences: dict[str, list[int]] = defaultdict(list)  # by video
        for number in sequences.tolist():
            self.sequences[poses.sequence(number).video].append(number)

    def __iter__(self) -> Iterator[Chunk]:
        worker = get_worker_info()
        mine = slice(None) if worker is None else slice(worker.id, None, worker.num_workers)
        for video in list(self.sequences)[mine]:
            yield from self._chunks(video)

    def _chunks(self, video: str) -> Iterator[Chunk]:
        """The poses of all the video's sequences, in the order of time."""
        numbers = self.sequences[video]
        times = [self.poses.sequence(number).timestamps for number in numbers]
        rows = [
            self.starts[number] + np.arange(len(own))
            for number, own in zip(numbers, times, strict=True)
        ]
        times, rows = np.concatenate(times), np.concatenate(rows)
        order = np.argsort(times, kind="stable")
        reader = None
        for part in np.split(order, range(CHUNK, len(order), CHUNK)):
            own = torch.from_numpy(rows[part])
            try:
                missing = partial(VideoReader, self.folder / f"{video}.mp4")
                reader = reader or self.videos.get(video, missing)()
                images = torch.from_numpy(reader.read(times[part], self._square))
                chunk = Chunk(video, own, images.permute(0, 3, 1, 2))
            except (ValueError, OSError) as error:
                reader = None  # the next chunk opens the file anew
                chunk = Chunk(video, own, torch.empty(0), str(error))
            yield chunk

    def _square(self, frame: np.ndarray) -> np.ndarray:
        """A frame's centre square. One at a time, since 64 frames of a 4K video take 1.6 GB."""
        return crop_and_resize(frame[None], self.size)[0]


def _shared(chunk: Chunk) -> Chunk:
    """A chunk in shared memory, if it is loaded in another process."""
    if get_worker_info() is not None:
        for tensor in (chunk.rows, chunk.images):
            tensor.share_memory_()
    return chunk


class Encoder:
    """Images (n, 3, S, S) uint8 -> latents (n, c, L, L) float16, by a first stage where it is."""

    def __init__(self, first_stage: nn.Module, precision: str) -> None:
        check_precision(precision)
        self.first_stage, self.precision = first_stage, precision
        self.device = device_of(first_stage)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> np.ndarray:
        images = from_bytes(images.to(self.device))
        with autocast(self.device, self.precision):
            latents = self.first_stage.encode(images).half()
        if not torch.isfinite(latents).all():
            raise ValueError(
                f"latents that half precision cannot hold (computed in {self.precision}): "
                "take --precision float32; if it was, the first stage's weights are damaged"
            )
        return latents.cpu().numpy()


def _write_shard(
    path: Path, shape: tuple[int, ...], source: ShardFrames, encode: Encoder, bar: tqdm
) -> Counter[str]:
    """Write a shard's file; returns how many of its frames could not be read, by video."""
    missing: Counter[str] = Counter()
    loader = DataLoader(
        source,
        batch_size=None,
        num_workers=source.workers,
        collate_fn=partial(in_shared_memory, _shared),
    )
    # Not mapped into memory: there, a full disk would kill the process.
    with path.open("wb") as file, loaded(loader) as chunks:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for chunk in chunks:
            if chunk.error:
                if chunk.video not in missing:
                    text = "video %s: frames are marked as missing: %s"
                    log.warning(text, chunk.video, chunk.error)
                missing[chunk.video] += len(chunk.rows)
                latents = np.full((len(chunk.rows), *shape[1:]), np.nan, np.float16)
            else:
                latents = encode(chunk.images)
            for row, latent in zip(chunk.rows.tolist(), latents, strict=True):
                file.seek(start + row * latent.nbytes)
                file.write(latent.tobytes())
            bar.update(len(latents))
    return missing


def _report_videos(cache: LatentCache, poses: PoseFile, videos: Openers) -> None:
    """Say what the cache leaves out."""
    left_out = [
        name for name, shard in zip(poses.videos(), cache.index["shard"], strict=True) if shard < 0
    ]
    if left_out:
        log.info("%d of %d sequences have no video and are left out", len(left_out), len(poses))
    late = {name for name in left_out if name in videos}
    if late:
        log.warning(
            "%d videos came after %s was begun and are left out too; encode into another folder",
            len(late),
            cache.folder,
        )
