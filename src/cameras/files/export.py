"""Cameras and their frames for other programs: a file, or a folder that has both."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ...utils.files import atomic_path
from ...utils.images import decoding, is_plain, open_file, orientation, read_image, sizes_of
from .camera import Camera
from .fitting import fit_camera, is_upright
from .matching import Matching
from .source import check_names
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
    pairs = list(zip(matching.cameras, matching.images, strict=True))
    looks = [_Look.at(image, camera) for camera, image in pairs]
    placed = [
        _placed(camera, image, look, folder, shape)
        for (camera, image), look in zip(pairs, looks, strict=True)
    ]
    check_names(placed)
    prefixed = [replace(one, image_name=writer.image_prefix + one.image_name) for one in placed]
    with TemporaryDirectory() as trial:  # a format that cannot hold them shall leave nothing behind
        write_cameras(prefixed, name, Path(trial) / writer.place)
    for camera, image, look in zip(placed, matching.images, looks, strict=True):
        with atomic_path(out / IMAGES / camera.image_name) as temporary:
            if look.copied:
                shutil.copyfile(image, temporary)
            else:
                read_image(image, look.upright).save(temporary)
    write_cameras(prefixed, name, out / writer.place)


class _Look(NamedTuple):
    """What an image's header says."""

    upright: bool  # whether its camera belongs to it as EXIF turns it
    size: tuple[int, int]  # as the camera's
    copied: bool  # whether a copy will do

    @classmethod
    def at(cls, path: Path, camera: Camera) -> "_Look":
        with open_file(path) as file, decoding(file) as image:
            sizes, turned = sizes_of(image), orientation(image) != 1
            upright = is_upright(camera, *sizes)
            common = is_plain(image) and path.suffix.lower() in EVERYWHERE
            return cls(upright, sizes[upright], common and not (turned and upright))


def _placed(camera: Camera, image: Path, look: _Look, folder: Path, shape: str | None) -> Camera:
    """The camera of an image as it is written, with its name in images/."""
    try:
        fitted = fit_camera(camera, look.size, shape)
    except ValueError as error:
        raise ValueError(f"{image}: {error}") from error
    place = image.relative_to(folder)
    place = place if look.copied else place.with_suffix(".png")
    return replace(fitted, size=look.size, image_name=place.as_posix())


def _refuse(out: Path, force: bool) -> None:
    """Raise ValueError if there is something at `out` that would be replaced or mixed with."""
    there = any(out.iterdir()) if out.is_dir() else out.exists()
    if there and not force:
        raise ValueError(f"{out}: there already; choose another place, or --force to replace it")
