"""Where a converted sequence goes, and writing its two files: the video and the poses."""

import filecmp
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from ...cameras.files.camera import Camera
from ...cameras.files.realestate10k import text_of_cameras
from ...cameras.realestate10k import VIDEO_SUFFIXES
from ...utils.files import atomic_path, write_text
from ...utils.leases import lease
from ...utils.reading import read_bytes
from ..layout import Split


@dataclass(frozen=True)
class Place:
    """Where a sequence's files go.

    Both identifiers follow from the sequence's name alone. They are as long as RealEstate10K's.
    """

    split: Split
    name: str

    @property
    def video_id(self) -> str:
        """11 hexadecimal digits."""
        return self._digits[:11]

    @property
    def text(self) -> Path:
        """The pose file; its name is the sequence's identifier, 16 hexadecimal digits."""
        return self.split.texts / f"{self._digits[11:27]}.txt"

    def video(self, suffix: str) -> Path:
        """The video file."""
        return self.split.videos / f"{self.video_id}{suffix}"

    @property
    def _digits(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def pose_text(
    place: Place, cameras: list[Camera], timestamps: list[int], size: tuple[int, int]
) -> str:
    """RealEstate10K's text of the cameras of a video's frames, of `size` (height, width).

    timestamps: microseconds, one a camera.
    """
    sized = [replace(camera, size=size) for camera in cameras]
    name = f"{quote(place.name, safe='')}?v={place.video_id}"
    return text_of_cameras(sized, timestamps, name)


def write_sequence(
    place: Place, suffix: str, text: str, write_video: Callable[[Path], object], force: bool
) -> bool:
    """Write the video, then the text, which marks the sequence as whole.

    Returns whether both were there already. Raises ValueError if files of the same name have
    another content and `force` is false, or while another process writes them.
    """
    with lease(place.text):
        return _write(place, suffix, text, write_video, force)


def _write(
    place: Place, suffix: str, text: str, write_video: Callable[[Path], object], force: bool
) -> bool:
    video = place.video(suffix)
    other_formats = [place.video(other) for other in VIDEO_SUFFIXES if other != suffix]
    in_the_way = [path for path in other_formats if path.is_file()]
    there = place.text.is_file()
    same_text = there and read_bytes(place.text, "a pose file") == text.encode()
    if not force:
        _refuse(in_the_way if same_text else [place.text, *in_the_way])
    with atomic_path(video) as temporary:
        write_video(temporary)
        same_video = video.is_file() and filecmp.cmp(temporary, video, shallow=False)
        if not (same_video or force):
            _refuse([video])
        if not (same_text and same_video):
            place.text.unlink(missing_ok=True)  # never old poses beside a new video
        for path in in_the_way:
            path.unlink()
    write_text(place.text, text)
    return same_text and same_video


def _refuse(paths: list[Path]) -> None:
    """Raise ValueError for the first of the files that exists."""
    for path in filter(Path.is_file, paths):
        raise ValueError(
            f"{path}: is there with another content; expected a new --name, or --force to "
            "replace it"
        )
