"""One's own posed images or video -> a video and a text file in RealEstate10K's format: `convert-sequence.py`.

The cameras come from any file that `camera_files` reads; their unit of length is kept. What training takes for granted of a
camera is checked here: a central principal point, square pixels, one focal length, frames at least as wide as high.
"""

import filecmp
import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np
from PIL import Image

from ..cameras.files.camera import Camera
from ..cameras.files.matching import images_of_cameras
from ..cameras.realestate10k import VIDEO_SUFFIXES, realestate10k_text
from ..utils.files import atomic_path
from ..utils.pictures import IMAGE_SUFFIXES, read_frame
from ..utils.video_writing import encode_h264
from .video import CROP, MICROSECONDS, read_frames

PRINCIPAL_TOLERANCE = 0.02  # fraction of the side, off the centre
SQUARE_TOLERANCE = 0.01  # of the ratio of a pixel's sides
FOCAL_TOLERANCE = 0.01  # largest to smallest focal length, relative


@dataclass(frozen=True)
class Place:
    """Where a sequence's files go. Its identifiers, as long as RealEstate10K's, follow from its name alone."""

    data: Path
    split: str
    name: str

    @property
    def video_id(self) -> str:
        """11 hexadecimal digits."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:11]

    @property
    def text(self) -> Path:
        """The pose file; its name is the sequence's identifier, 16 hexadecimal digits."""
        sequence_id = hashlib.sha256(self.name.encode()).hexdigest()[11:27]
        return self.data / "RealEstate10K-original" / self.split / f"{sequence_id}.txt"

    def video(self, suffix: str) -> Path:
        """The video file."""
        return self.data / self.split / "videos" / f"{self.video_id}{suffix}"


def check_cameras(cameras: list[Camera], size: tuple[int, int], source: Path) -> None:
    """Raise ValueError naming the camera if training would misread its frames in `source`, of `size` (height, width)."""
    height, width = size
    if width < height:
        raise ValueError(
            f"{source}: {width}x{height} pixels; expected at least as wide as high: crop them about the centre"
        )
    for camera in cameras:
        (focal_y, focal_x), (x, y) = camera.focal_lengths(size), camera.principal
        stretch, fault = focal_x * width / (focal_y * height), None
        if abs(stretch - 1) > SQUARE_TOLERANCE:
            fault = f"focal lengths differ by a factor {stretch:.3f} in {width}x{height} pixels; expected square pixels, to 1 %"
        elif max(abs(x - 0.5), abs(y - 0.5)) > PRINCIPAL_TOLERANCE:
            fault = f"principal point at {x:.3f} of the width, {y:.3f} of the height; expected 0.5, to 0.02"
        if fault:
            advice = (
                "undistort the images to such a camera, and give those that the cameras belong to"
            )
            raise ValueError(f"{source}: camera of {camera.image_name}: {fault}: {advice}")
    lengths = [camera.focal_lengths(size)[0] for camera in cameras]
    if max(lengths) > min(lengths) * (1 + FOCAL_TOLERANCE):
        found = f"focal lengths from {min(lengths):.4f} to {max(lengths):.4f} of the height"
        longest = cameras[int(np.argmax(lengths))].image_name
        raise ValueError(
            f"{source}: {found}, the longest for {longest}; expected one camera without zoom, to 1 %"
        )


