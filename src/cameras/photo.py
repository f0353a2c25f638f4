"""The camera of a photo: which part of it is used, and its focal length."""

import math
from pathlib import Path
from typing import NamedTuple

from PIL.ExifTags import IFD, Base

from ..utils.images import decoding, open_file
from .geometry import field_of_view_of, focal_length_of

DEFAULT_FIELD_OF_VIEW = 55.0  # degrees, of the square: between a phone's main lens and its portrait
FILM_DIAGONAL = math.hypot(36.0, 24.0)  # millimetres, of the film that "35 mm" lengths refer to
MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0}  # in EXIF's units of the focal plane: inch, cm, mm


class Lens(NamedTuple):
    """A focal length and where it is from."""

    focal_y: float  # fraction of the side of the photo's largest square
    source: str  # for people

    @property
    def field_of_view(self) -> float:
        """Degrees, across the square."""
        return field_of_view_of(self.focal_y)


def focal_y_of(field_of_view: float) -> float:
    """The focal length of a field of view in degrees; raises ValueError outside 0 to 180."""
    if not 0 < field_of_view < 180:
        raise ValueError(
            f"field of view {field_of_view:g}: expected more than 0 and less than 180 degrees"
        )
    return focal_length_of(field_of_view)


def chosen_lens(field_of_view: float) -> Lens:
    """The lens of a field of view in degrees that somebody chose; raises as `focal_y_of`."""
    return Lens(focal_y_of(field_of_view), "chosen")


def lens_of_photo(photo: str | Path) -> Lens:
    """The focal length that a photo's EXIF tells, or else DEFAULT_FIELD_OF_VIEW.

    EXIF has the focal length for 35 mm film, which refers to the picture's diagonal (CIPA DCG-001),
    or the focal length with the sensor's resolution. A file that is no picture has neither.
    """
    try:
        with open_file(photo) as file, decoding(file) as image:
            size, exif = image.size, image.getexif().get_ifd(IFD.Exif)
    except (FileNotFoundError, ValueError):
        size, exif = (1, 1), {}
    side = min(size)
    on_film = _number(exif.get(Base.FocalLengthIn35mmFilm))
    length = _number(exif.get(Base.FocalLength))
    pixels = _number(exif.get(Base.FocalPlaneXResolution))  # a unit of the sensor
    unit = MILLIMETRES.get(exif.get(Base.FocalPlaneResolutionUnit, 2))
    if on_film:
        focal = on_film / FILM_DIAGONAL * math.hypot(*size) / side
        return Lens(focal, f"the photo's EXIF, {on_film:g} mm on film")
    if length and pixels and unit and exif.get(Base.ExifImageWidth, size[0]) == size[0]:
        return Lens(length * pixels / unit / side, f"the photo's EXIF, {length:g} mm")
    return Lens(focal_y_of(DEFAULT_FIELD_OF_VIEW), "assumed, as the photo's EXIF has none")


def _number(value: object) -> float:
    """A positive number, or 0 for what EXIF leaves out or writes wrongly."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return number if 0 < number < math.inf else 0.0
