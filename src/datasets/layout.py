"""The folder of all data: every path of a split in it."""

from dataclasses import dataclass
from pathlib import Path

LAYOUT = (
    "expected DIR/RealEstate10K-original/SPLIT/*.txt and DIR/SPLIT/videos/<video>.mp4 "
    "(or .mkv, .webm)"
)


@dataclass(frozen=True)
class Split:
    """The places of a split in the folder of all data. Nothing needs to be there yet."""

    data: Path
    name: str  # train, test, or another

    @property
    def texts(self) -> Path:
        """Folder of RealEstate10K's text files, one a sequence."""
        return self.data / "RealEstate10K-original" / self.name

    @property
    def folder(self) -> Path:
        """Folder of what training reads."""
        return self.data / self.name

    @property
    def videos(self) -> Path:
        """Folder of the videos."""
        return self.folder / "videos"

    @property
    def poses(self) -> Path:
        """All camera paths in one file."""
        return self.folder / "poses.npy"

    @property
    def skipped(self) -> Path:
        """The list of sequences that `poses` leaves out."""
        return self.folder / "skipped.txt"