def frame_times(
    cameras: list[Camera],
    rate: Fraction | None,
    first_number: int | None,
    shown: tuple[Fraction, Fraction],
) -> list[int]:
    """Microseconds of each camera in a video: the file's, or from the number in the image's name.

    Then frame `first_number` is the video's first, and `rate` numbers make a second. shown: times of the video's first and last
    frame, seconds. Raises ValueError for a name without a number or with one outside the video (half a number is tolerated),
    and unless rate and first_number are given just where they are needed.
    """
    if cameras[0].timestamp is not None:
        if (rate, first_number) != (None, None):
            raise ValueError(
                "--fps and --first-number: the poses have times of their own; expected neither"
            )
        return [camera.timestamp for camera in cameras]
    if rate is None or first_number is None:
        raise ValueError(
            f"--video, and poses of images such as {cameras[0].image_name}: expected --fps, frames a second of those images, "
            "and --first-number, that of the video's first frame in a name (1 if ffmpeg -vf fps=N:round=up wrote them)"
        )
    numbers = [_frame_number(camera) for camera in cameras]
    last_number = first_number + int((shown[1] - shown[0]) * rate + Fraction(1, 2))
    if min(numbers) < first_number or max(numbers) > last_number:
        there = f"at {float(rate):g} a second the video has {first_number} to {last_number}"
        raise ValueError(
            f"poses of frames {min(numbers)} to {max(numbers)}: {there}; expected another --fps or --first-number"
        )
    return [round((shown[0] + (number - first_number) / rate) * MICROSECONDS) for number in numbers]


def _frame_number(camera: Camera) -> int:
    """The last number in an image's name."""
    name = Path(camera.image_name)
    numbers = re.findall(
        "[0-9]+", name.stem if name.suffix.lower() in IMAGE_SUFFIXES else name.name
    )
    if not numbers:
        raise ValueError(
            f"pose of {camera.image_name}: no number in the name; expected the frame's, for its time in the video"
        )
    return int(numbers[-1])


def pose_text(
    place: Place,
    cameras: list[Camera],
    timestamps: list[int],
    size: tuple[int, int],
    kept: float = 1.0,
) -> str:
    """RealEstate10K's text, numbers kept to the last bit.

    size: (height, width) of the cameras' images, of which the video shows the middle, `kept` of the width.
    The address leads nowhere (RFC 2606), so that the downloader cannot fetch a stranger's video under this identifier.
    """
    lenses = []
    for camera in cameras:
        (focal_y, focal_x), (x, y) = camera.focal_lengths(size), camera.principal
        lenses.append((focal_x / kept, focal_y, 0.5 + (x - 0.5) / kept, y))
    url = f"https://own-footage.invalid/{quote(place.name, safe='')}?v={place.video_id}"
    poses = np.stack([camera.pose for camera in cameras])
    return realestate10k_text(url, timestamps, np.array(lenses), poses)


def convert_images(
    place: Place, cameras: list[Camera], folder: Path, rate: Fraction, force: bool = False
) -> str:
    """Write the images of the cameras as a video, `rate` frames a second, and the pose file; returns a line that says so.

    Raises ValueError or FileNotFoundError: cameras or images that don't suit, or other files of this name without `force`.
    """
    paths, others = images_of_cameras(cameras, folder)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(cameras)} cameras have no image in it; {missing[0]} is the first"
        )
    height, width = read_frame(paths[0]).shape[:2]
    check_cameras(cameras, (height, width), folder)
    size, box = _target(height, width)
    kept = (box[2] - box[0]) / width
    timestamps = [round(index * MICROSECONDS / rate) for index in range(len(cameras))]
    text = pose_text(place, cameras, timestamps, (height, width), kept)
    there = _write(
        place, ".mp4", text, lambda path: _encode(path, paths, (height, width), rate), force
    )
    note = (
        f"; {len(others)} images without a camera left out, {others[0].name} the first"
        if others
        else ""
    )
    if not any(path.stem in camera.image_name for camera, path in zip(cameras, paths, strict=True)):
        note += "; no name fits a camera's, so images and cameras were matched by the order of their names"
    return f"{len(cameras)} images of {width}x{height} {'were there' if there else 'written'} as {size[1]}x{size[0]}{note}"


