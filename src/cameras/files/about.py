"""What a file of cameras holds, in lines for people."""

from pathlib import Path

import numpy as np

from ...utils.arrays import read_array
from ...utils.words import plural
from ..geometry import field_of_view_of
from ..motion import path_sizes
from .camera import Camera
from .colmap import has_model
from .reading import find_reader, read_cameras

SUFFIXES = (".json", ".txt", ".npz", ".bin")


def has_cameras(path: Path) -> bool:
    """Whether a file may be one of cameras, by its suffix, or a folder has any."""
    if path.is_file():
        plain = path.suffix == ".npy" and read_array(path, mapped=True).dtype.names is None
        return plain or path.suffix.lower() in SUFFIXES
    source, _ = find_reader(path)
    return source.path.is_file() or has_model(source.path)


def cameras_lines(path: Path) -> list[str]:
    """Of any file or folder that `read_cameras` reads; raises as that."""
    _, reader = find_reader(path)
    cameras = read_cameras(path, distorted=True, lens=False)
    sizes = path_sizes(np.stack([camera.pose for camera in cameras]))
    return [
        f"{plural(len(cameras), 'camera')}, read as {reader.name}",
        f"frames {cameras[0].image_name} to {cameras[-1].image_name}",
        *dict.fromkeys(map(_lens_line, cameras)),
        f"path length {sizes.length:.3g}, largest step {sizes.step:.3g} and {sizes.turn:.3g} "
        "degrees",
    ]


def _lens_line(camera: Camera) -> str:
    """A camera's lens, with its field of view from top to bottom."""
    if camera.focal_y is None and camera.focal_x is None:
        return "no focal length"
    size = camera.size or (1, camera.aspect or 1)
    focal_y, focal_x = camera.focal_lengths(size)
    image = f"images of {size[1]}x{size[0]}, " if camera.size else ""
    x, y = camera.principal
    centre = "" if (x, y) == (0.5, 0.5) else f", principal point at {x:.3f} {y:.3f}"
    stretch = focal_x * size[1] / (focal_y * size[0])
    pixels = "" if abs(stretch - 1) < 1e-3 else f", pixels {stretch:.3f} as high as wide"
    terms = " ".join(f"{term:g}" for term in camera.distortion)
    lens = f", lens distortion {terms}" if terms else ""
    high = f"{field_of_view_of(focal_y):.1f} degrees high"
    return f"{image}focal_y {focal_y:.4f} ({high}){pixels}{centre}{lens}"
