"""The rendered clips in data/clips, whose cameras are known exactly."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from repository import DATA

from photonvs.cameras.realestate10k import VideoPoses, read_realestate10k_text

CLIPS = DATA / "clips"
TEXTS = sorted((CLIPS / "RealEstate10K-original").rglob("*.txt"))


@dataclass(frozen=True)
class Clip:
    """A sequence, known by its text file, with its video and its true cameras."""

    text: Path

    @cached_property
    def sequence(self) -> VideoPoses:
        """What photonvs reads from the text file."""
        return read_realestate10k_text(self.text)

    @property
    def video(self) -> Path:
        """The video's file."""
        return CLIPS / self.text.parent.name / "videos" / f"{self.sequence.video}.mp4"

    @cached_property
    def truth(self) -> dict[str, np.ndarray]:
        """The arrays of the video's truth file; data/clips/README.md describes them."""
        with np.load(CLIPS / f"truth-{self.sequence.video}.npz") as arrays:
            return dict(arrays)

    @property
    def frames(self) -> np.ndarray:
        """The frame of the video that each pose belongs to, (n,)."""
        return self.truth[f"frames_{self.text.stem}"]

    @property
    def camera_to_world(self) -> np.ndarray:
        """The true camera of each pose, (n, 4, 4)."""
        return self.truth["camera_to_world"][self.frames]

    @property
    def focal_y(self) -> float:
        """Vertical focal length as a fraction of the height."""
        return float(self.truth["focal_y"])


ALL = [Clip(text) for text in TEXTS]


def clip_of(video: str) -> Clip:
    """The first sequence of a video."""
    return next(clip for clip in ALL if clip.sequence.video == video)
