"""Cameras for other programs, in any format of WRITERS."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .camera import Camera
from .camera_path import write_camera_path
from .colmap import write_colmap
from .matrices import write_matrices, write_npy
from .realestate10k import write_realestate10k
from .transforms import write_transforms


class Writer(NamedTuple):
    """A format of cameras."""

    about: str  # for the help
    write: Callable[[list[Camera], Path], None]
    place: str  # in a folder that also has images/
    needs: str = "size"  # what it needs of a camera: its size; shape: size or aspect; or nothing
    image_prefix: str = ""  # before the name of an image of that folder


def write_cameras(
    cameras: list[Camera], name: str, path: Path, size: tuple[int, int] | None = None
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
    "colmap": Writer("COLMAP's model, binary", write_colmap, "sparse/0"),
    "colmap-text": Writer("the same as text", partial(write_colmap, suffix=".txt"), "sparse/0"),
    "transforms": Writer(
        "transforms.json of nerfstudio and instant-ngp",
        write_transforms,
        "transforms.json",
        image_prefix="images/",
    ),
    "camera-path": Writer("nerfstudio's camera path", write_camera_path, "camera_path.json"),
    "realestate10k": Writer(
        "RealEstate10K's text", write_realestate10k, "realestate10k.txt", needs="shape"
    ),
    "npy": Writer("camera-to-world matrices alone", write_npy, "poses.npy", needs=""),
    "matrices": Writer(
        "matrices and focal_y, as .json or .npz", write_matrices, "poses.json", needs=""
    ),
}
