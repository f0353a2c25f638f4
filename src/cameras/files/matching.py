"""Which image belongs to which camera."""

from pathlib import Path

from ...utils.images import IMAGE_SUFFIXES, find_images
from .camera import Camera


def images_of_cameras(cameras: list[Camera], folder: Path) -> tuple[list[Path], list[Path]]:
    """The image of each camera in `folder`, and the images that no camera names.

    Names may have folders and a suffix or not. An image that is not there keeps the path where it
    is expected. If no name fits, images are taken in the order of their names, if there are as many
    as cameras. Else ValueError.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected the frames of {len(cameras)} cameras"
        )
    images = find_images(folder)
    found = [_image_of(camera, folder, images) for camera in cameras]
    named = [path for path in found if path is not None]
    if len(set(named)) < len(named):
        twice = next(path for path in named if named.count(path) > 1)
        raise ValueError(
            f"{twice}: two cameras have an image of this name; expected names that differ"
        )
    if named:
        expected = [_place(camera, folder) for camera in cameras]
        images_found = [path or other for path, other in zip(found, expected, strict=True)]
        return images_found, sorted(set(images) - set(named))
    if len(images) != len(cameras):
        raise ValueError(
            f"{folder}: {len(images)} images for {len(cameras)} poses, and no image is called like "
            f"the first pose's, {cameras[0].image_name}; expected such names, or as many images as "
            "poses"
        )
    return images, []


def _place(camera: Camera, folder: Path) -> Path:
    """Where a camera's image is expected, which is never outside the folder."""
    name = Path(camera.image_name)
    return folder / (name.name if name.is_absolute() or ".." in name.parts else name)


def _image_of(camera: Camera, folder: Path, images: list[Path]) -> Path | None:
    name, place = Path(camera.image_name), _place(camera, folder)
    if name.suffix and place.is_file():
        return place
    stem = name.stem if name.suffix.lower() in IMAGE_SUFFIXES else name.name
    same_name = [path for path in images if path.name == name.name]
    candidates = same_name or [path for path in images if path.stem == stem]
    if len(candidates) > 1:
        raise ValueError(
            f"{folder}: both {candidates[0].name} and {candidates[1].name}; expected one of them: "
            "remove the other"
        )
    return candidates[0] if candidates else None
