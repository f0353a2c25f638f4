"""Encoding all frames of a data set once with the frozen first stage, for training from latents.

The cache's format is in `datasets.latents`. Videos are decoded by the DataLoader's workers, each video by one of them from its
start to its end, and encoded here.
"""

import argparse
import logging
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
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

from .config import Config, DataConfig, load_config
from .datasets.chunks import ChunkVideo, chunk_videos
from .datasets.latents import (
    SHARD_BYTES,
    LatentCache,
    create_cache,
    describe,
    first_stage_fingerprint,
    poses_of,
)
from .datasets.poses import PoseFile, load_poses
from .datasets.video import VideoReader, crop_and_resize, find_videos
from .models import open_first_stage
from .models.first_stage import latent_shape
from .utils.command_line import add_instance_data
from .utils.distributed import choose_device
from .utils.files import REPOSITORY, atomic_path

log = logging.getLogger(__name__)

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
CHUNK = 64  # frames decoded and encoded together; what a damaged place in a video costs at most


@dataclass
class Encoded:
    """What one run did."""

    frames: int = 0  # written, those that could not be read among them
    missing: Counter[str] = field(
        default_factory=Counter
    )  # frames that could not be read, by video
    skipped: int = 0  # shards that were there already


Openers = Mapping[str, Callable[[], VideoReader | ChunkVideo]]  # by video


def open_videos(data: DataConfig) -> Openers:
    """What opens each video of the training data, be it a file or frames in chunks."""
    if data.chunks is not None:
        return chunk_videos(REPOSITORY / data.chunks)
    paths = find_videos(REPOSITORY / data.videos)
    return {name: partial(VideoReader, path) for name, path in paths.items()}


def encode_latents(
    config: Config,
    folder: Path,
    first_stage: nn.Module,
    part: tuple[int, int] = (1, 1),
    precision: str = "float32",
    shard_bytes: int = SHARD_BYTES,
) -> Encoded:
    """Write part i of n (1 <= i <= n) of the cache in `folder` that is not there yet: every n-th shard.

    first_stage: on the device that shall encode. precision: of its arithmetic, float32, bfloat16 or float16. A frame that
    cannot be read is marked and counted. Raises ValueError or FileNotFoundError for a folder, poses or videos that do not fit.
    """
    poses, videos = load_poses(poses_of(config.data)), open_videos(config.data)
    channels, size = latent_shape(first_stage.config)
    made_of = describe(poses.path, first_stage_fingerprint(first_stage)) | {"precision": precision}
    cache = create_cache(
        folder, poses, videos.keys(), max(1, shard_bytes // (2 * channels * size**2)), made_of
    )
    _report_videos(cache, poses, videos)
    wanted = range(part[0] - 1, cache.shards, part[1])
    todo = [shard for shard in wanted if not cache.path(shard).is_file()]
    frames = cache.frames(poses.lengths())
    done = Encoded(skipped=len(wanted) - len(todo))
    with logging_redirect_tqdm(), _progress_bar(int(frames[todo].sum())) as bar:
        for shard in todo:
            for stale in folder.glob(
                f".{cache.path(shard).stem}-*.npy"
            ):  # of a run that was killed
                stale.unlink()
            source = ShardFrames(
                poses,
                cache.index["start"],
                np.flatnonzero(cache.index["shard"] == shard),
                videos,
                config,
            )
            with atomic_path(cache.path(shard)) as temporary:
                shape = (int(frames[shard]), channels, size, size)
                missing = _write_shard(
                    temporary, shape, source, Encoder(first_stage, precision), bar
                )
                cache.note_missing(shard, missing)
            done.frames += shape[0]
            done.missing += missing
    return done


class Chunk(NamedTuple):
    """Frames of one video: rows of the shard (n,) int64, and images (n, 3, S, S) uint8; or why they cannot be read."""

    video: str
    rows: Tensor
    images: Tensor
    error: str = ""


class ShardFrames(IterableDataset):
    """The frames of a shard as chunks, each video decoded once; the workers of a DataLoader share the videos.

    starts: each sequence's first row in its shard. sequences: numbers of those in the shard.
    """

    def __init__(
        self,
        poses: PoseFile,
        starts: np.ndarray,
        sequences: np.ndarray,
        videos: Openers,
        config: Config,
    ) -> None:
        self.poses, self.starts, self.size, self.workers = (
            poses,
            starts,
            config.first_stage.image_size,
            config.data.workers,
        )
        self.folder = REPOSITORY / config.data.videos
        self.videos = videos
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
                images = torch.from_numpy(
                    crop_and_resize(reader.read(times[part]), self.size)
                ).permute(0, 3, 1, 2)
                chunk = Chunk(video, own, images)
            except (ValueError, OSError) as error:
                reader = None  # the next chunk opens the file anew
                chunk = Chunk(video, own, torch.empty(0), str(error))
            yield chunk


class Encoder:
    """Images (n, 3, S, S) uint8 -> latents (n, c, L, L) float16, by a first stage where it is."""

    def __init__(self, first_stage: nn.Module, precision: str) -> None:
        self.first_stage, self.precision = first_stage, precision
        self.device = next(iter(first_stage.state_dict().values()), torch.empty(0)).device

    @torch.no_grad()
    def __call__(self, images: Tensor) -> np.ndarray:
        images = images.to(self.device).float() / 127.5 - 1
        with self._autocast():
            latents = self.first_stage.encode(images).half()
        if not torch.isfinite(latents).all():
            raise ValueError(
                f"latents that half precision cannot hold (computed in {self.precision}): take --precision float32; if it was, "
                "the first stage's weights are damaged"
            )
        return latents.cpu().numpy()

    def _autocast(self) -> AbstractContextManager:
        dtype = PRECISIONS[self.precision]
        return torch.autocast(self.device.type, dtype) if dtype else nullcontext()


def _write_shard(
    path: Path, shape: tuple[int, ...], source: ShardFrames, encode: Encoder, bar: tqdm
) -> Counter[str]:
    """Write a shard's file; returns how many of its frames could not be read, by video."""
    missing: Counter[str] = Counter()
    with path.open(
        "wb"
    ) as file:  # not mapped into memory: there, a full disk would kill the process
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f2", "fortran_order": False, "shape": shape}
        )
        start = file.tell()
        for chunk in DataLoader(source, batch_size=None, num_workers=source.workers):
            if chunk.error:
                if chunk.video not in missing:
                    log.warning(
                        "video %s: frames are marked as missing: %s", chunk.video, chunk.error
                    )
                missing[chunk.video] += len(chunk.rows)
                latents = np.full((len(chunk.rows), *shape[1:]), np.nan, np.float16)
            else:
                latents = encode(chunk.images)
            for row, latent in zip(chunk.rows.tolist(), latents, strict=True):
                file.seek(start + row * latent.nbytes)
                file.write(latent.tobytes())
            bar.update(len(latents))
    return missing


