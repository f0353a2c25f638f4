"""Which image belongs to which camera."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ...utils.files import natural_order
from ...utils.images import IMAGE_SUFFIXES, find_images
from ...utils.words import plural
from .camera import Camera


class Matching(NamedTuple):
    """Cameras, and the images that belong to them."""

    cameras: list[Camera]
    images: list[Path]  # of each camera; where one is not there, its expected place
    others: list[Path]  # images that no camera names
    by_name: bool = True  # else by the order of the images' names

    @property
    def missing(self) -> list[Path]:
        """Expected places of images that are not there."""
        return [path for path in self.images if not path.is_file()]

    @property
    def fault(self) -> str | None:
        """What does not match, or None."""
        faults = []
        if self.missing:
            count = plural(len(self.missing), "camera")
            faults.append(f"no image for {count}, the first {self.missing[0].name}")
        if self.others:
            count = plural(len(self.others), "image")
            faults.append(f"no camera for {count}, the first {self.others[0].name}")
        return " and ".join(faults) or None

    def __str__(self) -> str:
        """Both counts, for people."""
        count = len(self.images) - len(self.missing)
        how = "" if self.by_name else " by the order of their names, as no name fits a camera's"
        return (
            f"{plural(len(self.cameras), 'camera')} read, {count} of "
            f"{plural(count + len(self.others), 'image')} matched{how}"
        )

    def without_missing(self) -> "Matching":
        """The cameras whose image is there, and no other images."""
        there = [path.is_file() for path in self.images]
        pairs = zip(self.cameras, self.images, there, strict=True)
        cameras, images = zip(*((one, path) for one, path, found in pairs if found), strict=True)
        return Matching(list(cameras), list(images), [], self.by_name)


def match_images(cameras: list[Camera], folder: Path) -> Matching:
    """The image of each camera in `folder`, and the images that no camera names.

    Names may have folders and a suffix or not. Nothing outside `folder` is taken: of a name that
    leads out of it only the last part counts. An image that is not there keeps the path where it is
    expected. If no name fits, images are taken in the order of their names, if there are as many as
    cameras. So they are if cameras are named by their times, and some do not fit. Else ValueError.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected the frames of {len(cameras)} cameras"
        )
    images = find_images(folder)
    names = _Images(folder, images)
    found = [names.of(camera) for camera in cameras]
    named = [path for path in found if path is not None]
    timed = all(camera.timestamp is not None for camera in cameras)
    if timed and None in found and len(images) == len(cameras):
        named = []  # a time such as 0 is a number of a frame by chance
    if len(set(named)) < len(named):
        twice = next(path for path in named if named.count(path) > 1)
        raise ValueError(
            f"{twice}: two cameras have an image of this name; expected names that differ"
        )
    if named:
        expected = [folder / inside(camera.image_name) for camera in cameras]
        images_found = [path or other for path, other in zip(found, expected, strict=True)]
        folders = {folder, *(path.parent for path in named)}
        all_images = {path for place in folders for path in find_images(place)}
        return Matching(cameras, images_found, sorted(all_images - set(named), key=natural_order))
    if len(images) != len(cameras):
        raise ValueError(
            f"{folder}: {len(images)} images for {len(cameras)} poses, and no image is called like "
            f"the first pose's, {cameras[0].image_name}; expected such names, or as many images as "
            "poses"
        )
    return Matching(cameras, images, [], by_name=False)


def inside(name: str) -> PurePosixPath:
    """An image's name as a path that stays in its folder: its last part if it would leave it."""
    path = PurePosixPath(name)
    leaves = path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:/", name)
    return PurePosixPath(path.name) if leaves else path


class _Images:
    """The images of a folder, by their names."""

    def __init__(self, folder: Path, images: list[Path]) -> None:
        self.folder = folder
        self.by_name = {path.name: path for path in images}
        self.by_stem: dict[str, list[Path]] = {}
        for path in images:
            self.by_stem.setdefault(path.stem, []).append(path)

    def of(self, camera: Camera) -> Path | None:
        """The image that a camera names; ValueError for two."""
        name = inside(camera.image_name)
        if name.suffix and (self.folder / name).is_file():
            return self.folder / name
        if name.name in self.by_name:
            return self.by_name[name.name]
        candidates = self.by_stem.get(stem_of(camera.image_name), [])
        if len(candidates) > 1:
            raise ValueError(
                f"{self.folder}: both {candidates[0].name} and {candidates[1].name}; expected one "
                "of them: remove the other"
            )
        return candidates[0] if candidates else None


def stem_of(name: str) -> str:
    """An image's name without folders and suffix; a name such as shot.0012 has no suffix."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
