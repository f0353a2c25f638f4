"""Converting a sequence: its cameras from a file, its frames from images or from a video."""

import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from ...cameras.files.camera import Camera
from ...cameras.files.matching import images_of_cameras
from ...cameras.files.reading import read_cameras
from ...utils.images import read_frame
from ...utils.video_writing import encode_h264, exact_rate
from ..pairs import MINIMUM_POSES
from ..video import CROP, read_frames
from ..video_reader import MICROSECONDS
from .checks import check_cameras, check_video
from .place import Place, pose_text, write_sequence
from .times import frame_times

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
) -> Converted:
    """Write the video and the pose file of a sequence to `place`.

    poses: any file that `read_cameras` reads; its unit of length is kept. The frames come from a
    folder of images, which become a video, or from a video, which is copied; give one of them.
    rate: frames a second, 0.1 to 240; of the written video, or of the images that the poses name.
    first_number: the number that such an image has if it is the video's first frame.
    force: replace files of this name. Raises ValueError or FileNotFoundError for what does not fit.
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
    cameras = read_cameras(poses)
    if len(cameras) < MINIMUM_POSES:
        raise ValueError(f"{poses}: {len(cameras)} poses; expected at least {MINIMUM_POSES}")
    if video:
        number_rate = None if rate is None else exact_rate(rate)
        done = _convert_video(place, cameras, video, number_rate, first_number, force)
    else:
        video_rate = exact_rate(IMAGES_A_SECOND if rate is None else rate)
        done = _convert_images(place, cameras, images, video_rate, force)
    positions = np.stack([camera.pose[:3, 3] for camera in cameras])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return Converted(done, float(np.median(steps)))


def _convert_images(
    place: Place, cameras: list[Camera], folder: Path, rate: Fraction, force: bool
) -> str:
    """Write the cameras' images as a video, and the pose file; returns a line that says so."""
    paths, others = images_of_cameras(cameras, folder)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(cameras)} cameras have no image in it; "
            f"{missing[0]} is the first"
        )
    height, width = read_frame(paths[0]).shape[:2]
    check_cameras(cameras, (height, width), folder)
    (target_height, target_width), box = _target(height, width)
    kept = (box[2] - box[0]) / width
    timestamps = [round(index * MICROSECONDS / rate) for index in range(len(cameras))]
    text = pose_text(place, cameras, timestamps, (height, width), kept)

    def write_video(path: Path) -> None:
        _encode(path, paths, (height, width), rate)

    were_there = write_sequence(place, ".mp4", text, write_video, force)
    return (
        f"{len(cameras)} images of {width}x{height} {'were there' if were_there else 'written'} "
        f"as {target_width}x{target_height}{_notes(cameras, paths, others)}"
    )


def _notes(cameras: list[Camera], paths: list[Path], others: list[Path]) -> str:
    """What a user should know about how images were matched with cameras."""
    notes = ""
    if others:
        notes += f"; {len(others)} images without a camera left out, {others[0].name} the first"
    pairs = zip(cameras, paths, strict=True)
    if not any(path.stem in camera.image_name for camera, path in pairs):
        notes += (
            "; no name fits a camera's, so images and cameras were matched by the order of "
            "their names"
        )
    return notes


def _target(height: int, width: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """Size (height, width) of the video's frames, and the box of an image that they show.

    The box is (left, top, right, bottom). The height becomes `CROP`. H.264 needs an even width,
    so up to two pixels are cropped: pixels stay square.
    """
    target_width = 2 * (width * CROP // height // 2)
    left = (width - target_width * height / CROP) / 2
    return (CROP, target_width), (left, 0.0, width - left, float(height))


def _encode(path: Path, images: list[Path], size: tuple[int, int], rate: Fraction) -> None:
    """Write H.264 of images that all have `size` (height, width); else ValueError."""
    (height, width), box = _target(*size)

    def scaled(image: Path) -> np.ndarray:
        frame = read_frame(image)
        if frame.shape[:2] != size:
            raise ValueError(
                f"{image}: {frame.shape[1]}x{frame.shape[0]} pixels; expected {size[1]}x{size[0]} "
                "as the first image has"
            )
        # Pillow's bicubic filter widens when it reduces, so the result is antialiased.
        picture = Image.fromarray(frame)
        return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box=box))

    encode_h264(path, map(scaled, images), (height, width), rate)


def _convert_video(
    place: Place,
    cameras: list[Camera],
    video: Path,
    rate: Fraction | None,
    first_number: int | None,
    force: bool,
) -> str:
    """Copy a video, and write the pose file with the cameras' times in it; returns a line."""
    times = frame_times(cameras, rate, first_number, check_video(video))
    order = sorted(range(len(times)), key=times.__getitem__)
    times = [times[index] for index in order]
    cameras = [cameras[index] for index in order]
    for time, later, camera in zip(times, times[1:], cameras, strict=False):
        if time == later:
            raise ValueError(
                f"pose of {camera.image_name}: another one at {time / MICROSECONDS:.6f} s; "
                "expected one a frame"
            )
    # Reading the two outermost frames shows that the video reaches every time.
    height, width = read_frames(video, [times[0], times[-1]]).shape[1:3]
    check_cameras(cameras, (height, width), video)
    text = pose_text(place, cameras, times, (height, width))

    def write_video(path: Path) -> None:
        shutil.copyfile(video, path)

    were_there = write_sequence(place, video.suffix.lower(), text, write_video, force)
    first, last = times[0] / MICROSECONDS, times[-1] / MICROSECONDS
    return (
        f"{len(cameras)} poses from {first:.3f} to {last:.3f} s "
        f"{'were there' if were_there else 'written'}, video of {width}x{height}"
    )
