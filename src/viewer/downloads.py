"""What can be taken home of a run or a path: the content of files."""

import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..cameras.files.camera import Camera
from ..cameras.files.export import export_frames
from ..cameras.files.matching import match_images
from ..cameras.files.reading import read_cameras
from ..cameras.files.writing import WRITERS, write_cameras
from ..samples import RunFolder
from ..utils.images import read_frame
from ..utils.pictures import png_bytes, write_video

FRAMES_PER_SECOND = 10.0
DATA_SETS = "colmap", "transforms"  # of WRITERS: what lies beside the images of a data set


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
    images = {f"images/{index:04d}.png": png_bytes(frame) for index, frame in enumerate(frames)}
    return _zip(images | others)


def data_set_zip(run: RunFolder) -> bytes:
    """The images with their cameras for COLMAP and nerfstudio, as a ZIP archive."""
    matching = match_images(_cameras(run), run.images).without_missing()
    with tempfile.TemporaryDirectory() as folder:
        for name in DATA_SETS:
            export_frames(matching, run.images, name, Path(folder), force=True)
        return _zip(_files_in(Path(folder)))


def cameras_file(run: RunFolder, name: str) -> tuple[str, bytes]:
    """Name and content of a file of the run's cameras, in a format of WRITERS.

    A format of several files becomes a ZIP archive.
    """
    written = _written(_cameras(run), name)
    place = Path(WRITERS[name].place)
    if list(written) == [""]:
        return place.name, written[""]
    return f"{name}.zip", _zip({f"{place}{inside}": part for inside, part in written.items()})


def _cameras(run: RunFolder) -> list[Camera]:
    """Of the frames that are there; they know the frames' size."""
    height, width = run_frames(run)[0].shape[:2]
    return [
        replace(camera, size=(height, width))
        for index, camera in enumerate(read_cameras(run.spec_file))
        if run.image(index).is_file()
    ]


def _written(cameras: list[Camera], name: str) -> dict[str, bytes]:
    """The content of what a writer writes: "" for a single file, /NAME for those of a folder."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / Path(WRITERS[name].place).name
        write_cameras(cameras, name, place)
        if place.is_file():
            return {"": place.read_bytes()}
        return {f"/{name}": content for name, content in _files_in(place).items()}


def _files_in(folder: Path) -> dict[str, bytes]:
    """The content of all files of a folder and those in it, by their place there."""
    paths = sorted(filter(Path.is_file, folder.rglob("*")))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
