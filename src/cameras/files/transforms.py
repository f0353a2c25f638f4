"""transforms.json of nerfstudio, instant-ngp and Blender scenes, read and written.

Its camera axes are ours. nerfstudio and instant-ngp write fl_x, w, … in pixels, for the file or for
a frame (docs.nerf.studio, "Data conventions"). Blender scenes have camera_angle_x in radians.
Scripts in Blender also write a camera's `matrix_world`, and `lens` and `sensor_width` in
millimetres.
`applied_transform` turned the world once, and matters to nobody who has only this file.
"""

import json
import math
from pathlib import Path

import numpy as np

from ...utils.files import natural_order, write_text
from ...utils.images import IMAGE_SUFFIXES, image_size
from ...utils.json_files import number_from_json, shown
from ..spec import matrix_from_json
from .camera import Camera
from .matching import inside
from .source import FISHEYE, Source, check_names, pixels, pixels_of_lens, positive

MATRIX_KEYS = ("transform_matrix", "matrix_world")
DISTORTION_KEYS = ("k1", "k2", "p1", "p2", "k3")  # in OpenCV's order
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")


def is_transforms(source: Source) -> bool:
    """Whether it is a JSON file with frames."""
    return isinstance(source.content, dict) and "frames" in source.content


def read_transforms(source: Source) -> list[Camera]:
    """The cameras of a transforms.json, by image name.

    Raises ValueError naming the file, the frame and the key.
    """
    frames = source.content["frames"]
    if not isinstance(frames, list):
        raise ValueError(f"{source.path}: frames: {shown(frames)}; expected a list")
    common = {key: value for key, value in source.content.items() if key != "frames"}
    cameras = []
    for index, frame in enumerate(frames):
        try:
            cameras.append(_camera(index, frame, common, source))
        except ValueError as error:
            named = isinstance(frame, dict) and "file_path" in frame
            name = f" ({frame['file_path']})" if named else ""
            raise ValueError(f"{source.path}: frame {index}{name}: {error}") from error
    return sorted(cameras, key=lambda camera: natural_order(camera.image_name))


def _camera(index: int, frame: object, common: dict, source: Source) -> Camera:
    if not isinstance(frame, dict):
        raise ValueError(f"found {shown(frame)}; expected an object")
    key = next((one for one in MATRIX_KEYS if one in frame), None)
    if key is None:
        raise ValueError("no key transform_matrix; expected it, and file_path")
    # A script in Blender may name no image.
    name = frame.get("file_path", f"{index:04d}" if key == "matrix_world" else None)
    if not isinstance(name, str) or not name:
        raise ValueError(f"file_path: {shown(name)}; expected the image's name")
    name = name.replace("\\", "/")
    pose = np.array(matrix_from_json(frame[key], key))
    return Camera(pose, name, **_lens({**common, **frame}, name, source))


def _lens(values: dict, name: str, source: Source) -> dict:
    """The lens of a frame from the keys of the file and its own."""
    model = values.get("camera_model", "OPENCV")
    if model not in MODELS or values.get("is_fisheye"):
        raise ValueError(f"camera_model {model}: expected {', '.join(MODELS)}; {FISHEYE}")
    if number_from_json(values.get("k4", 0), "k4"):
        raise ValueError("k4: expected none or 0, as OpenCV has no such term; undistort the images")
    distortion = tuple(number_from_json(values.get(key, 0), key) for key in DISTORTION_KEYS)
    distortion = distortion if distortion[4] else distortion[:4] if any(distortion) else ()
    size = _said_size(values) or _image_size(name, source)
    if "fl_x" in values:
        if size is None:
            raise ValueError(
                "fl_x without w and h, and no such image; expected the size of the images that it "
                "belongs to, or those images beside the file"
            )
        lens = {
            "focal_x": positive(values["fl_x"], "fl_x") / size[1],
            "focal_y": positive(values.get("fl_y", values["fl_x"]), "fl_y") / size[0],
        }
    else:
        lens = _angles(values, size)
    return lens | _principal(values, size) | {"size": size, "distortion": distortion}