def _target(height: int, width: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """Size (height, width) of the video's frames, and the box (left, top, right, bottom) of an image that they show.

    The height is `CROP`. The width must be even for H.264: less than two pixels are cropped, so that pixels stay square.
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
            found, expected = (f"{shape[1]}x{shape[0]}" for shape in (frame.shape, size))
            raise ValueError(
                f"{image}: {found} pixels; expected {expected} as the first image: all of one size"
            )
        picture = Image.fromarray(frame)
        return np.asarray(
            picture.resize((width, height), Image.Resampling.BICUBIC, box=box)
        )  # antialiased

    encode_h264(path, map(scaled, images), (height, width), rate)


def convert_video(
    place: Place,
    cameras: list[Camera],
    video: Path,
    rate: Fraction | None,
    first_number: int | None,
    force: bool = False,
) -> str:
    """Copy a video and write the pose file with the cameras' times in it; returns a line that says so. See `frame_times`.

    Raises ValueError or FileNotFoundError: a video or cameras that don't suit, a time that the video does not reach, or other
    files of this name without `force`.
    """
    times = frame_times(cameras, rate, first_number, _check_video(video))
    cameras = [
        camera for _, camera in sorted(zip(times, cameras, strict=True), key=lambda pair: pair[0])
    ]
    times.sort()
    for time, later, camera in zip(times, times[1:], cameras, strict=False):
        if time == later:
            raise ValueError(
                f"pose of {camera.image_name}: another one at {time / MICROSECONDS:.6f} s; expected one a frame"
            )
    size = read_frames(video, [times[0], times[-1]]).shape[1:3]
    check_cameras(cameras, size, video)
    text = pose_text(place, cameras, times, size)
    there = _write(
        place, video.suffix.lower(), text, lambda path: shutil.copyfile(video, path), force
    )
    done = "were there" if there else "written"
    return f"{len(cameras)} poses from {times[0] / 1e6:.3f} to {times[-1] / 1e6:.3f} s {done}, video of {size[1]}x{size[0]}"


def _check_video(video: Path) -> tuple[Fraction, Fraction]:
    """Times of a video's first and last frame, seconds; ValueError if its stored frames are not as players show them."""
    if not video.is_file():
        raise FileNotFoundError(f"{video}: no such video")
    advice = f"convert it first, for example ffmpeg -i {video.name} -vf scale=-2:{CROP},setsar=1 {video.stem}-{CROP}.mp4"
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        raise ValueError(f"{video}: expected {', '.join(VIDEO_SUFFIXES)}; {advice}")
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            turned = next(container.decode(stream)).rotation
            stretched = stream.sample_aspect_ratio not in (None, 0, 1)
            container.seek(0)
            packets = container.demux(stream)
            shown = [
                packet.pts * packet.time_base
                for packet in packets
                if packet.pts is not None and not packet.is_discard
            ]
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise ValueError(f"{video}: not a video that can be decoded ({error}); {advice}") from error
    if turned or stretched:
        found = "a rotation" if turned else "pixels that are not square"
        raise ValueError(
            f"{video}: found {found}, expected upright frames of square pixels as they are stored; {advice}"
        )
    return min(shown), max(shown)


def _write(
    place: Place, suffix: str, text: str, write_video: Callable[[Path], object], force: bool
) -> bool:
    """Write the video, then the text, which marks the sequence as whole; whether both were there already.

    Raises ValueError if files of the same name have another content and `force` is false.
    """
    video = place.video(suffix)
    in_the_way = [
        path for path in map(place.video, VIDEO_SUFFIXES) if path != video and path.is_file()
    ]
    same_text = place.text.is_file() and place.text.read_text(encoding="utf-8") == text
    if not force:
        _refuse(in_the_way if same_text else [place.text, *in_the_way])
    with atomic_path(video) as temporary:
        write_video(temporary)
        same_video = video.is_file() and filecmp.cmp(temporary, video, shallow=False)
        _refuse([] if same_video or force else [video])
        if not (same_text and same_video):
            place.text.unlink(missing_ok=True)  # never old poses beside a new video
        for path in in_the_way:
            path.unlink()
    with atomic_path(place.text) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return same_text and same_video


def _refuse(paths: list[Path]) -> None:
    """Raise ValueError for the first of the files that exists."""
    for path in filter(Path.is_file, paths):
        raise ValueError(
            f"{path}: is there with another content; expected a new --name, or --force to replace it"
        )
