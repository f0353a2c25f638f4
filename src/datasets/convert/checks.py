"""What training takes for granted of a camera and of a video, checked."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ...cameras.files.camera import Camera
from ...cameras.realestate10k import VIDEO_SUFFIXES
from ..video import CROP

PRINCIPAL_TOLERANCE = 0.02  # fraction of the side, off the centre
SQUARE_TOLERANCE = 0.01  # of the ratio of a pixel's sides
FOCAL_TOLERANCE = 0.01  # largest to smallest focal length, relative


def check_cameras(cameras: list[Camera], size: tuple[int, int], source: Path) -> None:
    """Raise ValueError if training would misread the frames in `source`, naming the camera.

    Training expects square pixels, a central principal point and one focal length. Frames are at
    least as wide as high. size: (height, width) of the frames.
    """
    height, width = size
    if width < height:
        raise ValueError(
            f"{source}: {width}x{height} pixels; expected at least as wide as high; crop them "
            "about the centre"
        )
    for camera in cameras:
        fault = _fault(camera, size)
        if fault:
            raise ValueError(
                f"{source}: camera of {camera.image_name}: {fault}; undistort the images to such "
                "a camera, and give those that the cameras belong to"
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
    x, y = camera.principal
    stretch = focal_x * width / (focal_y * height)
    if abs(stretch - 1) > SQUARE_TOLERANCE:
        return (
            f"focal lengths differ by a factor {stretch:.3f} in {width}x{height} pixels; "
            "expected square pixels, to 1 %"
        )
    if max(abs(x - 0.5), abs(y - 0.5)) > PRINCIPAL_TOLERANCE:
        return (
            f"principal point at {x:.3f} of the width, {y:.3f} of the height; expected 0.5, to 0.02"
        )
    return None


def check_video(video: Path) -> tuple[Fraction, Fraction]:
    """The times of a video's first and last frame, in seconds.

    Raises FileNotFoundError. Raises ValueError if the frames in the file are not as players
    show them.
    """
    if not video.is_file():
        raise FileNotFoundError(f"{video}: no such video")
    advice = (
        f"convert it first, for example ffmpeg -i {video.name} -vf scale=-2:{CROP},setsar=1 "
        f"{video.stem}-{CROP}.mp4"
    )
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        raise ValueError(f"{video}: expected {', '.join(VIDEO_SUFFIXES)}; {advice}")
    try:
        fault, times = _examine(video)
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise ValueError(f"{video}: not a video that can be decoded ({error}); {advice}") from error
    if fault:
        raise ValueError(
            f"{video}: found {fault}, expected upright frames of square pixels as they are "
            f"stored; {advice}"
        )
    return min(times), max(times)


def _examine(video: Path) -> tuple[str | None, list[Fraction]]:
    """What players would change about a video's frames, or None; and the frames' times, seconds."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        turned = next(container.decode(stream)).rotation
        stretched = stream.sample_aspect_ratio not in (None, 0, 1)
        container.seek(0)
        times = [
            packet.pts * packet.time_base
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        ]
    if turned:
        return "a rotation", times
    return "pixels that are not square" if stretched else None, times
