"""What training takes for granted of cameras and of a video, checked."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from ...cameras.files.camera import Camera
from ..video import CROP

SQUARE_TOLERANCE = 0.01  # of the ratio of a pixel's sides
FOCAL_TOLERANCE = 0.01  # largest to smallest focal length, relative
EVEN = 1.5  # longest to shortest time between frames of a video with an even rate


def check_cameras(cameras: list[Camera], size: tuple[int, int], source: Path) -> None:
    """Raise ValueError if training would misread the frames in `source`, naming the camera.

    Training expects square pixels and one focal length. size: (height, width) of the frames.
    """
    for camera in cameras:
        fault = _fault(camera, size)
        if fault:
            raise ValueError(
                f"{source}: camera of {camera.image_name}: {fault}; give the images that the "
                "cameras belong to"
            )
    lengths = [camera.focal_lengths(size)[0] for camera in cameras]
    if max(lengths) > min(lengths) * (1 + FOCAL_TOLERANCE):
        longest = cameras[int(np.argmax(lengths))].image_name
        raise ValueError(
            f"{source}: focal lengths from {min(lengths):.4f} to {max(lengths):.4f} of the height, "
            f"the longest for {longest}; expected one camera without zoom, to 1 %"
        )


def _fault(camera: Camera, size: tuple[int, int]) -> str | None:
    """What is wrong with a camera's lens for images of `size` (height, width), or None."""
    height, width = size
    focal_y, focal_x = camera.focal_lengths(size)
    stretch = focal_x * width / (focal_y * height)
    if abs(stretch - 1) > SQUARE_TOLERANCE:
        return (
            f"focal lengths differ by a factor {stretch:.3f} in {width}x{height} pixels; "
            "expected square pixels, to 1 %"
        )
    return None


class Shown(NamedTuple):
    """When a video's frames are shown, in seconds."""

    start: Fraction  # of the first
    end: Fraction  # of the last
    gaps: tuple[Fraction, Fraction]  # the shortest and the longest between two frames

    @property
    def warning(self) -> str:
        """For people, what is doubtful about numbers of frames; to be added to a line."""
        shortest, longest = (float(1000 * gap) for gap in self.gaps)
        if longest <= EVEN * shortest:
            return ""
        return (
            f"; the video's frames are {shortest:.0f} to {longest:.0f} ms apart, so numbers tell "
            "times only if the images were made at an even rate, as ffmpeg -vf fps=N does"
        )


def examine_video(video: Path) -> Shown:
    """When a video's frames are shown, without decoding them.

    Raises FileNotFoundError, or ValueError for what is no video or has no square pixels.
    """
    if not video.is_file():
        raise FileNotFoundError(f"{video}: no such video")
    advice = (
        f"convert it first, for example ffmpeg -i {video.name} -vf scale=-2:{CROP},setsar=1 "
        f"{video.stem}-{CROP}.mp4"
    )
    try:
        with av.open(str(video), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stretched = stream.sample_aspect_ratio not in (None, 0, 1)
            times = sorted(
                packet.pts * packet.time_base
                for packet in container.demux(stream)
                if packet.pts is not None and not packet.is_discard
            )
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{video}: not a video that can be decoded ({error}); {advice}") from error
    if stretched:
        raise ValueError(
            f"{video}: found pixels that are not square, expected square ones; {advice}"
        )
    if not times:
        raise ValueError(f"{video}: its video stream is empty")
    gaps = [later - time for time, later in pairwise(times)] or [Fraction(0)]
    return Shown(times[0], times[-1], (min(gaps), max(gaps)))
