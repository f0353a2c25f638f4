"""transforms.json of nerfstudio, instant-ngp and Blender scenes."""

import math
from pathlib import Path

import numpy as np

from ...utils.files import natural_order
from ...utils.json_files import read_json
from .camera import Camera

DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")
PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")  # without distortion


def read_transforms(path: Path) -> list[Camera]:
    """The cameras of a transforms.json, by image name. Its camera axes are ours.

    nerfstudio and instant-ngp write fl_x, w, … for the file or for a frame, Blender scenes
    camera_angle_x. Conventions: docs.nerf.studio, "Data conventions". Raises ValueError naming the
    file and the frame.
    """
    cameras, content = [], read_json(path)
    if not isinstance(content["frames"], list):
        raise ValueError(f"{path}: frames: expected a list")
    for index, frame in enumerate(content["frames"]):
        try:
            pose = np.array(frame["transform_matrix"], dtype=np.float64)
            if pose.shape != (4, 4):
                raise ValueError(f"transform_matrix has the shape {pose.shape}, expected (4, 4)")
            intrinsics = _transforms_intrinsics({**content, **frame})
            cameras.append(Camera(pose, str(frame["file_path"]), **intrinsics))
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
    if distorted or model not in PINHOLES:
        raise ValueError(
            f"camera {model} with {', '.join(distorted) or 'its own lens'}; expected a pinhole: "
            "undistort the frames"
        )
    sized = "w" in values and "h" in values
    intrinsics: dict = {}
    if sized and "cx" in values:
        intrinsics["principal"] = values["cx"] / values["w"], values["cy"] / values["h"]
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
