"""Latents of all frames of a poses file, computed once: a cache on disk, and pairs read from it.

A cache is a folder of

- `manifest.json`: what it was made of (`describe`), and its number of shards;
- `index.npy`: a row a sequence of the poses file: its shard, and the shard's row of its first pose.
  Rows of a sequence are adjacent and in the order of its poses. Shard -1: the sequence's video was
  not there when the cache was begun;
- `0000.npy`, `0001.npy`, ...: the shards, (rows, c, L, L) float16 each, mapped into memory when
  read. All sequences of a video are in one shard. A frame that could not be read is NaN;
- `0000-missing.json`, ...: how many frames of a shard could not be read, by video.

A shard has the same content whichever process writes it, and is there as a whole or not at all. So
any number of processes may write shards, and what was begun can go on.
"""

import hashlib
import json
import math
import mmap
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..cameras.realestate10k import VideoPoses
from ..utils.arrays import read_array
from ..utils.files import atomic_path, write_text
from ..utils.json_files import indices_from_json, read_json, shown
from ..utils.leases import lease
from .pairs import FramePairs
from .poses import PoseFile, load_poses

FORMAT = 1  # of the folder
SHARD_BYTES = 2**30  # about; a shard ends with the video that fills it
SAMPLED = 2000  # frames that a standard deviation is measured on
INDEX_TYPE = np.dtype([("shard", "<i4"), ("start", "<i8")])
MANIFEST = "manifest.json"
LONGEST_BEGINNING = 60.0  # seconds that another process is waited for while it begins a cache


