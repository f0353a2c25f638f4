"""COLMAP models, binary and text, of all versions.

The files hold world-to-camera quaternions and translations, and the camera has x right, y down, z
forward (colmap.github.io/format.html). Since COLMAP 3.12 a model also has rigs and frames. Each
image still has a pose of its own, so these are not needed.

pycolmap reads and writes such files too, but it is 55 MB large, and names neither file nor line of
a mistake. So these few lines are our own, and the tests hold them to it.
"""

from pathlib import Path

import numpy as np

from ...utils.files import atomic_path, natural_order
from ..geometry import OPENCV_TO_BLENDER
from ..rotations import matrix_of_quaternion, quaternion_of_matrix
from . import colmap_binary, colmap_text
from .camera import Camera
from .colmap_records import BY_NAME, ColmapImage, ColmapLens, ColmapModel
from .source import FISHEYE, Source, check_names, pixels_of_lens

PARTS = ("cameras", "images")  # the files that are needed
FORMS = {".bin": colmap_binary, ".txt": colmap_text}
# OpenCV's coefficients k1 k2 p1 p2 k3 k4 k5 k6 have COLMAP's order. Its radial lenses have no p.
MODEL_OF = {0: "PINHOLE", 4: "OPENCV", 5: "FULL_OPENCV", 8: "FULL_OPENCV"}  # by their count


def is_colmap(source: Source) -> bool:
    """Whether it is a folder; `read_colmap` says what is missing in it."""
    return source.path.is_dir()


def is_file_of_model(path: Path) -> bool:
    """Whether it is one file of a model, which is then meant as a whole."""
    named = path.stem in PARTS and path.suffix in FORMS
    return named and path.is_file() and _has_parts(path.parent, path.suffix)


def read_colmap(source: Source) -> list[Camera]:
    """The cameras of a COLMAP model's folder, binary or text, by image name.

    Raises FileNotFoundError, or ValueError naming the file, and the image or the line.
    """
    suffix = _form_of(source.path)
    if suffix is None:
        raise FileNotFoundError(
            f"{source.path}: no COLMAP model; expected cameras and images, .bin or .txt "
            "(often in sparse/0)"
        )
    path = source.path / f"cameras{suffix}"
    try:
        lenses = FORMS[suffix].read_lenses(path)
        path = source.path / f"images{suffix}"
        images = FORMS[suffix].read_images(path)
        cameras = [_camera(image, lenses) for image in images]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from error
    return sorted(cameras, key=lambda camera: natural_order(camera.image_name))


def has_model(folder: Path) -> bool:
    """Whether a folder has the files that are needed."""
    return _form_of(folder) is not None


def _form_of(folder: Path) -> str | None:
    """The suffix of a model's files; binary ones go first."""
    return next((one for one in FORMS if _has_parts(folder, one)), None)


def _has_parts(folder: Path, suffix: str) -> bool:
    return all((folder / f"{name}{suffix}").is_file() for name in PARTS)


def _camera(image: ColmapImage, lenses: dict[int, ColmapLens]) -> Camera:
    where = f"image {image.name}"
    if image.lens not in lenses:
        raise ValueError(f"{where}: camera {image.lens} is not among the model's cameras")
    numbers = np.array(image.pose)
    largest = np.abs(numbers[:4]).max()
    if not np.isfinite(numbers).all() or not 1e-100 < largest < 1e100:
        raise ValueError(
            f"{where}: quaternion and translation {' '.join(map(str, image.pose))}; expected "
            "finite numbers, and a quaternion that is neither zero nor huge"
        )
    lens = _fields(lenses[image.lens], f"{where}: camera {image.lens}")
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = matrix_of_quaternion(numbers[:4])
    world_to_camera[:3, 3] = numbers[4:]
    pose = np.linalg.inv(world_to_camera) @ OPENCV_TO_BLENDER
    return Camera(pose, image.name.replace("\\", "/"), **lens)


def _fields(lens: ColmapLens, where: str) -> dict:
    """The fields of a `Camera` that describe its lens."""
    model, numbers = BY_NAME.get(lens.model), lens.parameters
    if model is None:
        raise ValueError(
            f"{where}: no lens model {lens.model}; expected one of {', '.join(BY_NAME)}"
        )
    if not model.focals:
        raise ValueError(f"{where}: a lens {lens.model}; {FISHEYE} (COLMAP's image_undistorter)")
    if len(numbers) != model.parameters or not np.isfinite(numbers).all():
        raise ValueError(
            f"{where}: parameters {' '.join(map(str, numbers))}; expected {model.parameters} "
            f"finite numbers for {lens.model}"
        )
    if min(lens.width, lens.height, *numbers[: model.focals]) <= 0:
        raise ValueError(
            f"{where}: {lens.width}x{lens.height} pixels and focal length {numbers[0]:g}; "
            "expected numbers above 0"
        )
    distortion = numbers[model.focals + 2 :]
    if len(distortion) in (1, 2):  # k1, perhaps k2
        distortion = (*distortion, 0.0, 0.0, 0.0)[:4]
    x, y = numbers[model.focals : model.focals + 2]
    return {
        "focal_x": numbers[0] / lens.width,
        "focal_y": numbers[model.focals - 1] / lens.height,
        "principal": (x / lens.width, y / lens.height),
        "distortion": distortion if any(distortion) else (),
        "size": (lens.height, lens.width),
    }


def write_colmap(cameras: list[Camera], folder: Path, suffix: str = ".bin") -> None:
    """Write a model without points, which all versions of COLMAP read.

    suffix: .bin, or .txt for text. Each camera needs its size.
    """
    check_names(cameras)
    lenses: dict[ColmapLens, int] = {}
    images = []
    for camera in cameras:
        world_to_camera = np.linalg.inv(camera.pose @ OPENCV_TO_BLENDER)
        pose = (*quaternion_of_matrix(world_to_camera[:3, :3]), *world_to_camera[:3, 3])
        number = lenses.setdefault(_lens(camera), len(lenses) + 1)
        images.append(ColmapImage(tuple(map(float, pose)), number, camera.image_name))
    model = ColmapModel({number: lens for lens, number in lenses.items()}, images)
    for name, content in FORMS[suffix].contents(model).items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)


def write_colmap_text(cameras: list[Camera], folder: Path) -> None:
    """The same as text."""
    write_colmap(cameras, folder, ".txt")


def _lens(camera: Camera) -> ColmapLens:
    focal, principal, (height, width) = pixels_of_lens(camera)
    model = MODEL_OF[len(camera.distortion)]
    distortion = (*camera.distortion, *(0.0,) * 8)[: BY_NAME[model].parameters - 4]
    return ColmapLens(model, width, height, (*focal, *principal, *distortion))
