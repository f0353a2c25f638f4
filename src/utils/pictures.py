"""Pictures out: PNG, video, contact sheet; and as the networks take them.

A *frame* is a numpy array (height, width, 3), uint8, RGB.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .files import atomic_path
from .video_writing import encode_h264, exact_rate

# Pixels. Smaller frames of a video are enlarged to at least this: players would show thumbnails.
VIDEO_SIZE = 256
# Pixels. A contact sheet's tiles are enlarged or reduced into this range.
TILE_SIZES = 96, 256
# Pixels, of a contact sheet.
MARGIN = 6
CAPTION_HEIGHT = 18
MARK_WIDTH = 3


def from_bytes(images: Tensor) -> Tensor:
    """Images as the networks take them: uint8 of any shape -> float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_bytes(images: Tensor) -> Tensor:
    """The inverse of `from_bytes`: clamped to [-1, 1], rounded to the nearest of 256 values."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()


def to_tensor(frame: np.ndarray) -> Tensor:
    """A frame as the networks take it: (1, 3, height, width), float32 in [-1, 1]."""
    return from_bytes(torch.from_numpy(frame).permute(2, 0, 1)[None])


def to_frame(image: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`: (1, 3, height, width) to a frame."""
    return to_bytes(image[0]).permute(1, 2, 0).cpu().numpy()


def png_bytes(frame: np.ndarray) -> bytes:
    """A frame as the content of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG")
    return buffer.getvalue()


def write_png(path: Path, frame: np.ndarray) -> None:
    """Write a frame, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(frame))


def write_video(path: Path, frames: Sequence[np.ndarray], frames_per_second: float) -> None:
    """Write frames of one size as an H.264 MP4 that common players show, whole or not at all."""
    frames = [_for_video(frame) for frame in frames]
    size = frames[0].shape[:2]
    with atomic_path(path) as temporary:
        encode_h264(temporary, frames, size, exact_rate(frames_per_second), for_players=True)


def _for_video(frame: np.ndarray) -> np.ndarray:
    """Each pixel repeated until the frame is large enough, then its border until sides are even."""
    frame = _enlarge(frame, VIDEO_SIZE)
    height, width = frame.shape[:2]
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded)


def _enlarge(frame: np.ndarray, size: int) -> np.ndarray:
    """Each pixel repeated until both sides have at least `size` pixels."""
    factor = max(1, math.ceil(size / min(frame.shape[:2])))
    return frame.repeat(factor, axis=0).repeat(factor, axis=1)


def write_contact_sheet(
    path: Path, frames: Sequence[np.ndarray], captions: Sequence[str], marked: Sequence[bool]
) -> None:
    """Write frames of one size as a grid, row by row, each over its caption.

    Marked ones have an orange border.
    """
    tiles = [_tile(frame) for frame in frames]
    width = tiles[0].width + 2 * MARGIN
    height = tiles[0].height + 2 * MARGIN + CAPTION_HEIGHT
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (tile, caption, mark) in enumerate(zip(tiles, captions, marked, strict=True)):
        row, column = divmod(number, columns)
        left, top = column * width + MARGIN, row * height + MARGIN
        right, bottom = left + tile.width, top + tile.height
        if mark:
            first = left - MARK_WIDTH, top - MARK_WIDTH
            last = right + MARK_WIDTH - 1, bottom + MARK_WIDTH - 1
            draw.rectangle((first, last), fill="darkorange")
        sheet.paste(tile, (left, top))
        draw.text((left, bottom + 4), caption, fill="black", font=font)
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG")


def _tile(frame: np.ndarray) -> Image.Image:
    smallest, largest = TILE_SIZES
    tile = Image.fromarray(_enlarge(frame, smallest))
    tile.thumbnail((largest, largest), Image.Resampling.BICUBIC)
    return tile