def _angles(values: dict, size: tuple[int, int] | None) -> dict:
    """Focal lengths by fields of view in radians, or by Blender's millimetres."""
    if "camera_angle_x" not in values and {"lens", "sensor_width"} <= values.keys():
        lens, sensor = (positive(values[key], key) for key in ("lens", "sensor_width"))
        upright = size is not None and size[0] > size[1]  # the sensor's width is the longer side
        return {"focal_y" if upright else "focal_x": lens / sensor}
    if "camera_angle_x" not in values:
        raise ValueError("no focal length; expected fl_x (pixels) or camera_angle_x (radians)")
    angles = [key for key in ("camera_angle_x", "camera_angle_y") if key in values]
    focal = {}
    for key in angles:
        angle = positive(values[key], key)
        if angle >= math.pi:
            raise ValueError(f"{key}: {angle:g}; expected radians, below 3.14")
        focal[f"focal_{key[-1]}"] = 0.5 / math.tan(angle / 2)
    return focal


def _principal(values: dict, size: tuple[int, int] | None) -> dict:
    if size is None:
        return {}
    x = number_from_json(values.get("cx", size[1] / 2), "cx") / size[1]
    y = number_from_json(values.get("cy", size[0] / 2), "cy") / size[0]
    return {"principal": (x, y)}


def _said_size(values: dict) -> tuple[int, int] | None:
    """(height, width) in pixels, if the file says it."""
    if "w" not in values or "h" not in values:
        return None
    return pixels(values["h"], "h"), pixels(values["w"], "w")


def _image_size(name: str, source: Source) -> tuple[int, int] | None:
    """(height, width) of a frame's image, as the pixels are stored, or None; its head is read."""
    return next((image_size(path, upright=False) for path in _places(name, source)), None)


def _places(name: str, source: Source) -> list[Path]:
    """Where the image of this name is: beside the file, or else in the folder of the frames."""
    relative = inside(name)
    beside = source.path.parent / relative
    places = [beside, *(beside.with_name(beside.name + one) for one in IMAGE_SUFFIXES)]
    if source.images is not None:
        there = [source.images / relative, source.images / relative.name]
        places += there
        places += [one.with_name(one.name + suffix) for one in there for suffix in IMAGE_SUFFIXES]
    return [path for path in places if path.is_file()][:1]


def write_transforms(cameras: list[Camera], path: Path) -> None:
    """Write a transforms.json with all that nerfstudio asks for. Each camera needs its size.

    What is the same for all cameras stands once, as instant-ngp and Blender's readers expect.
    Raises ValueError for distortion that the format does not have.
    """
    check_names(cameras)
    lenses = [_keys(camera) for camera in cameras]
    common = lenses[0] if all(lens == lenses[0] for lens in lenses) else {}
    frames = [
        {"file_path": camera.image_name}
        | ({} if common else lens)
        | {"transform_matrix": camera.pose.tolist()}
        for camera, lens in zip(cameras, lenses, strict=True)
    ]
    content = {"camera_model": "OPENCV"} | common | {"frames": frames}
    write_text(path, json.dumps(content, indent=1) + "\n")


def _keys(camera: Camera) -> dict:
    if len(camera.distortion) > len(DISTORTION_KEYS):
        raise ValueError(
            f"{camera.image_name}: distortion of {len(camera.distortion)} terms; transforms.json "
            "has only k1 k2 p1 p2 k3: take colmap"
        )
    (fl_x, fl_y), (cx, cy), (height, width) = pixels_of_lens(camera)
    keys = {"w": width, "h": height, "fl_x": fl_x, "fl_y": fl_y, "cx": cx, "cy": cy}
    keys["camera_angle_x"] = 2 * math.atan(0.5 * width / fl_x)
    terms = (*camera.distortion, *(0.0,) * 5)
    return keys | dict(zip(DISTORTION_KEYS, map(float, terms), strict=False))
