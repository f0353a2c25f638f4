"""Frames of video files, and their centre squares."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torchvision.transforms.functional import InterpolationMode, resize

from ..cameras.realestate10k import VIDEO_SUFFIXES
from ..samples import image_places
from ..utils.pictures import png_bytes
from .video_reader import VideoReader

CROP = 360  # pixels: height to which videos are brought, and side of the centre square


def find_videos(folder: str | Path) -> dict[str, Path]:
    """The videos of a folder by name (file name without suffix).

    Raises FileNotFoundError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected one with videos ({', '.join(VIDEO_SUFFIXES)})"
        )
    return {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    }


def read_frames(path: str | Path, timestamps: Iterable[int]) -> np.ndarray:
    """The frames nearest to `timestamps`, (n, height, width, 3) uint8 RGB, as players turn them.

    timestamps: microseconds, in any order. Raises FileNotFoundError. Raises ValueError for a file
    that cannot be decoded, and for a time more than a second outside it. Frames of high dynamic
    range and interlaced ones are refused, with a command that mends the video.
    """
    with VideoReader(path) as reader:
        return reader.read(timestamps)


def crop_and_resize(frames: np.ndarray, size: int = 256) -> np.ndarray:
    """Centre squares of frames: (n, height, width, 3) uint8 -> (n, size, size, 3) uint8.

    Frames of another height are first resized to height 360. The centre square of 360x360 is then
    resized to `size`. Both are bicubic and antialiased, as in the published system. Square frames
    of that size already stay as they are. Raises ValueError for frames narrower than the square.
    """
    # (n, 3, height, width)
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    height, width = images.shape[2:]
    if height == width == size:
        return np.array(frames)
    scaled_width = round(width * CROP / height)
    if scaled_width < CROP:
        raise ValueError(
            f"frames of {width}x{height} pixels are too narrow: expected at least as wide as high"
        )
    images = _resize(images, (CROP, scaled_width))
    left = round((scaled_width - CROP) / 2)
    images = _resize(images[..., left : left + CROP], (size, size))
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def reduce_height(frames: np.ndarray) -> np.ndarray:
    """Frames (n, height, width, 3) uint8 of at most 360 pixels high, as `crop_and_resize` begins.

    Lower ones stay as they are.
    """
    height, width = frames.shape[1:3]
    if height <= CROP:
        return frames
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    reduced = _resize(images, (CROP, round(width * CROP / height)))
    return reduced.permute(0, 2, 3, 1).contiguous().numpy()


def _resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images (n, 3, height, width) uint8 resized to `size` (height, width)."""
    if tuple(images.shape[2:]) == size:
        return images

    def resized(image: torch.Tensor) -> torch.Tensor:
        return resize(image, list(size), InterpolationMode.BICUBIC, antialias=True)

    # One image at a time, plane by plane: the same result, twice as fast as a batch of interleaved
    # ones, which leaves the cache.
    return torch.stack([resized(image.contiguous()) for image in images])


def sample_images(
    video: str | Path, timestamps: Iterable[int], given: Sequence[int] = (0,)
) -> dict[Path, bytes]:
    """A video's frames as the images of a sample: PNG files by their place in its folder.

    All of them are there to compare with, the `given` ones also as given images. Raises as
    `read_frames`.
    """
    frames = crop_and_resize(read_frames(video, timestamps))
    return image_places([png_bytes(frame) for frame in frames], given)
