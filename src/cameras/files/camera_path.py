"""camera_path.json of nerfstudio's viewer, read and written.

Each camera has a 4x4 camera-to-world matrix, row by row, with our axes, and a vertical field of
view in degrees. The world is the one of nerfstudio's viewer, which is scaled and centred.
"""

import json
from pathlib import Path

import numpy as np

from ...utils.files import write_text
from ...utils.json_files import list_from_json, number_from_json, shown
from ..geometry import field_of_view_of, focal_length_of
from .camera import Camera
from .source import Source, pixels, positive

CENTRE_TOLERANCE = 1e-6  # fraction of the side


def is_camera_path(source: Source) -> bool:
    """Whether it is a JSON file with a camera path."""
    return isinstance(source.content, dict) and "camera_path" in source.content


def read_camera_path(source: Source) -> list[Camera]:
    """The cameras in the order of the path. Raises ValueError naming file, camera and key."""
    content, cameras = source.content, []
    try:
        kind = content.get("camera_type", "perspective")
        if kind != "perspective":
            raise ValueError(f"camera_type: {shown(kind)}; expected perspective")
        sized = "render_height" in content and "render_width" in content
        size = tuple(
            pixels(content[key], key) for key in ("render_height", "render_width") if sized
        )
        entries = list_from_json(content["camera_path"], "camera_path", "cameras")
        for index, entry in enumerate(entries):
            cameras.append(_camera(index, entry, size or None))
    except ValueError as error:
        raise ValueError(f"{source.path}: {error}") from error
    return cameras


def _camera(index: int, entry: object, size: tuple[int, int] | None) -> Camera:
    where = f"frame {index}"
    if not isinstance(entry, dict) or not {"camera_to_world", "fov"} <= entry.keys():
        raise ValueError(
            f"{where}: {shown(entry)}; expected an object with camera_to_world and fov"
        )
    matrix = list_from_json(entry["camera_to_world"], f"{where}: camera_to_world", "16 numbers")
    flat = [one for row in matrix for one in (row if isinstance(row, list) else [row])]
    if len(flat) != 16:
        raise ValueError(f"{where}: camera_to_world: {len(flat)} numbers; expected 16")
    numbers = [number_from_json(one, f"{where}: camera_to_world") for one in flat]
    view = positive(entry["fov"], f"{where}: fov")
    if view >= 180:
        raise ValueError(f"{where}: fov: {view:g}; expected degrees, below 180")
    pose, focal_y = np.array(numbers).reshape(4, 4), focal_length_of(view)
    return Camera(pose, f"{index:04d}", focal_y=focal_y, size=size)


def write_camera_path(cameras: list[Camera], path: Path, rate: int = 24) -> None:
    """Write a camera_path.json of `rate` frames a second. Each camera needs its size.

    Raises ValueError for a lens that the format does not have.
    """
    height, width = cameras[0].size
    entries, keyframes = [], []
    for camera in cameras:
        view = {"fov": _field_of_view(camera, (height, width)), "aspect": width / height}
        matrix = [float(number) for number in camera.pose.ravel()]
        entries.append({"camera_to_world": matrix, **view})
        keyframes.append({"matrix": matrix, **view, "override_transition_enabled": False})
    content = {
        "camera_type": "perspective",
        "render_height": height,
        "render_width": width,
        "fps": rate,
        "seconds": len(cameras) / rate,
        "is_cycle": False,
        "smoothness_value": 0.0,
        "default_fov": entries[0]["fov"],
        "default_transition_sec": 1 / rate,
        "keyframes": keyframes,
        "camera_path": entries,
    }
    write_text(path, json.dumps(content) + "\n")


def _field_of_view(camera: Camera, size: tuple[int, int]) -> float:
    """Vertical, in degrees."""
    focal_y, focal_x = camera.focal_lengths(camera.size)
    stretch = focal_x * size[1] / (focal_y * size[0])
    off_centre = max(abs(part - 0.5) for part in camera.principal)
    if camera.distortion or camera.size != size or not np.isclose(stretch, 1, atol=1e-6):
        raise ValueError(
            f"{camera.image_name}: a distorted lens, another image size, or pixels that are not "
            "square; camera_path.json has only fields of view: take transforms"
        )
    if off_centre > CENTRE_TOLERANCE:
        raise ValueError(
            f"{camera.image_name}: its principal point is off the centre; camera_path.json has "
            "only fields of view: take transforms"
        )
    return field_of_view_of(focal_y)
