"""Camera paths: the three of the paper, and the film maker's moves.

A path is (n, 4, 4) float64 camera-to-world; `geometry` has the conventions. The first pose is the
given image's camera. The presets' world has y up.

Lengths have no metric unit. The model only knows the scale of its training data, and
RealEstate10K's is arbitrary, another one in each sequence. In the published example the camera
moves by 0.06 to 0.29 from frame to frame and by 4.7 in all. In the paper's three custom paths it
moves by 0.31 to 0.35, and by about 3.

The presets' own sizes are gentle: steps of 0.03 to 0.08 units and turns of 1 to 2 degrees, which
also small models can follow. `custom-trajectories/` has the paper's three paths, which are far
wider.
"""

import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RIGHT, UP = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
LENGTHS = "radius", "distance", "height"  # of the presets' options
DISTANCE_LOOKED_AT = 2.0  # metres: the presets' sizes suit a photo of what is so far away
PAPER_FOCAL_Y = 0.9727365374565125  # of the paper's three custom trajectories


class CameraPath(NamedTuple):
    """A path found in a file, and what else the file says of it."""

    poses: np.ndarray  # (n, 4, 4) float64 camera-to-world
    focal_y: float | None = None  # fraction of the frame's height
    timestamps: np.ndarray | None = None  # (n,) int64, microseconds of a video's time
    notes: tuple[str, ...] = ()  # lines for people

    def there_and_back(self) -> "CameraPath":
        """The same path, then back along it: 2n - 1 frames, the last one where the first is."""
        order = [*range(len(self.poses)), *range(len(self.poses) - 2, -1, -1)]
        timestamps = None if self.timestamps is None else self.timestamps[order]
        return self._replace(poses=self.poses[order], timestamps=timestamps)


def sizes_of(motions: np.ndarray) -> np.ndarray:
    """How much each motion (n, 6), a translation and a rotation vector, moves the picture; (n,).

    A turn counts as a way as long as it moves what is DISTANCE_LOOKED_AT away.
    """
    return np.linalg.norm(motions * np.repeat([1.0, DISTANCE_LOOKED_AT], 3), axis=1)


def at_distance(poses: np.ndarray, distance: float) -> np.ndarray:
    """A path made for things DISTANCE_LOOKED_AT away, for things `distance` away; both (n, 4, 4).

    All lengths grow alike, so the picture changes as much. Raises ValueError unless above 0.
    """
    if not 0 < distance < math.inf:
        raise ValueError(f"distance {distance:g}: expected a finite length above 0")
    scaled = poses.copy()
    scaled[:, :3, 3] *= distance / DISTANCE_LOOKED_AT
    return scaled


def orbit(
    frames: int = 20, radius: float = 2.0, angle: float = 30.0, height: float = 0.0
) -> np.ndarray:
    """Around a point straight ahead, `radius` away, kept in the middle.

    It goes to the right, with a negative angle to the left, and rises by `height` on the way.
    """
    theta = _sweep(frames, angle)
    rise = _steps(frames) * height
    return _looking_at_origin(radius * np.sin(theta), rise, radius * np.cos(theta))


def spin(
    frames: int = 20, radius: float = 0.25, distance: float = 2.0, angle: float = 360.0
) -> np.ndarray:
    """A level circle of `radius`, right and forward first, looking at a point `distance` ahead.

    The angle is divided by the number of frames. So after a full circle the next frame would be the
    first again.
    """
    theta = _sweep(frames, angle) * (frames - 1) / frames
    depth = distance - radius + radius * np.cos(theta)
    return _looking_at_origin(radius * np.sin(theta), 0 * theta, depth)


def hop(
    frames: int = 20, radius: float = 0.4, distance: float = 2.0, angle: float = 180.0
) -> np.ndarray:
    """An arc of `radius` up and to the left, with a level horizon.

    It lies in the plane `distance` before the point that it looks at.
    """
    phi = _sweep(frames, angle)
    return _looking_at_origin(radius * np.cos(phi), radius * np.sin(phi), distance + 0 * phi)


