"""Pairs of frames of one video with their cameras: which pair, and then its images.

The choice (`FramePairs`) is apart from the reading, so images from videos (`PairDataset`) and latents from a cache
(`latents.LatentPairDataset`) give the same pairs for the same seed.
"""

import logging
import os
from collections import Counter, OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..cameras.realestate10k import VideoPoses
from ..utils.random import generator
from .poses import PoseFile, load_poses
from .video import VideoReader, crop_and_resize, find_videos

logger = logging.getLogger(__name__)

OPEN_VIDEOS = 8  # a process keeps so many files open
MINIMUM_POSES = 3  # a pair, and the last frame, which is never used
ATTEMPTS = 100  # pairs drawn for a sample before giving up: so many unreadable ones in a row mean that all are


class Pair(NamedTuple):
    """A choice of two frames. sequence: number in the poses file. target, cond: indices of the sequence's poses."""

    sequence: int
    target: int
    cond: int


class FramePairs(Dataset):
    """One random pair of frames from every usable sequence an epoch; map-style, without an end. Subclasses read the frames.

    Sample k = 0, 1, 2, ... belongs to epoch k // len(dataset) and is a function of (seed, k) only, so that a training that
    goes on at sample k, in any number of processes, sees what it would have seen. A sample is a dict of tensors: the
    target's and the conditioning view's pixels or latents (see the subclasses); `target_pose`, `cond_pose` float32 (4, 4)
    camera-to-world, the world moved so that the conditioning camera is at its origin; `focal_y` float32 (), of the target as
    a fraction of the image's height; `sequence`, `target_frame`, `cond_frame` int64 (), the `Pair`; `replaced` bool ().

    A pair that cannot be read is replaced by one of another sequence, drawn from (seed, k) too: other samples stay as they
    are. Its video is named in the log, once a process, and `replaced` is true, so that a training can count.

    Sequences that cannot give a pair are left out; `excluded` counts them by reason. Their numbers stay as in the poses
    file. present: (number of sequences,) bool, whether there are frames of it. source: what holds the frames, for messages.
    max_gap: poses between the two frames at most; None: any distance. ValueError if no sequence is left.
    """

    kind = "image"  # what a view is called in a sample

    def __init__(
        self,
        poses: PoseFile,
        present: np.ndarray,
        source: Path,
        seed: int = 0,
        max_gap: int | None = None,
    ) -> None:
        if max_gap is not None and max_gap < 1:
            raise ValueError(f"max_gap: found {max_gap}, expected at least 1 pose")
        self.poses, self.seed, self.max_gap = poses, seed, max_gap
        self._order = (-1, np.empty(0, np.int64))  # epoch, its permutation
        self._named: set[str] = set()  # videos that the log has named as unreadable
        self._lengths = poses.lengths()
        long_enough = self._lengths >= MINIMUM_POSES
        self.numbers = np.flatnonzero(
            present & long_enough
        )  # of the usable sequences, in the poses file
        self.excluded = Counter({"video missing": int((~present).sum())})
        self.excluded["fewer than three poses"] = int((present & ~long_enough).sum())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.excluded.items())
        if not len(self.numbers):
            raise ValueError(
                f"{poses.path}: none of {len(poses)} sequences has a pair of frames in {source}: {reasons}"
            )
        logger.info(
            "%s: %d of %d sequences are used; left out: %s",
            poses.path,
            len(self),
            len(poses),
            reasons,
        )

    def __len__(self) -> int:
        """Samples an epoch: the usable sequences."""
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        for attempt in range(ATTEMPTS):
            pair = self.choose(index, attempt)
            try:
                return {**self.load(pair), "replaced": torch.tensor(attempt > 0)}
            except (ValueError, OSError) as error:
                self._name(self.poses.sequence(pair.sequence).video, error)
                last = error
        raise ValueError(
            f"sample {index}: {ATTEMPTS} pairs in a row could not be read; the last: {last}"
        )

    def choose(self, index: int, attempt: int = 0) -> Pair:
        """The pair of sample `index` >= 0, or its replacement when `attempt` pairs could not be read; reads no image."""
        if index < 0:
            raise IndexError(f"sample {index}: expected 0 or more")
        if attempt:
            source = generator(self.seed, "replacement", index, attempt)
            number = int(source.choice(self.numbers))
        else:
            source = generator(self.seed, "pair", index)
            epoch, position = divmod(int(index), len(self))
            if self._order[0] != epoch:
                self._order = epoch, generator(self.seed, "order", epoch).permutation(self.numbers)
            number = int(self._order[1][position])
        return Pair(number, *choose_pair(source, int(self._lengths[number]) - 1, self.max_gap))

    def load(self, pair: Pair) -> dict[str, Tensor]:
        """The sample of a pair, but for `replaced`. Raises ValueError or OSError with the video's name if it can't be read."""
        sequence = self.poses.sequence(pair.sequence)
        frames = [pair.target, pair.cond]
        target, cond = self.read(pair.sequence, sequence, frames)
        target_pose, cond_pose = torch.eye(4).repeat(2, 1, 1)
        poses = np.array(sequence.poses[frames], dtype=np.float64)
        poses[:, :, 3] -= poses[
            1, :, 3
        ].copy()  # in float64: float32 would round the step away, far from the world's origin
        target_pose[:3], cond_pose[:3] = torch.from_numpy(poses)
        return {
            f"target_{self.kind}": target,
            f"cond_{self.kind}": cond,
            "target_pose": target_pose,
            "cond_pose": cond_pose,
            "focal_y": torch.tensor(sequence.focal_y[pair.target], dtype=torch.float32),
            "sequence": torch.tensor(pair.sequence),
            "target_frame": torch.tensor(pair.target),
            "cond_frame": torch.tensor(pair.cond),
        }

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The frames of a sequence, (n, ...); number: the sequence's in the poses file. Raises ValueError or OSError."""
        raise NotImplementedError

    def _name(self, video: str, error: Exception) -> None:
        """Name an unreadable video in the log, the first time in this process."""
        if video not in self._named:
            self._named.add(video)
            logger.warning(
                "video %s is set aside where it cannot be read, other pairs take its place: %s",
                video,
                error,
            )


