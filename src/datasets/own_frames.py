"""Frames that a score network made itself, as views of pairs, and the file that they are in.

`training.own_frames` makes them.

The file is an .npz. It has `poses_file`, the SHA-256 of the poses file, and `numbers` and `frames`
(n,), the sequence and frame of each of `latents` (n, c, L, L) float16.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..cameras.realestate10k import VideoPoses
from ..utils.arrays import read_arrays
from ..utils.files import atomic_path
from ..utils.random import generator
from .latents import LatentPairDataset


class OwnFrames:
    """Own frames in memory, by sequence and frame."""

    def __init__(self, path: Path, poses_file: str) -> None:
        """poses_file: the SHA-256 of the poses file that sequences are numbers of.

        Raises FileNotFoundError, or ValueError for a file of other poses, or another file.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no own frames there (data.own_frames)")
        try:
            content = read_arrays(path)
            found, self.latents = str(content["poses_file"]), content["latents"]
            places = zip(content["numbers"].tolist(), content["frames"].tolist(), strict=True)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(f"{path}: not a file of own frames ({error})") from error
        if found != poses_file:
            raise ValueError(f"{path}: own frames of other poses; make them anew for these")
        self.rows = {place: row for row, place in enumerate(places)}

    def latent(self, number: int, frame: int) -> np.ndarray | None:
        """A frame's own latent (c, L, L) float16; None where there is none."""
        row = self.rows.get((number, frame))
        return None if row is None else self.latents[row]


def write_own_frames(
    path: Path, poses_file: str, places: list[tuple[int, int]], latents: np.ndarray
) -> None:
    """Write own frames; places: (sequence, frame) of each of the latents."""
    numbers, frames = np.array(places, np.int64).reshape(-1, 2).T
    with atomic_path(path) as temporary:
        np.savez(temporary, poses_file=poses_file, numbers=numbers, frames=frames, latents=latents)


class OwnFramePairs(LatentPairDataset):
    """Pairs of latents, of which a share has own frames as views.

    Which pairs these are follows from the seed and the pair. A view without an own frame, such as a
    sequence's first frame, stays the true one.
    """

    def __init__(self, *arguments: object, own_frames: Path, own_share: float) -> None:
        """arguments: those of `LatentPairDataset`. Raises as that, and as `OwnFrames`."""
        super().__init__(*arguments)
        self.own, self.own_share = OwnFrames(own_frames, self.poses_file), own_share

    def read(self, number: int, sequence: VideoPoses, frames: list[int]) -> Tensor:
        """The latents of target and view, (2, c, L, L) float32."""
        latents = super().read(number, sequence, frames)
        wanted = generator(self.seed, "own", number, *frames).random() < self.own_share
        own = self.own.latent(number, frames[1]) if wanted else None
        if own is not None:
            latents[1] = torch.from_numpy(own.astype(np.float32))
        return latents