def default_part(environment: Mapping[str, str]) -> tuple[int, int]:
    """This process's part (i of n, i from 1) of a Slurm array job, of torchrun's processes, or of both together."""
    task, tasks = 0, int(environment.get("SLURM_ARRAY_TASK_COUNT", 1))
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, step = (
            environment.get("SLURM_ARRAY_TASK_MIN", 0),
            environment.get("SLURM_ARRAY_TASK_STEP", 1),
        )
        task = (int(environment["SLURM_ARRAY_TASK_ID"]) - int(first)) // int(step)
    rank, ranks = int(environment.get("RANK", 0)), int(environment.get("WORLD_SIZE", 1))
    return task * ranks + rank + 1, tasks * ranks


def parse_part(text: str) -> tuple[int, int]:
    """`I/N` -> (I, N), 1 <= I <= N; raises ValueError."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"--part {text}: expected I/N with I from 1 to N, for example 1/8")
    return int(match[1]), int(match[2])


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


def _progress_bar(total: int) -> tqdm:
    """A bar over frames with the remaining time; away from a terminal, a line every half minute."""
    terminal = sys.stderr.isatty()
    interval = 0.1 if terminal else 30.0
    form = None if terminal else "encoding: {percentage:.0f} %, {remaining} left, {rate_fmt}\n"
    slowest = max(10.0, interval)
    return tqdm(
        total=total,
        unit=" frames",
        disable=not total,
        mininterval=interval,
        maxinterval=slowest,
        bar_format=form,
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/encode-latents.py."""
    parser = argparse.ArgumentParser(
        description="Encode all frames of the training data once, for training with data.latents=DIR. Run the same command "
        "again to go on after a stop; several processes, each with its part, share the work."
    )
    parser.add_argument(
        "--config",
        default="realestate10k",
        help="a preset's name or a YAML file (default: %(default)s)",
    )
    parser.add_argument(
        "--latents",
        metavar="DIR",
        help="folder to write, relative to the repository (default: data.latents)",
    )
    parser.add_argument(
        "--part",
        metavar="I/N",
        help="the part that this process does, from 1 (default: from a Slurm array or torchrun, else all)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the arithmetic (default: %(default)s)",
    )
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings that replace the preset's"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config, options.settings)
    latents = options.latents or config.data.latents
    if latents is None:
        raise ValueError("nowhere to write: give --latents DIR")
    part = parse_part(options.part or "{}/{}".format(*default_part(os.environ)))
    first_stage = open_first_stage(config, options.instance_data).to(choose_device(options.device))
    done = encode_latents(config, REPOSITORY / latents, first_stage, part, options.precision)
    _report(done, LatentCache(REPOSITORY / latents), part)


def _report(done: Encoded, cache: LatentCache, part: tuple[int, int]) -> None:
    """Say what this run did, and how the whole cache stands."""
    log.info(
        "part %d of %d: %d frames written, %d shards were there already",
        *part,
        done.frames,
        done.skipped,
    )
    absent = cache.absent_shards()
    missing = sum(
        (cache.missing(shard) for shard in range(cache.shards) if shard not in absent), Counter()
    )
    if missing:
        names = ", ".join(list(missing)[:10]) + (", ..." if len(missing) > 10 else "")
        log.warning(
            "%d frames of %d videos could not be read: %s", missing.total(), len(missing), names
        )
    state = f"{len(absent)} of {cache.shards} shards to go" if absent else "complete"
    log.info("%s: %s", cache.folder, state)
    log.info("standard deviation of the latents: %.3g (denoiser.sigma_data)", cache.deviation())
