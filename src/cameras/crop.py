"""Which square of a photo is used, as a picture with its principal point in the middle.

A square beside the photo's middle has its principal point beside its own. The model knows only
cameras whose principal point is in the middle. So the picture becomes the one that the same camera
had taken if it had been turned towards the square. Turning a camera in place moves pixels by a
homography, which needs no depth (Hartley and Zisserman, Multiple View Geometry, section 8.4).
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from .geometry import field_of_view_of

PLACES = {
    "centre": (0.5, 0.5),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
}
LARGEST_SIDE = 1024  # pixels; no model here needs more


class Crop(NamedTuple):
    """A square picture, as a camera turned towards a part of the photo would take it."""

    image: np.ndarray  # (side, side, 3) uint8
    focal_y: float  # fraction of the side
    turned: float  # degrees, from where the photo's camera looked

    @property
    def field_of_view(self) -> float:
        """Degrees, across the square."""
        return field_of_view_of(self.focal_y)


def place_of(text: str) -> tuple[float, float]:
    """A place of PLACES, or x,y as fractions of width and height from the top left.

    Raises ValueError for anything else.
    """
    if text in PLACES:
        return PLACES[text]
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        x = y = math.nan
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(
            f"crop {text!r}: expected {', '.join(PLACES)}, or x,y from 0 to 1, such as 0.3,0.5"
        )
    return x, y


def crop_photo(photo: np.ndarray, focal_y: float, place: tuple[float, float]) -> Crop:
    """The largest square about a place of the photo, seen straight on.

    photo: (height, width, 3) uint8. focal_y: fraction of its shorter side. place: fractions of
    width and height; the square lies as near to it as it can. The picture shows a little less than
    the square, since it must not look beyond the photo's edges.
    """
    size = np.array(photo.shape[1::-1], dtype=float)  # width, height
    side = size.min()
    middle = np.clip(np.array(place) * size, side / 2, size - side / 2)
    rotation = _towards(*(middle - size / 2), focal_y * side)
    reach = min(0.5 / focal_y, _reach(rotation, size / 2 / (focal_y * side)))
    pixels = round(2 * reach * focal_y * side)
    # From a pixel of the picture to its ray, as the photo's camera has it, to a pixel of the photo.
    to_ray = np.array([[2 * reach / pixels, 0, -reach], [0, 2 * reach / pixels, -reach], [0, 0, 1]])
    to_photo = np.array(
        [[focal_y * side, 0, size[0] / 2], [0, focal_y * side, size[1] / 2], [0, 0, 1]]
    )
    homography = to_photo @ rotation @ to_ray
    coefficients = (homography / homography[2, 2]).ravel()[:8].tolist()
    picture = Image.fromarray(photo).transform(
        (pixels, pixels), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC
    )
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BICUBIC)
    turned = math.degrees(math.acos(min(1.0, rotation[2, 2])))
    return Crop(np.asarray(picture), 0.5 / reach, turned)


def _towards(x: float, y: float, focal: float) -> np.ndarray:
    """The axes (right, down, forward), as columns, of a camera that looks at (x, y, focal).

    Its x axis stays level.
    """
    forward = np.array([x, y, focal]) / np.linalg.norm([x, y, focal])
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _reach(rotation: np.ndarray, limits: np.ndarray) -> float:
    """Tangent of half the widest square view within the photo, whose edges are at +-limits.

    limits: (2,) tangents. A corner's ray is forward + reach * corner. It lies within an edge if
    sign * ray[axis] <= limit * ray[2], which is linear in the reach.
    """
    forward, reaches = rotation[:, 2], []
    for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        direction = rotation[:, :2] @ corner
        for axis, limit in enumerate(limits):
            for sign in (-1, 1):
                slope = sign * direction[axis] - limit * direction[2]
                room = limit * forward[2] - sign * forward[axis]
                if slope > 0:
                    reaches.append(room / slope)
    return min(reaches)
