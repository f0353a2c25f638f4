"""What can be taken home of a run or a path: the content of files."""

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..samples import RunFolder
from ..utils.images import read_frame
from ..utils.pictures import png_bytes, write_video

FRAMES_PER_SECOND = 10.0


def run_frames(run: RunFolder) -> list[np.ndarray]:
    """The frames that are there, in the order of the path; ValueError if there are none."""
    frames = run.spec().poses
    paths = [run.image(index) for index in range(len(frames))]
    there = [read_frame(path) for path in paths if path.is_file()]
    if not there:
        raise ValueError("no frames yet; generate some first")
    return there


def mp4(frames: Sequence[np.ndarray], frames_per_second: float = FRAMES_PER_SECOND) -> bytes:
    """An MP4 that common players show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, frames, frames_per_second)
        return path.read_bytes()


def animation(
    frames: Sequence[np.ndarray], kind: str, frames_per_second: float = FRAMES_PER_SECOND
) -> bytes:
    """A picture that moves, forever; kind: GIF or WEBP."""
    first, *others = (Image.fromarray(frame) for frame in frames)
    buffer = io.BytesIO()
    options = {"quality": 90} if kind == "WEBP" else {"optimize": False}
    duration = round(1000 / frames_per_second)
    first.save(
        buffer, kind, save_all=True, append_images=others, duration=duration, loop=0, **options
    )
    return buffer.getvalue()


def frames_zip(frames: Sequence[np.ndarray], others: dict[str, bytes]) -> bytes:
    """images/NNNN.png and other files, as a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, frame in enumerate(frames):
            archive.writestr(f"images/{index:04d}.png", png_bytes(frame))
        for name, content in others.items():
            archive.writestr(name, content)
    return buffer.getvalue()
