"""Pairs of frames of one video with their cameras: which pair, and then its images.

The choice (`FramePairs`) is apart from the reading. So images from videos (`PairDataset`) and
latents from a cache (`latents.LatentPairDataset`) give the same pairs for the same seed.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..cameras.geometry import check_training_cameras
from ..cameras.motion import Motion
from ..cameras.realestate10k import VideoPoses
from ..utils.random import generator
from .poses import PoseFile, load_poses
from .video import crop_and_resize, find_videos
from .video_reader import VideoCache

logger = logging.getLogger(__name__)

OPEN_VIDEOS = 8  # a process keeps so many files open
MINIMUM_POSES = 3  # a pair, and the last frame, which is never used
# Pairs drawn for a sample before giving up: so many unreadable ones in a row mean that all are.
ATTEMPTS = 100
MEASURED_PAIRS = 1000


class Pair(NamedTuple):
    """A choice of two frames."""

    sequence: int  # number in the poses file
    target: int  # index of the sequence's pose
    cond: int  # the same, of the conditioning view


class FramePairs(Dataset):
    """One random pair of frames from every usable sequence an epoch; map-style, without an end.

    Subclasses read the frames. Sample k = 0, 1, 2, ... belongs to epoch k // len(dataset) and is a
    function of (seed, k) only. So a training that goes on at sample k sees what it would have seen,
    in any number of processes.

    A sample is a dict of tensors:
    `target_…`, `cond_…`           pixels or latents (see the subclasses) of target and view
    `target_pose`, `cond_pose`     float32 (4, 4), camera-to-world
    `focal_y`                      float32 (), of the target, a fraction of the image's height
    `sequence`, `target_frame`, `cond_frame`   int64 (), the `Pair`
    `replaced`                     bool ()
    The world is moved so that the conditioning camera is at its origin.

    A pair that cannot be read is replaced by one of another sequence, drawn from (seed, k) too.
    Other samples stay as they are. The log names its video, once a process, and `replaced` is
    true, so that a training can count.

    Sequences that cannot give a pair are left out; `excluded` counts them by reason. The others
    keep their numbers of the poses file.
    """

    kind = "image"  # what `…` is in a sample's keys
    stored_as = "videos"  # what the frames are read from

    def __init__(
        self,
        poses: PoseFile,
        present: np.ndarray,
        source: Path,
        seed: int = 0,
        max_gap: int | None = None,
    ) -> None:
        """present: (number of sequences,) bool, whether there are frames of it.

        source: what holds the frames, for messages. max_gap: poses between the two frames at most;
        None allows any. Raises ValueError if no sequence is left.
        """
        if max_gap is not None and max_gap < 1:
            raise ValueError(f"max_gap: found {max_gap}, expected at least 1 pose")
        self.poses, self.source, self.seed, self.max_gap = poses, source, seed, max_gap
        self._order = (-1, np.empty(0, np.int64))  # epoch, its permutation
        self._named: set[str] = set()  # videos that the log has named as unreadable
        self._lengths = poses.lengths()
        long_enough = self._lengths >= MINIMUM_POSES
        # Of the usable sequences, in the poses file.
        self.numbers = np.flatnonzero(present & long_enough)
        self.excluded = Counter(
            {
                "video missing": int((~present).sum()),
                "fewer than three poses": int((present & ~long_enough).sum()),
            }
        )
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.excluded.items())
        if not len(self.numbers):
            raise ValueError(
                f"{poses.path}: none of {len(poses)} sequences has a pair of frames in {source}: "
                f"{reasons}"
            )
        message = "%s: %d of %d sequences are used; left out: %s"
        logger.info(message, poses.path, len(self), len(poses), reasons)

    @property
    def title(self) -> str:
        """How much there is and where, for people."""
        return f"{len(self)} sequences of {self.stored_as} in {self.source}"

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
        """The pair of sample `index` >= 0; reads no image.

        attempt: how many pairs of this sample could not be read; each has another replacement.
        """
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

    def motion(self) -> Motion:
        """How far apart the cameras of its pairs are, by the first MEASURED_PAIRS."""
        cameras = []
        for index in range(MEASURED_PAIRS):
            pair = self.choose(index)
            poses = self.poses.sequence(pair.sequence).poses
            cameras.append(poses[[pair.cond, pair.target]])
        cond, target = np.stack(cameras, axis=1)
        return Motion.of_pairs(cond, target)

    def load(self, pair: Pair) -> dict[str, Tensor]:
        """The sample of a pair, but for `replaced`.

        Raises ValueError or OSError with the video's name if it can't be read.
        """
        sequence = self.poses.sequence(pair.sequence)
        frames = [pair.target, pair.cond]
        target, cond = self.read(pair.sequence, sequence, frames)
        try:  # files of earlier versions may have cameras that extraction refuses today
            check_training_cameras(sequence.focal_y[frames], sequence.poses[frames])
        except ValueError as error:
            raise ValueError(
                f"{self.poses.path}: {self.name(pair.sequence, *frames)}: {error}"
            ) from None
        target_pose, cond_pose = torch.eye(4).repeat(2, 1, 1)
        # In float64: far from the world's origin, float32 would round the step away.
        poses = np.array(sequence.poses[frames], dtype=np.float64)
        poses[:, :, 3] -= poses[1, :, 3].copy()
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

    def name(self, number: int, *frames: int) -> str:
        """Poses of the sequence with a number in the poses file, for messages."""
        video = self.poses.sequence(number).video
        poses = " and ".join(f"pose {frame}" for frame in frames)
        return f"{poses} of sequence {self.poses.id_of(number)} (video {video})"

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The frames of a sequence, (n, ...); number: the sequence's in the poses file.

        Raises ValueError or OSError.
        """
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
            images = self._videos.reader(path).read(sequence.timestamps[frames])
            squares = crop_and_resize(images, self.image_size)
        except (ValueError, OSError):
            self._videos.forget(path)  # the next use of the file begins anew
            raise
        return torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous()


def choose_pair(
    source: np.random.Generator, frames: int, max_gap: int | None = None
) -> tuple[int, int]:
    """Two different frames out of `frames` >= 2, at most `max_gap` apart.

    Every such ordered pair is equally likely.
    """
    gaps = np.arange(1, min(frames - 1, max_gap or frames) + 1)
    # A gap g fits frames - g times. Drawing one of all places picks a gap as often as it fits.
    places = np.cumsum(frames - gaps)
    drawn = source.integers(places[-1])
    gap = int(gaps[np.searchsorted(places, drawn, side="right")])
    first = int(source.integers(frames - gap))
    second = first + gap
    return (second, first) if source.integers(2) else (first, second)
