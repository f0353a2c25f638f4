"""Pairs of latents that are drawn on the device, from latents that lie in its memory.

A small network on a GPU takes pairs faster than processes can load them. Here nothing is done
sample by sample. A part of a step's batch is drawn at once, with its noise, by a generator that is
seeded by the number of its first sample. So a training that goes on sees what it would have seen.
But on other numbers of processes or parts it sees other pairs.
"""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..utils.random import generator
from .latents import LatentPairDataset
from .own_frames import OwnFramePairs

log = logging.getLogger(__name__)


class DevicePairs(Dataset):
    """The pairs of `LatentPairDataset` as batches: `batch(numbers)`.

    A batch has the tensors of samples, and what is random in them: `noise`, `cond_noise`
    (n, c, L, L) of unit variance, and `uniform`, `cond_uniform` (n,) in [0, 1). Sequences with a
    frame that could not be read are left out.
    """

    def __init__(self, pairs: LatentPairDataset, device: torch.device) -> None:
        """Raises ValueError if no sequence is whole."""
        self.device, self.seed, self.title = device, pairs.seed, pairs.title
        frames = pairs.poses.lengths() - 1  # the last one is never used
        kept, latents, poses, focal_y = [], [], [], []
        for number in pairs.numbers.tolist():
            own = pairs.latents(number, range(frames[number]))
            if np.isnan(own).any():
                continue
            sequence = pairs.poses.sequence(number)
            kept.append(number)
            latents.append(torch.from_numpy(own))
            own = np.array(sequence.poses[: frames[number]], dtype=np.float64)
            own[:, :, 3] -= own[0, :, 3].copy()  # far from the world's origin, float32 is coarse
            poses.append(own.astype(np.float32))
            focal_y.append(np.asarray(sequence.focal_y[: frames[number]], dtype=np.float32))
        if not kept:
            raise ValueError(f"{pairs.title}: no sequence has latents of all its frames")
        self.numbers = torch.tensor(kept, device=device)
        self.latents = torch.cat(latents).to(device)  # (frames, c, L, L) float16
        self.poses = torch.from_numpy(np.concatenate(poses)).to(device)  # (frames, 3, 4)
        self.focal_y = torch.from_numpy(np.concatenate(focal_y)).to(device)  # (frames,)
        lengths = torch.tensor([len(one) for one in latents], device=device)
        self.starts = lengths.cumsum(0) - lengths
        # A gap g fits lengths - g times. (sequences, gaps): how often this gap or a smaller one.
        most = int(lengths.max()) - 1
        gaps = torch.arange(1, min(most, pairs.max_gap or most) + 1, device=device)
        self.lengths, self.places = lengths, (lengths[:, None] - gaps).clamp(min=0).cumsum(1)
        self._take_own(pairs, kept, lengths.tolist())
        size = self.latents.nbytes / 1e6
        log.info("%d frames' latents in the device's memory, %.0f MB", len(self.latents), size)

    def _take_own(self, pairs: LatentPairDataset, numbers: list[int], lengths: list[int]) -> None:
        """Own frames, (frames, c, L, L) float16, where `has_own` (frames,); None: no such file."""
        self.own = None
        if not isinstance(pairs, OwnFramePairs):
            return
        self.own_share, self.own, has_own, row = pairs.own_share, self.latents.clone(), [], 0
        for number, length in zip(numbers, lengths, strict=True):
            for frame in range(length):
                latent = pairs.own.latent(number, frame)
                has_own.append(latent is not None)
                if latent is not None:
                    self.own[row] = torch.from_numpy(latent).to(self.device)
                row += 1
        self.has_own = torch.tensor(has_own, device=self.device)

    def __len__(self) -> int:
        """Samples an epoch, which here is only a count."""
        return len(self.numbers)

    def batch(self, numbers: range) -> dict[str, Tensor]:
        """The samples of these numbers, which come from the first one of them."""
        count, source = len(numbers), torch.Generator(self.device)
        source.manual_seed(int(generator(self.seed, "batch", numbers.start).integers(2**63)))

        def uniform() -> Tensor:
            return torch.rand(count, device=self.device, generator=source)

        target, cond, sequence = self._pairs(uniform)
        shape = count, *self.latents.shape[1:]
        options = {"device": self.device, "generator": source}
        first = self.starts[sequence]
        return {
            "target_latent": self.latents[target].float(),
            "cond_latent": self._views(cond, uniform),
            **self._cameras(target, cond),
            "sequence": self.numbers[sequence],
            "target_frame": target - first,
            "cond_frame": cond - first,
            "replaced": torch.zeros(count, dtype=torch.bool, device=self.device),
            "uniform": uniform(),
            "noise": torch.randn(shape, **options),
            "cond_uniform": uniform(),
            "cond_noise": torch.randn(shape, **options),
        }

    def _pairs(self, uniform: Callable[[], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Rows of targets and views, and numbers of sequences here; as `pairs.choose_pair`."""
        sequence = (uniform() * len(self.numbers)).long()
        places = self.places[sequence]
        drawn = (uniform() * places[:, -1]).long()
        gap = (places <= drawn[:, None]).sum(1) + 1
        first = self.starts[sequence] + (uniform() * (self.lengths[sequence] - gap)).long()
        swapped = uniform() < 0.5
        second = first + gap
        return torch.where(swapped, second, first), torch.where(swapped, first, second), sequence

    def _views(self, cond: Tensor, uniform: Callable[[], Tensor]) -> Tensor:
        """Latents of views (n, c, L, L) float32; `own_share` of those that have it own ones."""
        if self.own is None:
            return self.latents[cond].float()
        own = self.has_own[cond] & (uniform() < self.own_share)
        return torch.where(own[:, None, None, None], self.own[cond], self.latents[cond]).float()

    def _cameras(self, target: Tensor, cond: Tensor) -> dict[str, Tensor]:
        """Cameras of pairs, in a world with the view's camera at its origin."""
        poses = torch.eye(4, device=self.device).repeat(2, len(target), 1, 1)
        for row, frames in enumerate((target, cond)):
            own = self.poses[frames]
            own[:, :, 3] -= self.poses[cond][:, :, 3]
            poses[row, :, :3] = own
        return {"target_pose": poses[0], "cond_pose": poses[1], "focal_y": self.focal_y[target]}
