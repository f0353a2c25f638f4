"""When each camera's frame is shown in a video."""

import re
from fractions import Fraction
from pathlib import Path

from ...cameras.files.camera import Camera
from ...utils.images import IMAGE_SUFFIXES
from ..video_reader import MICROSECONDS


def frame_times(
    cameras: list[Camera],
    rate: Fraction | None,
    first_number: int | None,
    shown: tuple[Fraction, Fraction],
) -> list[int]:
    """Microseconds of each camera in a video: the poses' own, or from the number in its image name.

    With numbers, frame `first_number` is the video's first, and `rate` numbers make a second.
    shown: times of the video's first and last frame, seconds. Raises ValueError for a name without
    a number, and for a number outside the video by more than a half. Raises ValueError also unless
    rate and first_number are given just where they are needed.
    """
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
    numbers = [_frame_number(camera) for camera in cameras]
    start, end = shown
    last_number = first_number + int((end - start) * rate + Fraction(1, 2))
    if min(numbers) < first_number or max(numbers) > last_number:
        raise ValueError(
            f"poses of frames {min(numbers)} to {max(numbers)}: at {float(rate):g} a second the "
            f"video has {first_number} to {last_number}; expected another --fps or --first-number"
        )
    return [round((start + (number - first_number) / rate) * MICROSECONDS) for number in numbers]


def _frame_number(camera: Camera) -> int:
    """The last number in an image's name."""
    name = Path(camera.image_name)
    # Without its suffix, but a name such as shot.0012 has none.
    text = name.stem if name.suffix.lower() in IMAGE_SUFFIXES else name.name
    numbers = re.findall("[0-9]+", text)
    if not numbers:
        raise ValueError(
            f"pose of {camera.image_name}: no number in the name; expected the frame's, for its "
            "time in the video"
        )
    return int(numbers[-1])
