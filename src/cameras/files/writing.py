"""Cameras for other programs, in any format of WRITERS.

A format's module is imported when it writes, so that commands start quickly.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .camera import Camera


class Writer(NamedTuple):
    """A format of cameras."""

    about: str  # for the help
    function: str  # (cameras, path) -> None: module of this package, colon, name
    place: str  # of the cameras, in a folder that also has images/
    needs: str = "size"  # of each camera. shape: size or aspect; "": nothing
    image_prefix: str = ""  # before the name of an image of that folder

    @property
    def write(self) -> "Callable[[list[Camera], Path], None]":
        """The function."""
        return resolve_name(f"{__package__}.{self.function}")


def write_cameras(
    cameras: "list[Camera]", name: str, path: Path, size: tuple[int, int] | None = None
) -> None:
    """Write cameras in the format `name` of WRITERS to a file, or a model's folder.

    size: (height, width) of the images in pixels, where the cameras do not know it. Raises
    ValueError for a format that cannot hold these cameras, and for a size that is needed.
    """
    writer = WRITERS[name]
    sized = [camera if size is None else replace(camera, size=size) for camera in cameras]
    for camera in sized:
        if writer.needs and camera.focal_y is None and camera.focal_x is None:
            raise ValueError(f"{camera.image_name}: no focal length, and {name} needs it")
        shaped = camera.size or (writer.needs == "shape" and camera.aspect)
        if writer.needs and not shaped:
            raise ValueError(
                f"{camera.image_name}: the size of its image is not known, and {name} needs it: "
                "give --size WIDTHxHEIGHT, or the images"
            )
    writer.write(sized, path)


# By the word that asks for it.
WRITERS = {
    "colmap": Writer("COLMAP's model", "colmap:write_colmap", "sparse/0"),
    "colmap-text": Writer("the same as text", "colmap:write_colmap_text", "sparse/0"),
    "transforms": Writer(
        "transforms.json of nerfstudio and instant-ngp",
        "transforms:write_transforms",
        "transforms.json",
        image_prefix="images/",
    ),
    "camera-path": Writer(
        "camera_path.json of nerfstudio's viewer",
        "camera_path:write_camera_path",
        "camera_path.json",
    ),
    "realestate10k": Writer(
        "RealEstate10K's text",
        "realestate10k:write_realestate10k",
        "realestate10k.txt",
        needs="shape",
    ),
    "npy": Writer("camera-to-world matrices", "matrices:write_npy", "poses.npy", needs=""),
    "npy-opencv": Writer(
        "the same with y down and z forward", "matrices:write_npy_opencv", "poses.npy", needs=""
    ),
    "matrices": Writer(
        "matrices with the focal length, .json or .npz",
        "matrices:write_matrices",
        "poses.json",
        needs="",
    ),
}
