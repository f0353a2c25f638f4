"""What a COLMAP model says of lenses and images, whatever the form of its files."""

from typing import NamedTuple


class LensModel(NamedTuple):
    """A kind of lens in COLMAP's numbering. Its parameters are in pixels.

    The first are `focals` focal lengths, then come the principal point and the distortion.
    """

    name: str
    number: int
    focals: int  # 1: pixels are square; 0: photonvs cannot read the model
    parameters: int  # how many in all


MODELS = (
    LensModel("SIMPLE_PINHOLE", 0, 1, 3),
    LensModel("PINHOLE", 1, 2, 4),
    LensModel("SIMPLE_RADIAL", 2, 1, 4),
    LensModel("RADIAL", 3, 1, 5),
    LensModel("OPENCV", 4, 2, 8),
    LensModel("OPENCV_FISHEYE", 5, 0, 8),
    LensModel("FULL_OPENCV", 6, 2, 12),
    LensModel("FOV", 7, 0, 5),
    LensModel("SIMPLE_RADIAL_FISHEYE", 8, 0, 4),
    LensModel("RADIAL_FISHEYE", 9, 0, 5),
    LensModel("THIN_PRISM_FISHEYE", 10, 0, 12),
    LensModel("RAD_TAN_THIN_PRISM_FISHEYE", 11, 0, 16),
)
BY_NAME = {model.name: model for model in MODELS}
BY_NUMBER = {model.number: model for model in MODELS}


class ColmapLens(NamedTuple):
    """A line of cameras.txt without its number."""

    model: str
    width: int  # pixels
    height: int
    parameters: tuple[float, ...]


class ColmapImage(NamedTuple):
    """An image's line of images.txt without its number."""

    pose: tuple[float, ...]  # qw qx qy qz tx ty tz, world-to-camera
    lens: int  # number of its lens
    name: str


class ColmapModel(NamedTuple):
    """Lenses by their number, and images."""

    lenses: dict[int, ColmapLens]
    images: list[ColmapImage]