class PairDataset(FramePairs):
    """Pairs read from videos: `target_image`, `cond_image` uint8 (3, image_size, image_size)."""

    def __init__(
        self,
        poses_path: str | Path,
        videos_dir: str | Path,
        image_size: int,
        seed: int = 0,
        max_gap: int | None = None,
    ) -> None:
        poses = load_poses(poses_path)
        self.image_size = image_size
        self._video_paths = find_videos(videos_dir)
        self._videos = VideoCache(OPEN_VIDEOS)
        present = np.array([video in self._video_paths for video in poses.videos()])
        super().__init__(poses, present, Path(videos_dir), seed, max_gap)

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The frames' centre squares, (n, 3, image_size, image_size) uint8."""
        path = self._video_paths[sequence.video]
        try:
            images = crop_and_resize(
                self._videos.reader(path).read(sequence.timestamps[frames]), self.image_size
            )
        except (ValueError, OSError):
            self._videos.forget(path)  # the next use of the file begins anew
            raise
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def choose_pair(
    source: np.random.Generator, frames: int, max_gap: int | None = None
) -> tuple[int, int]:
    """Two different frames out of `frames` >= 2, at most `max_gap` apart: every such ordered pair is equally likely."""
    gaps = np.arange(1, min(frames - 1, max_gap or frames) + 1)
    pairs = np.cumsum(frames - gaps)  # that are so far apart or nearer, not counting the direction
    drawn = source.integers(pairs[-1])
    gap = gaps[np.searchsorted(pairs, drawn, side="right")]
    first = int(source.integers(frames - gap))
    second = first + int(gap)
    return (second, first) if source.integers(2) else (first, second)


class VideoCache:
    """The most recently used videos, kept open. A forked or pickled copy opens its own: file positions are not shared."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._process = os.getpid()
        self._readers: OrderedDict[Path, VideoReader] = OrderedDict()

    def __reduce__(self) -> tuple:
        return VideoCache, (self.size,)

    def reader(self, path: Path) -> VideoReader:
        """The reader of a video, opened if need be; the least recently used one is closed when there are too many."""
        if self._process != os.getpid():
            self._process, self._readers = os.getpid(), OrderedDict()
        if path not in self._readers:
            self._readers[path] = VideoReader(path)
            if len(self._readers) > self.size:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(path)
        return self._readers[path]

    def forget(self, path: Path) -> None:
        """Close a video if it is open."""
        if path in self._readers:
            self._readers.pop(path).close()
