"""Single frames, which the first stage is trained on."""

from pathlib import Path

import torch
from torch import Tensor

from ..utils.random import generator
from .chunks import ChunkPairDataset
from .pairs import FramePairs, Pair, PairDataset


class _SingleFrames(FramePairs):
    """One random frame from every usable sequence an epoch; to be mixed into a reader of pairs.

    Which sequences are usable, their order and what replaces an unreadable frame are those of the
    pairs. Frame k is the target of pair k. So it is a function of (seed, k) only, and all frames of
    a sequence but the last are equally likely.

    A sample is a dict of tensors:
    `image`               uint8 (3, image_size, image_size), or less with `crop`
    `sequence`, `frame`   int64 ()
    `replaced`            bool ()
    flip: mirror half of the frames left to right. crop: pixels, the side of a random square of the
    frame that `image` is; None: all of it.
    """

    flip, crop = False, None

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample = super().__getitem__(index)
        if self.flip and generator(self.seed, "flip", index).random() < 0.5:
            sample["image"] = sample["image"].flip(-1)
        if self.crop is not None:
            room = sample["image"].shape[-1] - self.crop + 1
            top, left = generator(self.seed, "crop", index).integers(room, size=2).tolist()
            square = sample["image"][:, top : top + self.crop, left : left + self.crop]
            sample["image"] = square.contiguous()
        return sample

    def load(self, pair: Pair) -> dict[str, Tensor]:
        """The frame that is the pair's target, but for `replaced`; raises as `FramePairs.load`."""
        sequence = self.poses.sequence(pair.sequence)
        (image,) = self.read(pair.sequence, sequence, [pair.target])
        return {
            "image": image,
            "sequence": torch.tensor(pair.sequence),
            "frame": torch.tensor(pair.target),
        }


class FrameDataset(_SingleFrames, PairDataset):
    """Frames of videos."""

    def __init__(
        self,
        poses_path: str | Path,
        videos_dir: str | Path,
        image_size: int,
        seed: int = 0,
        flip: bool = False,
    ) -> None:
        super().__init__(poses_path, videos_dir, image_size, seed)
        self.flip = flip


class ChunkFrameDataset(_SingleFrames, ChunkPairDataset):
    """Frames of chunks."""

    def __init__(
        self, folder: str | Path, image_size: int, seed: int = 0, flip: bool = False
    ) -> None:
        super().__init__(folder, image_size, seed)
        self.flip = flip
