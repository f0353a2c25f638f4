"""Cameras of anyone's frames: our sampling-spec.json, COLMAP models, transforms.json (nerfstudio, Blender), RealEstate10K.

Whatever the file, poses come out in our convention (`photonvs.cameras.geometry`); how the world is turned does not matter, for
training as for the metrics. Cameras are pinholes: a file with lens distortion is refused.
"""

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cameras.geometry import OPENCV_TO_BLENDER
from ..trajectory import IMAGE_SUFFIXES, check_poses, read_spec
from .poses import read_realestate10k_text

# COLMAP's models by number: name, count of focal lengths, count of parameters. After focal lengths and the principal
# point come distortion parameters, which must be zero. Fisheye models are no pinholes even so.
COLMAP_MODELS = {
    0: ("SIMPLE_PINHOLE", 1, 3),
    1: ("PINHOLE", 2, 4),
    2: ("SIMPLE_RADIAL", 1, 4),
    3: ("RADIAL", 1, 5),
    4: ("OPENCV", 2, 8),
    6: ("FULL_OPENCV", 2, 12),
}
DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")  # of transforms.json


@dataclass(frozen=True)
class Camera:
    """A pinhole camera and the frame that it belongs to. Without one of the focal lengths, pixels are square."""

    pose: np.ndarray  # (4, 4) camera-to-world
    image_name: str  # as the file names it; a suffix and folders are optional
    focal_y: float | None = None  # fraction of the image's height
    focal_x: float | None = None  # fraction of the image's width
    principal: tuple[float, float] = (0.5, 0.5)  # (x, y), fractions of width and height
    timestamp: int | None = None  # microseconds of the video's time, where the file says so

    def focal_lengths(self, image_size: tuple[int, int]) -> tuple[float, float]:
        """(focal_y, focal_x), the fractions for an image of (height, width) pixels."""
        height, width = image_size
        focal_y = self.focal_x * width / height if self.focal_y is None else self.focal_y
        return focal_y, focal_y * height / width if self.focal_x is None else self.focal_x


def read_cameras(path: Path) -> list[Camera]:
    """The cameras of a file, or of the folder of a COLMAP model, in the order of the path.

    Order: as listed for sampling-spec.json and RealEstate10K; by image name, numbers in it by value, for the others.
    Raises ValueError or FileNotFoundError naming the file, what was found and what was expected.
    """
    if path.is_dir() or re.fullmatch(r"(images|cameras)\.(txt|bin)", path.name):
        cameras = _read_colmap(path if path.is_dir() else path.parent)
    elif not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; expected a file of camera poses or the folder of a COLMAP model"
        )
    elif path.suffix == ".txt":
        cameras = _read_realestate10k(path)
    elif path.suffix == ".json":
        cameras = _read_json(path)
    else:
        raise ValueError(
            f"{path}: expected .json (sampling-spec, transforms), .txt (RealEstate10K) or a COLMAP model's folder"
        )
    if not cameras:
        raise ValueError(f"{path}: no cameras in it")
    try:
        check_poses(np.stack([camera.pose for camera in cameras]))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return cameras


def find_images(cameras: list[Camera], folder: Path) -> tuple[list[Path], list[Path]]:
    """The image of each camera in `folder`, and the images that no camera names.

    By name, with or without its folders and its suffix; an image that is not there keeps the path where it is expected. If
    no name fits, images in the order of their names, if there are as many as cameras; else ValueError.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected the frames of {len(cameras)} cameras"
        )
    images = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES),
        key=natural_order,
    )
    found = [_image_of(camera, folder, images) for camera in cameras]
    named = [path for path in found if path is not None]
    if len(set(named)) < len(named):
        twice = next(path for path in named if named.count(path) > 1)
        raise ValueError(
            f"{twice}: two cameras have an image of this name; expected names that differ"
        )
    if named:
        expected = (folder / camera.image_name for camera in cameras)
        return [path or other for path, other in zip(found, expected, strict=True)], sorted(
            set(images) - set(named)
        )
    if len(images) != len(cameras):
        raise ValueError(
            f"{folder}: {len(images)} images for {len(cameras)} poses, and no image is called like the first pose's, "
            f"{cameras[0].image_name}; expected such names, or as many images as poses"
        )
    return images, []


def _image_of(camera: Camera, folder: Path, images: list[Path]) -> Path | None:
    name = Path(camera.image_name)
    if name.suffix and (folder / name).is_file():
        return folder / name
    stem = name.stem if name.suffix.lower() in IMAGE_SUFFIXES else name.name
    same_name = [path for path in images if path.name == name.name]
    candidates = same_name or [path for path in images if path.stem == stem]
    if len(candidates) > 1:
        raise ValueError(
            f"{folder}: both {candidates[0].name} and {candidates[1].name}; expected one of them: remove the other"
        )
    return candidates[0] if candidates else None


def natural_order(path: Path | str) -> list[tuple[int, str]]:
    """A sort key in which frame_2 comes before frame_10."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))
    ]


