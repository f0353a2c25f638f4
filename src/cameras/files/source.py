"""What a reader of camera files gets, and checks that the readers share."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ...utils.json_files import number_from_json
from .camera import Camera

FISHEYE = "photonvs has no fisheye lenses: undistort the images first"


class Source(NamedTuple):
    """A file or folder of cameras."""

    path: Path
    content: object = None  # of a JSON file
    images: Path | None = None  # folder of the cameras' frames, where it is known
    axes: str = "blender"  # of the cameras of plain matrices; or opencv


def positive(value: object, where: str) -> float:
    """A finite number above 0; else ValueError. where: names the value."""
    number = number_from_json(value, where)
    if number <= 0:
        raise ValueError(f"{where}: {number:g}; expected a number above 0")
    return number


def pixels(value: object, where: str) -> int:
    """A side of an image, a whole number of at least 1; else ValueError. where: names the value."""
    number = number_from_json(value, where)
    if number < 1 or number != round(number):
        raise ValueError(f"{where}: {number:g}; expected a whole number of pixels, above 0")
    return round(number)


def pixels_of_lens(
    camera: Camera,
) -> tuple[tuple[float, float], tuple[float, float], tuple[int, int]]:
    """Focal lengths (x, y), principal point (x, y) in pixels, and size, of a camera with a size."""
    height, width = camera.size
    focal_y, focal_x = camera.focal_lengths(camera.size)
    principal = float(camera.principal[0] * width), float(camera.principal[1] * height)
    return (float(focal_x * width), float(focal_y * height)), principal, camera.size


def check_names(cameras: list[Camera]) -> None:
    """Raise ValueError if two cameras name one image, for formats that tell images by name."""
    name, count = Counter(camera.image_name for camera in cameras).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{name}: {count} cameras have an image of this name; expected one each")