def first_stage_fingerprint(first_stage: nn.Module) -> str:
    """SHA-256 of a first stage's settings and weights, whatever file and device they are on."""
    digest = hashlib.sha256(json.dumps(asdict(first_stage.config), sort_keys=True).encode())
    for name, tensor in sorted(first_stage.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def describe(poses_path: Path, fingerprint: str) -> dict[str, object]:
    """What a cache of this poses file and this first stage is made of.

    Reads the whole poses file.
    """
    with poses_path.open("rb") as file:
        return {
            "format": FORMAT,
            "poses_file": hashlib.file_digest(file, "sha256").hexdigest(),
            "first_stage": fingerprint,
        }


class LatentPairDataset(FramePairs):
    """Pairs read from a cache: `target_latent`, `cond_latent` float32 (c, L, L).

    The pairs are those of `PairDataset`. fingerprint: of the first stage that training uses. Raises
    ValueError if the cache is of another poses file or first stage, or has shards missing.
    """

    kind = "latent"
    stored_as = "latents"

    def __init__(
        self,
        poses_path: str | Path,
        folder: str | Path,
        fingerprint: str,
        seed: int = 0,
        max_gap: int | None = None,
    ) -> None:
        poses = load_poses(poses_path)
        self._cache = LatentCache(folder)
        self._cache.check(describe(poses.path, fingerprint))
        self._cache.check_rows(poses.lengths())
        absent = self._cache.absent_shards()
        if absent:
            raise ValueError(
                f"{folder}: {len(absent)} of {self._cache.shards} shards are not there yet, "
                f"the first {absent[0]:04d}.npy; run encode-latents.py again, it goes on where it "
                "stopped"
            )
        super().__init__(poses, self._cache.index["shard"] >= 0, Path(folder), seed, max_gap)
        self.poses_file = str(self._cache.manifest["poses_file"])

    def usable(self, number: int) -> int:
        """Frames of a sequence that pairs are made of: all but the last."""
        return int(self._lengths[number]) - 1

    def latents(self, number: int, frames: Sequence[int]) -> np.ndarray:
        """Latents (n, c, L, L) float16 of a sequence's frames; NaN where one is missing."""
        return self._cache.read(number, list(frames))

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The frames' latents, (n, c, L, L) float32; raises ValueError if one is missing."""
        latents = self.latents(number, frames)
        if np.isnan(latents[:, 0, 0, 0]).any():
            raise ValueError(
                f"{self._cache.folder}: a frame of video {sequence.video} could not be read when "
                "this was made"
            )
        return torch.from_numpy(latents.astype(np.float32))


class LatentCache:
    """A cache on disk, whole or not. A copy sent to another process opens it again.

    Raises FileNotFoundError if there is none in the folder, ValueError if its files are not what
    they should be.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / MANIFEST).is_file():
            raise FileNotFoundError(
                f"{self.folder}: no latents ({MANIFEST}) there; encode-latents.py writes them"
            )
        try:
            self.manifest = read_json(self.folder / MANIFEST)
            self.shards = indices_from_json([self.manifest["shards"]], MANIFEST)[0]
            self.index = read_array(self.folder / "index.npy", mapped=True)
            if self.index.dtype != INDEX_TYPE or self.index["shard"].max() != self.shards - 1:
                raise ValueError(
                    f"index.npy does not hold {INDEX_TYPE.names} of {self.shards} shards"
                )
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(
                f"{self.folder}: damaged ({error}); delete it and run encode-latents.py again"
            ) from error
        self._open: dict[int, np.ndarray] = {}

    def __reduce__(self) -> tuple:
        return LatentCache, (self.folder,)

    def check(self, wanted: dict[str, object]) -> None:
        """Raises ValueError unless the cache was made of what is wanted (`describe`)."""
        for key, value in wanted.items():
            if self.manifest.get(key) != value:
                found, expected = str(self.manifest.get(key))[:12], str(value)[:12]
                raise ValueError(
                    f"{self.folder}: its latents are of another {key.replace('_', ' ')} "
                    f"({found}, this one is {expected}); use the same as then, or encode into "
                    "another folder"
                )

    def check_rows(self, lengths: np.ndarray) -> None:
        """Raises ValueError unless the sequences of a shard have its rows, one after the other.

        lengths: poses of every sequence.
        """
        shards, starts = self.index["shard"], self.index["start"]
        cached = np.flatnonzero(shards >= 0)
        order = cached[np.lexsort((starts[cached], shards[cached]))]
        before = np.cumsum(lengths[order]) - lengths[order] if len(shards) == len(lengths) else []
        first = np.searchsorted(shards[order], shards[order])
        if len(before) != len(order) or np.any(starts[order] != before - before[first]):
            raise ValueError(
                f"{self.folder}: index.npy is damaged; delete the folder and run encode-latents.py "
                "again"
            )

    def path(self, shard: int) -> Path:
        """The file of a shard."""
        return self.folder / f"{shard:04d}.npy"

    def absent_shards(self) -> list[int]:
        """Numbers of the shards that are not written yet."""
        return [shard for shard in range(self.shards) if not self.path(shard).is_file()]

    def missing(self, shard: int) -> Counter[str]:
        """How many frames of a shard could not be read, by video."""
        path = self._missing_path(shard)
        counts = read_json(path)
        if not isinstance(counts, dict):
            raise ValueError(f"{path}: expected counts by video, found {shown(counts)}")
        indices_from_json(list(counts.values()), str(path))
        return Counter(counts)

    def frames(self, lengths: np.ndarray) -> np.ndarray:
        """Rows of every shard, (shards,) int64; lengths: poses of every sequence."""
        cached = self.index["shard"] >= 0
        rows = np.bincount(self.index["shard"][cached], lengths[cached], self.shards)
        return rows.astype(np.int64)

    def read(self, sequence: int, frames: list[int]) -> np.ndarray:
        """Latents (n, c, L, L) float16 of poses of a sequence, by their numbers.

        NaN for frames that could not be read.
        """
        shard, start = self.index[sequence]
        if shard not in self._open:
            self._open[shard] = self._map(self.path(shard))
        try:
            return self._open[shard][[int(start) + frame for frame in frames]]
        except IndexError as error:
            raise ValueError(
                f"{self.path(shard)}: too short ({error}); delete it and run encode-latents.py "
                "again"
            ) from error

    def deviation(self) -> float:
        """Standard deviation of the latents, of SAMPLED frames spread over all shards."""
        shards = [shard for shard in range(self.shards) if self.path(shard).is_file()]
        each = -(-SAMPLED // max(1, len(shards)))
        count = total = squares = 0.0
        for shard in shards:
            rows = self._map(self.path(shard))
            for row in np.linspace(0, len(rows) - 1, min(each, len(rows))).astype(int):
                numbers = rows[row].astype(np.float64)  # one at a time, since they may be large
                numbers = numbers[~np.isnan(numbers)]
                count += numbers.size
                total += numbers.sum()
                squares += np.square(numbers).sum()
        return math.sqrt(max(0.0, squares / count - (total / count) ** 2)) if count else math.nan

    def note_missing(self, shard: int, missing: Counter[str]) -> None:
        """Write how many frames of a shard could not be read, before the shard gets its name."""
        write_text(self._missing_path(shard), json.dumps(missing))

    def _missing_path(self, shard: int) -> Path:
        return self.folder / f"{shard:04d}-missing.json"

    def _map(self, path: Path) -> np.ndarray:
        try:
            rows = read_array(path, mapped=True)
        except ValueError as error:
            raise ValueError(f"{error}; delete it and run encode-latents.py again") from error
        if rows.ndim != 4 or rows.dtype != np.float16:
            raise ValueError(
                f"{path}: holds {rows.dtype} {rows.shape}, no shard of latents; delete it and run "
                "encode-latents.py again"
            )
        # Without it the system reads 128 kB for a latent of 8 kB. Windows has no such thing.
        if hasattr(mmap, "MADV_RANDOM"):
            rows.base.madvise(mmap.MADV_RANDOM)
        return np.asarray(rows)


def create_cache(
    folder: Path, poses: PoseFile, videos: Set[str], shard_frames: int, made_of: dict[str, object]
) -> LatentCache:
    """Begin a cache, or open the one that is there.

    videos: names of the videos that are there. A cache that was begun keeps to those of its
    beginning. Raises ValueError if the cache that is there is made of something else.
    """
    if not (folder / MANIFEST).is_file():
        with lease(folder / MANIFEST, wait=LONGEST_BEGINNING):
            if not (folder / MANIFEST).is_file():  # else another process was quicker
                _begin(folder, *lay_out(poses, videos, shard_frames), made_of)
    cache = LatentCache(folder)
    cache.check(made_of)
    return cache


def _begin(folder: Path, index: np.ndarray, shards: int, made_of: dict[str, object]) -> None:
    with atomic_path(folder / "index.npy") as temporary:
        np.save(temporary, index)
    # Last: from now on the folder is a cache.
    write_text(folder / MANIFEST, json.dumps(made_of | {"shards": shards}, indent=1))


def lay_out(poses: PoseFile, videos: Set[str], shard_frames: int) -> tuple[np.ndarray, int]:
    """The index of a new cache, and its number of shards.

    Videos come by name; a shard ends with the one that fills it.
    """
    names = np.array(poses.videos())
    lengths = poses.lengths()
    order = np.argsort(names, kind="stable")
    order = order[[names[number] in videos for number in order]]
    if not len(order):
        raise ValueError(f"{poses.path}: none of the videos of its {len(poses)} sequences is there")
    before = np.cumsum(lengths[order]) - lengths[order]  # frames of the sequences that come earlier
    _, first, video = np.unique(names[order], return_index=True, return_inverse=True)
    # Of each video, without gaps.
    _, shard = np.unique(before[first] // shard_frames, return_inverse=True)
    shard = shard[video]
    shard_start = before[np.searchsorted(shard, shard)]
    index = np.zeros(len(poses), INDEX_TYPE)
    index["shard"] = -1
    index["shard"][order], index["start"][order] = shard, before - shard_start
    return index, int(shard[-1]) + 1
