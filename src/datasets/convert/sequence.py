"""Converting a sequence: its cameras from a file, its frames from images or from a video."""

import shutil
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...cameras.files.camera import Camera
from ...cameras.files.matching import Matching, match_images
from ...cameras.files.reading import read_cameras
from ...cameras.realestate10k import VIDEO_SUFFIXES
from ...utils.video_writing import encode_h264, exact_rate
from ..pairs import MINIMUM_POSES
from ..video_reader import MICROSECONDS, VideoReader
from .checks import examine_video
from .footage import Footage, Still, fit_footage
from .place import Place, pose_text, write_sequence
from .times import Numbers, frame_times

FRAMES_AT_ONCE = 8  # of a video, in memory
IMAGES_A_SECOND = 10  # of the video that images become, unless told otherwise


@dataclass(frozen=True)
class Converted:
    """What came of a conversion."""

    done: str  # one line: what was written, or was there, and what was left out
    step: float  # median distance between neighbouring cameras, in the cameras' unit


def convert_sequence(
    place: Place,
    poses: Path,
    images: Path | None = None,
    video: Path | None = None,
    rate: float | None = None,
    first_number: int | None = None,
    force: bool = False,
    shape: str | None = None,
    axes: str = "blender",
    allow_unmatched: bool = False,
) -> Converted:
    """Write the video and the pose file of a sequence to `place`.

    poses: any file that `read_cameras` reads; its unit of length is kept. The frames come from a
    folder of images, which become a video, or from a video, which is copied; give one of them.
    rate: frames a second, 0.1 to 240; of the written video, or of the images that the poses name.
    first_number: the number that such an image has if it is the video's first frame.
    force: replace files of this name. shape: what frames show that have another shape than their
    cameras' images, "cropped" or "squashed" (`fit_camera`). axes: of plain matrices.
    allow_unmatched: leave out cameras without an image, and images without a camera. Raises
    ValueError or FileNotFoundError for what does not fit.
    """
    if (images is None) == (video is None):
        raise ValueError("expected either a folder of images or a video")
    if rate is not None and not 0.1 <= rate <= 240:
        raise ValueError(f"--fps {rate:g}: expected 0.1 to 240 frames a second")
    if images and first_number is not None:
        raise ValueError(
            "--first-number: goes with --video; expected none with --images, which are taken in "
            "order"
        )
    cameras = read_cameras(poses, images, axes, distorted=True)
    if images:
        matching = _matched(cameras, images, allow_unmatched)
        cameras = matching.without_missing().cameras
    if len(cameras) < MINIMUM_POSES:
        raise ValueError(f"{poses}: {len(cameras)} poses; expected at least {MINIMUM_POSES}")
    if video:
        number_rate = None if rate is None else exact_rate(rate)
        numbers = Numbers(number_rate, first_number)
        done = _convert_video(place, cameras, video, numbers, force, shape)
    else:
        video_rate = exact_rate(IMAGES_A_SECOND if rate is None else rate)
        done = _convert_images(place, matching, images, video_rate, force, shape)
    positions = np.stack([camera.pose[:3, 3] for camera in cameras])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return Converted(done, float(np.median(steps)))


def _matched(cameras: list[Camera], folder: Path, allow_unmatched: bool) -> Matching:
    """Cameras and their images; a ValueError for one without the other, unless that is allowed."""
    matching = match_images(cameras, folder)
    if matching.fault and not allow_unmatched:
        raise ValueError(
            f"{folder}: {matching}: {matching.fault}; expected one for each, or --allow-unmatched"
        )
    return matching


