"""Cameras and their frames for other programs: a file, or a folder that has both."""

import shutil
from dataclasses import replace
from pathlib import Path

from ...utils.files import atomic_path
from ...utils.images import decoding, is_plain, open_file, orientation, read_image, sizes_of
from .camera import Camera
from .fitting import fit_camera, is_upright
from .matching import Matching
from .writing import WRITERS, write_cameras

IMAGES = Path("images")
EVERYWHERE = (".png", ".jpg", ".jpeg")  # suffixes of images that every program reads


def export_cameras(
    cameras: list[Camera],
    name: str,
    out: Path,
    size: tuple[int, int] | None = None,
    force: bool = False,
) -> None:
    """Write cameras alone to `out`, in the format `name` of WRITERS.

    size: (height, width) of the images, where the cameras do not know it. force: replace what is
    there. Raises ValueError for a format that cannot hold these cameras.
    """
    _refuse(out, force)
    write_cameras(cameras, name, out, size)


def export_frames(
    matching: Matching,
    folder: Path,
    name: str,
    out: Path,
    shape: str | None = None,
    force: bool = False,
) -> None:
    """Write a data set to the folder `out`: images/, and their cameras where tools look for them.

    matching: cameras and their images, which lie in `folder`. An image is copied, or becomes a PNG
    file where programs would read other pixels. shape: of frames with another shape than their
    cameras' (`fit_camera`). The cameras are written last. Raises ValueError for images that are not
    there, and as `export_cameras`.
    """
    writer = WRITERS[name]
    if matching.missing:
        raise ValueError(f"{matching}: {matching.fault}; expected an image for each camera")
    _refuse(out, force)
    placed = []
    for camera, image in zip(matching.cameras, matching.images, strict=True):
        upright, size, copied = _look_at(image, camera)
        try:
            fitted = replace(fit_camera(camera, size, shape), size=size)
        except ValueError as error:
            raise ValueError(f"{image}: {error}") from error
        place = image.relative_to(folder)
        place = place if copied else place.with_suffix(".png")
        placed.append(replace(fitted, image_name=f"{writer.image_prefix}{place.as_posix()}"))
        with atomic_path(out / IMAGES / place) as temporary:
            if copied:
                shutil.copyfile(image, temporary)
            else:
                read_image(image, upright).save(temporary)
    write_cameras(placed, name, out / writer.place)


def _look_at(path: Path, camera: Camera) -> tuple[bool, tuple[int, int], bool]:
    """Whether a camera's image is turned by its EXIF, its size, and whether a copy will do."""
    with open_file(path) as file, decoding(file) as image:
        sizes, turned = sizes_of(image), orientation(image) != 1
        upright = is_upright(camera, *sizes)
        common = is_plain(image) and path.suffix.lower() in EVERYWHERE
        return upright, sizes[upright], common and not (turned and upright)


def _refuse(out: Path, force: bool) -> None:
    """Raise ValueError if there is something at `out` that would be replaced or mixed with."""
    there = any(out.iterdir()) if out.is_dir() else out.exists()
    if there and not force:
        raise ValueError(f"{out}: there already; choose another place, or --force to replace it")
