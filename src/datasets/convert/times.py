"""When each camera's frame is shown in a video."""

import re
from fractions import Fraction
from typing import NamedTuple

from ...cameras.files.camera import Camera
from ...cameras.files.matching import stem_of
from ..video_reader import MICROSECONDS
from .checks import Shown


class Numbers(NamedTuple):
    """What the numbers in the names of a video's frames mean; both None where there are none."""

    rate: Fraction | None  # numbers a second
    first: int | None  # of the video's first frame


def frame_times(cameras: list[Camera], numbers: Numbers, shown: Shown) -> list[int]:
    """Microseconds of each camera in a video: the poses' own, or from the number in its image name.

    Raises ValueError for a name without a number, and for a number outside the video by more than a
    half. Raises ValueError also unless `numbers` are given just where they are needed.
    """
    rate, first_number = numbers
    if cameras[0].timestamp is not None:
        if (rate, first_number) != (None, None):
            raise ValueError(
                "--fps and --first-number: the poses have times of their own; expected neither"
            )
        return [camera.timestamp for camera in cameras]
    if rate is None or first_number is None:
        raise ValueError(
            f"--video, and poses of images such as {cameras[0].image_name}: expected --fps, those "
            "images' frames a second, and --first-number; that is the number in the name of the "
            "video's first frame (1 if ffmpeg -vf fps=N:round=up wrote them)"
        )
    named = [_frame_number(camera) for camera in cameras]
    start = shown.start
    last_number = first_number + int((shown.end - start) * rate + Fraction(1, 2))
    if min(named) < first_number or max(named) > last_number:
        raise ValueError(
            f"poses of frames {min(named)} to {max(named)}: at {float(rate):g} a second the "
            f"video has {first_number} to {last_number}; expected another --fps or --first-number"
        )
    return [round((start + (number - first_number) / rate) * MICROSECONDS) for number in named]


def _frame_number(camera: Camera) -> int:
    """The last number in an image's name."""
    numbers = re.findall("[0-9]+", stem_of(camera.image_name))
    if not numbers:
        raise ValueError(
            f"pose of {camera.image_name}: no number in the name; expected the frame's, for its "
            "time in the video"
        )
    return int(numbers[-1])