def _read_realestate10k(path: Path) -> list[Camera]:
    """Poses and focal_y; square pixels and a central principal point fit the whole frame and its centre square alike."""
    sequence = read_realestate10k_text(path)
    rows = zip(sequence.timestamps, sequence.focal_y, sequence.poses, strict=True)
    return [
        Camera(_as_4x4(pose), str(timestamp), focal_y=float(focal_y), timestamp=int(timestamp))
        for timestamp, focal_y, pose in rows
    ]


def _as_4x4(pose: np.ndarray) -> np.ndarray:
    return np.vstack([np.asarray(pose, dtype=np.float64)[:3], [0.0, 0.0, 0.0, 1.0]])


def _read_json(path: Path) -> list[Camera]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if isinstance(content, dict) and "frames" in content:
        return _read_transforms(path, content)
    spec = read_spec(path)
    return [
        Camera(pose, f"{index:04d}.png", focal_y=spec.focal_y)
        for index, pose in enumerate(spec.poses)
    ]


def _read_transforms(path: Path, content: dict) -> list[Camera]:
    """transforms.json of nerfstudio and instant-ngp (fl_x, w, …, here or in a frame) or of Blender scenes (camera_angle_x).

    Its cameras have our axes. Conventions: docs.nerf.studio, "Data conventions".
    """
    cameras = []
    if not isinstance(content["frames"], list):
        raise ValueError(f"{path}: frames: expected a list")
    for index, frame in enumerate(content["frames"]):
        try:
            pose = np.array(frame["transform_matrix"], dtype=np.float64)
            if pose.shape != (4, 4):
                raise ValueError(f"transform_matrix has the shape {pose.shape}, expected (4, 4)")
            cameras.append(
                Camera(
                    pose, str(frame["file_path"]), **_transforms_intrinsics({**content, **frame})
                )
            )
        except KeyError as error:
            raise ValueError(
                f"{path}: frame {index}: no key {error}; expected file_path and transform_matrix"
            ) from error
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(f"{path}: frame {index}: {error}") from error
    return sorted(cameras, key=lambda camera: natural_order(camera.image_name))


def _transforms_intrinsics(values: dict) -> dict:
    distorted = [key for key in DISTORTION_KEYS if values.get(key)]
    model = str(values.get("camera_model", "OPENCV"))
    if distorted or model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"):
        raise ValueError(
            f"camera {model} with {', '.join(distorted) or 'its own lens'}; expected a pinhole: undistort the frames"
        )
    sized = "w" in values and "h" in values
    intrinsics: dict = {
        "principal": (values["cx"] / values["w"], values["cy"] / values["h"])
        if sized and "cx" in values
        else (0.5, 0.5)
    }
    if "fl_x" in values and not sized:
        raise ValueError("fl_x without w and h; expected the size of the images that it belongs to")
    if "fl_x" in values:
        return intrinsics | {
            "focal_x": values["fl_x"] / values["w"],
            "focal_y": values.get("fl_y", values["fl_x"]) / values["h"],
        }
    if "camera_angle_x" not in values:
        raise ValueError("no focal length; expected fl_x (pixels) or camera_angle_x (radians)")
    intrinsics["focal_x"] = 0.5 / math.tan(values["camera_angle_x"] / 2)
    if "camera_angle_y" in values:
        intrinsics["focal_y"] = 0.5 / math.tan(values["camera_angle_y"] / 2)
    return intrinsics


def _read_colmap(folder: Path) -> list[Camera]:
    """A COLMAP model, binary or text: world-to-camera quaternions and translations, camera axes x right, y down, z forward.

    Formats: colmap.github.io/format.html.
    """
    if (folder / "images.bin").is_file() and (folder / "cameras.bin").is_file():
        lenses, images, name = _colmap_binary_cameras, _colmap_binary_images, "{}.bin"
    elif (folder / "images.txt").is_file() and (folder / "cameras.txt").is_file():
        lenses, images, name = _colmap_text_cameras, _colmap_text_images, "{}.txt"
    else:
        raise FileNotFoundError(
            f"{folder}: no COLMAP model; expected cameras and images, .bin or .txt (often in sparse/0)"
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
            f"camera {model} {parameters}: expected a pinhole without distortion: run COLMAP's image_undistorter"
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
    for line in filter(
        str.strip, _colmap_lines(path)[::2]
    ):  # every second line lists an image's points; it may be empty
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
