"""Frames as they are on disk, and the cameras that a file gives them: what belongs together.

A frame may be turned by its EXIF orientation, smaller than the camera's image, cut out of it, or
squashed. Nothing of this is guessed.
"""

from dataclasses import replace

from .camera import Camera

SHAPE_TOLERANCE = 0.01  # of the ratio of the sides, which rounding to whole pixels changes

Size = tuple[int, int]  # (height, width), pixels


def is_upright(camera: Camera, stored: Size, upright: Size) -> bool:
    """Whether a camera belongs to a frame as EXIF turns it, and not to its pixels as stored.

    stored, upright: both sizes. The shape of the camera's image decides where it can. Else a camera
    with a size belongs to the stored pixels. COLMAP reads those (its pull request 1406), and so
    does nerfstudio (InputDataset.get_numpy_image). A camera without one, as our own, belongs to
    frames as viewers show them.
    """
    fits = [_fits(camera, size) for size in (stored, upright)]
    return fits[1] if fits[0] != fits[1] else camera.size is None


def fit_camera(camera: Camera, size: Size, shape: str | None = None) -> Camera:
    """The camera of a frame of `size`.

    shape: what frames are that have another shape than the camera's image. "cropped" ones show its
    centre, "squashed" ones all of it. Without it they are refused by a ValueError.
    """
    if _fits(camera, size):
        return camera
    aspect, ratio = _aspect(camera), size[1] / size[0] / _aspect(camera)
    if shape is None:
        height, width = camera.size or (1, round(aspect, 3))
        raise ValueError(
            f"{size[1]}x{size[0]} pixels, but the camera's image is {width} wide and {height} high;"
            " expected frames of that shape, or --shape cropped if they show its centre, --shape "
            "squashed if they show all of it"
        )
    focal_y, focal_x = camera.focal_lengths((1, aspect))
    kept_x, kept_y = (min(1, ratio), min(1, 1 / ratio)) if shape == "cropped" else (1, 1)
    x, y = camera.principal
    return replace(
        camera,
        focal_y=focal_y / kept_y,
        focal_x=focal_x / kept_x,
        principal=(0.5 + (x - 0.5) / kept_x, 0.5 + (y - 0.5) / kept_y),
        size=size,
        aspect=None,
    )


def unsquashed(camera: Camera, size: Size) -> Size:
    """The size that a squashed frame has with its height kept and its camera's shape."""
    return size if _fits(camera, size) else (size[0], round(size[0] * _aspect(camera)))


def _aspect(camera: Camera) -> float | None:
    """Width by height of the camera's whole image, where its file tells it."""
    return camera.size[1] / camera.size[0] if camera.size else camera.aspect


def _fits(camera: Camera, size: Size) -> bool:
    """Whether a frame has the shape of the camera's image, but for a pixel."""
    aspect = _aspect(camera)
    tolerance = max(SHAPE_TOLERANCE, 1 / min(size))
    return aspect is None or abs(size[1] / size[0] / aspect - 1) <= tolerance
