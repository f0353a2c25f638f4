"""transforms.json of nerfstudio, instant-ngp and Blender scenes."""

import math
from pathlib import Path

import numpy as np

from ...utils.files import natural_order
from .camera import Camera

DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")  # of transforms.json


def read_transforms(path: Path, content: dict) -> list[Camera]:
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
