"""Frames of images or of a video, with their cameras: what is read, and how it becomes a video."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...cameras.files.camera import Camera
from ...cameras.files.fitting import fit_camera, is_upright, unsquashed
from ...utils.images import decoding, open_file, orientation, read_frame, sizes_of
from .checks import check_cameras
from .framing import Framing, Size, frame_cameras


@dataclass(frozen=True)
class Still:
    """An image file of a camera, of which only the header was read."""

    path: Path
    size: Size  # as it is read
    upright: bool  # whether it is turned as its EXIF says (`is_upright`)
    unturned: bool  # whether it is not, although its EXIF says so

    @classmethod
    def of(cls, path: Path, camera: Camera) -> "Still":
        """Read the header; raises ValueError for what is no image."""
        with open_file(path) as file, decoding(file) as image:
            sizes = sizes_of(image)
            upright = is_upright(camera, *sizes)
            return cls(path, sizes[upright], upright, orientation(image) != 1 and not upright)

    def read(self) -> np.ndarray:
        """The frame; raises ValueError for a damaged file."""
        return read_frame(self.path, self.upright)


@dataclass(frozen=True)
class Footage:
    """Frames and their cameras, and what becomes of them."""

    cameras: list[Camera]  # of the frames as they are read
    framing: Framing
    size: Size  # that frames have once they are unsquashed
    squashed: bool
    read: Callable[[int], np.ndarray]

    @property
    def changed(self) -> bool:
        """Whether frames need more than scaling before training can take them."""
        return self.squashed or bool(self.framing.notes)

    def picture(self, index: int) -> np.ndarray:
        """Frame number `index` as the video shows it."""
        frame = self.read(index)
        if self.squashed:
            picture = Image.fromarray(frame)
            frame = np.asarray(picture.resize(self.size[::-1], Image.Resampling.BICUBIC))
        return self.framing.picture(frame, index)


def fit_footage(
    cameras: list[Camera],
    size: Size,
    source: Path,
    read: Callable[[int], np.ndarray],
    shape: str | None,
) -> Footage:
    """Frames of `size`, by their number, with the cameras of a file.

    Raises ValueError naming `source` for cameras that do not belong to such frames, or that
    training cannot take.
    """
    whole = unsquashed(cameras[0], size) if shape == "squashed" else size
    try:
        fitted = [fit_camera(camera, whole, shape) for camera in cameras]
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    check_cameras(fitted, whole, source)
    framing = frame_cameras(fitted, whole, source)
    return Footage(fitted, framing, whole, whole != size, read)
