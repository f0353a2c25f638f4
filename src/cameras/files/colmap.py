"""COLMAP models, binary and text."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...utils.files import natural_order
from ..geometry import OPENCV_TO_BLENDER
from .camera import Camera

# COLMAP's models by number: name, count of focal lengths, count of parameters.
# After focal lengths and the principal point come distortion parameters, which must be zero.
# Fisheye models are no pinholes even so.
COLMAP_MODELS = {
    0: ("SIMPLE_PINHOLE", 1, 3),
    1: ("PINHOLE", 2, 4),
    2: ("SIMPLE_RADIAL", 1, 4),
    3: ("RADIAL", 1, 5),
    4: ("OPENCV", 2, 8),
    6: ("FULL_OPENCV", 2, 12),
}


def read_colmap(folder: Path) -> list[Camera]:
    """The cameras of a COLMAP model's folder, binary or text, by image name.

    The files hold world-to-camera quaternions and translations. The camera has x right, y down, z
    forward. Formats: colmap.github.io/format.html. Raises FileNotFoundError, or ValueError naming
    the file.
    """
    if (folder / "images.bin").is_file() and (folder / "cameras.bin").is_file():
        lenses, images, name = _colmap_binary_cameras, _colmap_binary_images, "{}.bin"
    elif (folder / "images.txt").is_file() and (folder / "cameras.txt").is_file():
        lenses, images, name = _colmap_text_cameras, _colmap_text_images, "{}.txt"
    else:
        raise FileNotFoundError(
            f"{folder}: no COLMAP model; expected cameras and images, .bin or .txt "
            "(often in sparse/0)"
        )
    path = folder / name.format("cameras")
    try:
        intrinsics = {key: _colmap_intrinsics(*values) for key, *values in lenses(path)}
        path = folder / name.format("images")
        cameras = [
            Camera(_colmap_pose(numbers), image_name, **intrinsics[camera])
            for numbers, camera, image_name in images(path)
        ]
    except (struct.error, IndexError, KeyError, UnicodeDecodeError, ZeroDivisionError) as error:
        raise ValueError(f"{path}: damaged, or no COLMAP model ({error!r})") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return sorted(cameras, key=lambda camera: natural_order(camera.image_name))


def _colmap_pose(numbers: tuple[float, ...]) -> np.ndarray:
    """Camera-to-world from the seven numbers qw qx qy qz tx ty tz of world-to-camera."""
    quaternion = np.array(numbers[:4], dtype=np.float64)
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    world_to_camera = np.vstack([np.column_stack([rotation, numbers[4:7]]), [0, 0, 0, 1]])
    return np.linalg.inv(world_to_camera) @ OPENCV_TO_BLENDER


def _colmap_intrinsics(model: str, width: int, height: int, parameters: tuple[float, ...]) -> dict:
    known = {name: (focals, count) for name, focals, count in COLMAP_MODELS.values()}
    focals, count = known.get(model, (0, 0))
    if not focals or len(parameters) != count or any(parameters[focals + 2 :]):
        raise ValueError(
            f"camera {model} {parameters}: expected a pinhole without distortion: "
            "run COLMAP's image_undistorter"
        )
    principal = (parameters[focals] / width, parameters[focals + 1] / height)
    return {
        "focal_x": parameters[0] / width,
        "focal_y": parameters[focals - 1] / height,
        "principal": principal,
    }


def _colmap_text_cameras(path: Path) -> Iterator[tuple]:
    for line in _colmap_lines(path):
        key, model, width, height, *parameters = line.split()
        yield int(key), model, int(width), int(height), tuple(map(float, parameters))


def _colmap_text_images(path: Path) -> Iterator[tuple]:
    # Every second line lists an image's points; it may be empty.
    for line in filter(str.strip, _colmap_lines(path)[::2]):
        _, *numbers, camera, name = line.split(maxsplit=9)
        yield tuple(map(float, numbers)), int(camera), name


def _colmap_lines(path: Path) -> list[str]:
    lines = [
        line for line in path.read_text(encoding="utf-8").split("\n") if not line.startswith("#")
    ]
    return lines if path.stem == "images" else [line for line in lines if line.strip()]


def _colmap_binary_cameras(path: Path) -> Iterator[tuple]:
    content, position = path.read_bytes(), 8
    for _ in range(struct.unpack_from("<Q", content)[0]):
        key, model, width, height = struct.unpack_from("<iiQQ", content, position)
        name, _, count = COLMAP_MODELS.get(model, (f"model {model}", 0, 0))
        yield key, name, width, height, struct.unpack_from(f"<{count}d", content, position + 24)
        position += 24 + 8 * count


def _colmap_binary_images(path: Path) -> Iterator[tuple]:
    content, position = path.read_bytes(), 8
    for _ in range(struct.unpack_from("<Q", content)[0]):
        _, *numbers, camera = struct.unpack_from("<i7di", content, position)
        end = content.index(b"\0", position + 64)
        yield tuple(numbers), camera, content[position + 64 : end].decode()
        points = struct.unpack_from("<Q", content, end + 1)[0]
        position = end + 9 + 24 * points