def dolly(frames: int = 20, distance: float = 1.0) -> np.ndarray:
    """Forward (negative distance: back)."""
    return _moved(z=-_steps(frames) * distance)


def truck(frames: int = 20, distance: float = 1.0) -> np.ndarray:
    """To the right, looking straight ahead (negative distance: left)."""
    return _moved(x=_steps(frames) * distance)


def pedestal(frames: int = 20, distance: float = 0.5) -> np.ndarray:
    """Up, looking straight ahead (negative distance: down)."""
    return _moved(y=_steps(frames) * distance)


def spiral(
    frames: int = 20, radius: float = 0.2, distance: float = 0.5, angle: float = 360.0
) -> np.ndarray:
    """Forward in a spiral that widens to `radius`, looking straight ahead.

    It turns anticlockwise, with a negative angle clockwise.
    """
    step, phi = _steps(frames), _sweep(frames, angle)
    return _moved(x=radius * step * np.cos(phi), y=radius * step * np.sin(phi), z=-distance * step)


def pan(frames: int = 20, angle: float = 30.0) -> np.ndarray:
    """Turning in place, to the right (negative angle: left)."""
    theta = _sweep(frames, angle)
    right = np.stack([np.cos(theta), 0 * theta, np.sin(theta)], axis=1)
    return _poses(np.zeros(3), right, np.cross(right, UP))


def tilt(frames: int = 20, angle: float = 20.0) -> np.ndarray:
    """Turning in place, up (negative angle: down)."""
    theta = _sweep(frames, angle)
    backward = np.stack([0 * theta, -np.sin(theta), np.cos(theta)], axis=1)
    return _poses(np.zeros(3), RIGHT, backward)


PRESETS: dict[str, Callable[..., np.ndarray]] = {
    preset.__name__: preset
    for preset in (orbit, spin, hop, dolly, truck, pedestal, spiral, pan, tilt)
}


def default_sizes(name: str, unit: float = 1.0) -> dict[str, float]:
    """The options of a preset and their values where nobody says others.

    unit: how many units of the poses are a metre.
    """
    parameters = inspect.signature(PRESETS[name]).parameters
    return {
        option: parameter.default * (unit if option in LENGTHS else 1)
        for option, parameter in parameters.items()
    }


def _steps(frames: int) -> np.ndarray:
    """From 0 (the first frame) to 1 (the last), evenly."""
    if frames < 2:
        raise ValueError(f"{frames} frames; expected at least 2, the given one included")
    return np.linspace(0, 1, frames)


def _sweep(frames: int, angle: float) -> np.ndarray:
    """From 0 to `angle` degrees, evenly, in radians."""
    return np.radians(_steps(frames) * angle)


def _moved(
    x: np.ndarray | float = 0.0, y: np.ndarray | float = 0.0, z: np.ndarray | float = 0.0
) -> np.ndarray:
    """Cameras at these places, all looking along -z."""
    return _poses(np.stack(np.broadcast_arrays(x, y, z), axis=1), RIGHT, np.cross(RIGHT, UP))


def _looking_at_origin(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Cameras at these places, their x axis level."""
    positions = np.stack([x, y, z], axis=1)
    if np.hypot(x, z).min() <= 1e-9 * np.abs(positions).max():
        raise ValueError(
            "the path passes through, above or below the point that it looks at; "
            "choose another radius or distance"
        )
    right = np.cross(UP, positions)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return _poses(positions, right, positions / np.linalg.norm(positions, axis=1, keepdims=True))


def _poses(positions: np.ndarray, right: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Cameras (n, 4, 4) from their places, and unit vectors to the right and backward."""
    up = np.cross(backward, right)
    columns = np.broadcast_arrays(right, up, backward, positions)  # each (n, 3)
    poses = np.tile(np.eye(4), (len(columns[0]), 1, 1))
    poses[:, :3] = np.stack(columns, axis=2)
    # Rounded, so that files are the same on every machine; adding zero makes 0.0 of -0.0.
    return np.round(poses, 12) + 0.0