def _convert_images(
    place: Place,
    matching: Matching,
    folder: Path,
    rate: Fraction,
    force: bool,
    shape: str | None,
) -> str:
    """Write the cameras' images as a video, and the pose file; returns a line that says so."""
    cameras, paths, *_ = matching.without_missing()
    images = [Still.of(path, camera) for path, camera in zip(paths, cameras, strict=True)]
    height, width = size = images[0].size
    for image in images:
        if image.size != size:
            raise ValueError(
                f"{image.path}: {image.size[1]}x{image.size[0]} pixels; expected {width}x{height} "
                "as the first image has"
            )
    footage = fit_footage(cameras, size, folder, lambda index: images[index].read(), shape)
    were_there = _write_anew(place, footage, rate, force)
    return (
        f"{len(cameras)} images of {width}x{height} {'were there' if were_there else 'written'} "
        f"as {footage.framing.size_text}{footage.framing.notes}{_notes(matching, images)}"
    )


def _notes(matching: Matching, images: list[Still]) -> str:
    """What a user should know about how images were read, and matched with cameras."""
    notes = f"; {matching}"
    unturned = sum(image.unturned for image in images)
    if unturned:
        notes += (
            f"; {unturned} images not turned by their EXIF, as the cameras belong to the pixels as "
            "stored"
        )
    if matching.fault:
        notes += f"; left out: {matching.fault}"
    return notes


def _write_anew(place: Place, footage: Footage, rate: Fraction, force: bool) -> bool:
    """Write frames as a video and its pose file; returns whether both were there already."""
    framing = footage.framing
    count = len(framing.cameras)
    timestamps = [round(index * MICROSECONDS / rate) for index in range(count)]
    text = pose_text(place, framing.cameras, timestamps, framing.target)

    def write_video(path: Path) -> None:
        encode_h264(path, map(footage.picture, range(count)), framing.target, rate)

    return write_sequence(place, ".mp4", text, write_video, force)


def _convert_video(
    place: Place,
    cameras: list[Camera],
    video: Path,
    numbers: Numbers,
    force: bool,
    shape: str | None,
) -> str:
    """Copy a video, and write the pose file with the cameras' times in it; returns a line.

    Where training could not take the video as it is, the cameras' frames are written as another.
    """
    shown = examine_video(video)
    cameras, times = _in_order(cameras, frame_times(cameras, numbers, shown))
    with VideoReader(video) as reader:
        # Reading the two outermost frames shows that the video reaches every time.
        height, width = reader.read([times[0], times[-1]]).shape[1:3]

        @lru_cache(maxsize=1)
        def block(start: int) -> np.ndarray:  # so that a group of pictures is decoded once
            return reader.read(times[start : start + FRAMES_AT_ONCE])

        def read(index: int) -> np.ndarray:
            return block(index - index % FRAMES_AT_ONCE)[index % FRAMES_AT_ONCE]

        footage = fit_footage(cameras, (height, width), video, read, shape)
        framing = footage.framing
        stays = not footage.changed and times[0] >= 0 and video.suffix.lower() in VIDEO_SUFFIXES
        if stays:
            text = pose_text(place, footage.cameras, times, (height, width))

            def copy(path: Path) -> None:
                shutil.copyfile(video, path)

            were_there = write_sequence(place, video.suffix.lower(), text, copy, force)
        else:
            rate = numbers.rate or Fraction(IMAGES_A_SECOND)
            were_there = _write_anew(place, footage, rate, force)
    first, last = times[0] / MICROSECONDS, times[-1] / MICROSECONDS
    done = f"{len(cameras)} poses from {first:.3f} to {last:.3f} s"
    done = f"{done} {'were there' if were_there else 'written'}, video of {width}x{height}"
    done += "" if stays else f", their frames anew as {framing.size_text}{framing.notes}"
    return done + (shown.warning if numbers.rate else "")


def _in_order(cameras: list[Camera], times: list[int]) -> tuple[list[Camera], list[int]]:
    """Cameras and their times, by time; ValueError for two cameras at one time."""
    order = sorted(range(len(times)), key=times.__getitem__)
    cameras, times = [cameras[index] for index in order], [times[index] for index in order]
    for time, later, camera in zip(times, times[1:], cameras, strict=False):
        if time == later:
            raise ValueError(
                f"pose of {camera.image_name}: another one at {time / MICROSECONDS:.6f} s; "
                "expected one a frame"
            )
    return cameras, times
