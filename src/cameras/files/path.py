"""The camera path of a file of cameras, to sample along it."""

from pathlib import Path

import numpy as np

from ..paths import CameraPath
from .camera import Camera
from .reading import read_cameras

PRINCIPAL_TOLERANCE = 0.02  # fraction of the side, off the centre; less counts as central


def path_of_file(
    file: Path,
    axes: str = "blender",
    frames: int | None = None,
    every: int = 1,
    start: int = 0,
) -> CameraPath:
    """The cameras of any file that `read_cameras` reads, with their focal length if they share one.

    frames: how many, from number `start` on, every `every`-th; None: all that there are. Lens
    distortion does not matter here, as generated frames have none. Raises FileNotFoundError, or
    ValueError for too few cameras.
    """
    cameras = read_cameras(file, axes=axes, distorted=True, lens=False)
    if every < 1 or not 0 <= start < len(cameras):
        raise ValueError(
            f"{file}: start {start}, every {every}, of {len(cameras)} cameras; expected a start "
            f"from 0 to {len(cameras) - 1}, and a step of 1 or more"
        )
    chosen = cameras[start::every]
    if frames is not None and not 1 <= frames <= len(chosen):
        raise ValueError(
            f"{file}: {frames} frames from {start}, every {every}; it has {len(chosen)}: use "
            "fewer frames or a smaller step"
        )
    chosen = chosen[:frames]
    times = [camera.timestamp for camera in chosen]
    timestamps = None if None in times else np.array(times, dtype=np.int64)
    poses = np.stack([camera.pose for camera in chosen])
    notes = (f"{file}: {len(cameras)} cameras, {len(chosen)} taken", *_lens_notes(chosen))
    return CameraPath(poses, _focal_y(file, chosen), timestamps, notes)


def _lens_notes(cameras: list[Camera]) -> list[str]:
    """What the frames along the path will not have."""
    notes = []
    off = max(abs(part - 0.5) for camera in cameras for part in camera.principal)
    if off > PRINCIPAL_TOLERANCE:
        notes.append(
            f"principal point up to {off:.3f} of the side off the centre; the path has it in the "
            "middle: crop the photo about its own"
        )
    if any(camera.distortion for camera in cameras):
        notes.append("lens distortion; the path has none: undistort the photo")
    return notes


def _focal_y(file: Path, cameras: list[Camera]) -> float | None:
    """The focal length of the centre squares, a fraction of their height; None for none."""
    lengths = [square_focal_y(camera) for camera in cameras]
    if None in lengths:
        return None
    if np.ptp(lengths) > 1e-3 * lengths[0]:
        raise ValueError(
            f"{file}: focal_y changes from {min(lengths):g} to {max(lengths):g}; expected one for "
            "all frames"
        )
    return lengths[0]


def square_focal_y(camera: Camera) -> float | None:
    """The focal length of an image's centre square, as a fraction of its height.

    None: the camera has no focal length. An image whose size is not known counts as no higher than
    wide.
    """
    if camera.focal_y is None and camera.focal_x is None:
        return None
    height, width = camera.size or (1, camera.aspect or 1)
    focal_y, _ = camera.focal_lengths((height, width))
    return focal_y * height / min(height, width)
