"""What of each frame becomes training data: the lens undone, the part about the principal point."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...cameras.files.camera import Camera
from ...cameras.files.path import PRINCIPAL_TOLERANCE
from ...cameras.lens import is_distorted, pinhole, sees, undistort_frame
from ..video import CROP

LEAST_KEPT = 0.5  # of the frame's shorter side
BISECTIONS = 12  # so that a crop is exact to a 4,000th of the frame

Size = tuple[int, int]  # (height, width), pixels


@dataclass(frozen=True)
class Framing:
    """How frames of one size become frames of the video: a box of each, 360 pixels high."""

    lenses: list[Camera]  # of the whole frames
    cameras: list[Camera]  # of the boxes, without distortion
    boxes: list[tuple[float, float, float, float]]  # (left, top, right, bottom), pixels
    target: Size  # of the video's frames
    undone: bool  # whether lens distortion is undone
    cropped: str = ""  # what is cut off, for people; nothing but for an even width

    @property
    def size_text(self) -> str:
        """The size of the video's frames, for people."""
        return f"{self.target[1]}x{self.target[0]}"

    @property
    def notes(self) -> str:
        """What a user should know, to be added to a line."""
        return ("; lens distortion undone" if self.undone else "") + self.cropped

    def picture(self, frame: np.ndarray, index: int) -> np.ndarray:
        """Frame number `index` as the video shows it."""
        if self.undone:
            frame = undistort_frame(frame, self.lenses[index])
        height, width = self.target
        # Pillow's bicubic filter widens when it reduces, so the result is antialiased.
        picture = Image.fromarray(frame)
        box = self.boxes[index]
        return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box=box))


def frame_cameras(lenses: list[Camera], size: Size, source: Path) -> Framing:
    """The part of frames of `size` that training can take: central, wide enough, all of it seen.

    Lens distortion is undone. A principal point off the centre, or a portrait frame, is cropped.
    Raises ValueError naming `source` where less than half of the shorter side would be left.
    """
    height, width = size
    undone = any(is_distorted(lens, size) for lens in lenses)
    off_centre = max(abs(part - 0.5) for lens in lenses for part in lens.principal)
    about_principal = undone or off_centre > PRINCIPAL_TOLERANCE
    points = [lens.principal if about_principal else (0.5, 0.5) for lens in lenses]
    centres = np.array(points) * (width, height)
    # Of the box, (x, y).
    half = np.minimum(centres, (width, height) - centres).min(axis=0).clip(min=0)
    if undone:
        half = half * _seen_part(lenses, centres, half, size)
    half[1] = min(half)  # at least as wide as high
    if 2 * half[1] < LEAST_KEPT * min(size):
        raise ValueError(
            f"{source}: of {width}x{height} pixels only {_box_text(half)} about the principal point"
            f" {_point_text(centres[0])} could be used; expected half of the shorter side at least:"
            " undistort the frames to a camera with its principal point in the centre"
        )
    # H.264 needs an even width, so up to two pixels are cropped. Pixels stay square.
    target = CROP, 2 * math.floor(half[0] * CROP / half[1] / 2 + 1e-9)
    kept = np.array([target[1] * half[1] / CROP, half[1]])
    cropped = ""
    if about_principal or width < height:
        cropped = f"; of {width}x{height} pixels, {_box_text(kept)} about {_point_text(centres[0])}"
    return Framing(
        lenses,
        [_boxed(lens, centre, kept, size) for lens, centre in zip(lenses, centres, strict=True)],
        [(*(centre - kept), *(centre + kept)) for centre in centres],
        target,
        undone,
        cropped,
    )


def _seen_part(lenses: list[Camera], centres: np.ndarray, half: np.ndarray, size: Size) -> float:
    """The largest factor, up to 1, by which a box may be so that the lenses saw all of it."""
    different = {
        (lens.distortion, lens.principal, lens.focal_lengths(size)): (lens, centre)
        for lens, centre in zip(lenses, centres, strict=True)
    }.values()

    def seen(part: float) -> bool:
        return all(
            sees(centre - part * half, centre + part * half, lens, size)
            for lens, centre in different
        )

    if seen(1.0):
        return 1.0
    known, failed = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (known + failed) / 2
        known, failed = (middle, failed) if seen(middle) else (known, middle)
    return known


def _boxed(lens: Camera, centre: np.ndarray, half: np.ndarray, size: Size) -> Camera:
    """The pinhole camera of a box of an image of `size`."""
    height, width = size
    focal_y, focal_x = lens.focal_lengths(size)
    principal = 0.5 + (np.array(lens.principal) * (width, height) - centre) / (2 * half)
    return replace(
        pinhole(lens),
        focal_y=focal_y * height / (2 * half[1]),
        focal_x=focal_x * width / (2 * half[0]),
        principal=(float(principal[0]), float(principal[1])),
    )


def _box_text(half: np.ndarray) -> str:
    return f"{2 * half[0]:.0f}x{2 * half[1]:.0f}"


def _point_text(point: np.ndarray) -> str:
    return f"({point[0]:.0f}, {point[1]:.0f})"
