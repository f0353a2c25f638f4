"""A camera's walk through a room: smooth, at eye level, away from walls and furniture."""

import numpy as np

from .render import blocked
from .scene import Room

CLEARANCE = 0.35  # metres between the camera and what stands in the room, seen from above
LOOK_FREE = 1.7  # metres that the camera sees ahead at least
MAX_TURN = np.radians(20)  # a second; real clips seldom turn faster
ROOM_ATTEMPTS = 300  # to find a path through a room, before another room is tried


def clearance(room: Room, points: np.ndarray) -> np.ndarray:
    """Distance (n,) of points (n, 2) seen from above to walls and furniture; 0 inside.

    Only what stands between ankle and lamp counts.
    """
    distance = (room.size[:2] / 2 - np.abs(points)).min(-1)
    for box in room.boxes:
        if box.centre[2] + box.size[2] / 2 > 0.1 and box.centre[2] - box.size[2] / 2 < 2.15:
            beyond = np.abs((points - box.centre[:2]) @ box.rotation()[:2, :2]) - box.size[:2] / 2
            distance = np.minimum(distance, np.linalg.norm(np.maximum(beyond, 0), axis=-1))
    return np.maximum(distance, 0)


def _direction(yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of a gaze; yaw from x towards y, pitch upwards, radians."""
    return np.stack(
        [np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], axis=-1
    )


def _sees(room: Room, position: np.ndarray, yaw: float) -> bool:
    """Whether nothing is near in front of a camera, in the middle and to both sides."""
    rays = LOOK_FREE * _direction(yaw + np.radians([-25.0, 0, 25]), np.zeros(3))
    inside = (np.abs((position + rays)[:, :2]) < room.size[:2] / 2).all()
    return bool(
        inside
        and not blocked(position.astype(np.float32), rays.astype(np.float32), room.boxes).any()
    )


def _before_doorway(doorway: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A place (2,) in front of the opening, and the heading through it."""
    side = rng.choice([-1.0, 1.0])
    place = doorway + np.array([side * rng.uniform(0.7, 1.5), rng.uniform(-0.08, 0.08)])
    return place, np.pi if side > 0 else 0.0


def _control_points(room: Room, count: int, rng: np.random.Generator) -> np.ndarray | None:
    """(count, 5) of x, y, z, yaw, pitch, a second apart; None where no way was found."""
    heading, look = (
        rng.uniform(-np.pi, np.pi),
        rng.choice([0, 0, 0, 0.5, -0.5, 1]) * np.pi,
    )  # ahead, sideways, back
    place = rng.uniform(-0.5, 0.5, 2) * room.size[:2]
    crosses = room.doorway is not None and rng.random() < 0.5
    if crosses:
        (place, heading), look = _before_doorway(room.doorway, rng), 0.0
    position = np.array([*place, rng.uniform(1.25, 1.75)])
    points = [np.array([*position, heading + look, rng.uniform(-0.3, -0.08)])]
    speed, failures = rng.uniform(0.3, 0.6), 0
    if clearance(room, position[None, :2])[0] < CLEARANCE or not (
        crosses or _sees(room, position, points[0][3])
    ):
        return None
    while len(points) < count:
        if failures > 40:
            return None
        # Straight through the opening, whose posts are near; turning begins behind it.
        straight = crosses and (position[0] - room.doorway[0]) * np.cos(heading) < 0.5
        turn = 0.0 if straight else rng.normal(0, 0.25 + 0.03 * failures)
        step = speed * _direction(heading + turn, 0.0)
        ahead = position + step + (0, 0, rng.normal(0, 0.05))
        yaw = points[-1][3] + (
            0.0 if straight else np.clip(turn + rng.normal(0, 0.15), -MAX_TURN, MAX_TURN)
        )
        between = np.linspace(position, ahead, 8)
        free = clearance(room, between[:, :2]).min() > CLEARANCE and (
            straight or _sees(room, ahead, yaw)
        )
        if 1.2 < ahead[2] < 1.8 and free:
            position, heading = ahead, heading + turn
            points.append(
                np.array([*position, yaw, np.clip(points[-1][4] + rng.normal(0, 0.05), -0.35, 0.0)])
            )
            failures = 0
        else:
            failures += 1
    return np.stack(points)


def _spline(controls: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Uniform cubic B-spline (n, 5) near control points, at times in [0, len(controls) - 3]."""
    start = np.minimum(times.astype(int), len(controls) - 4)
    t = (times - start)[:, None]
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return sum(weight * controls[start + k] for k, weight in enumerate(weights)) / 6


def camera_path(
    room: Room, frames: int, rate: float, rng: np.random.Generator, attempts: int = ROOM_ATTEMPTS
) -> np.ndarray | None:
    """Poses (frames, 4, 4) of a smooth walk, never nearer to anything than 0.3 m.

    None where so many attempts found none.
    """
    seconds = (frames - 1) / rate
    for _ in range(attempts):
        controls = _control_points(room, int(seconds) + 4, rng)
        if controls is None:
            continue
        values = _spline(controls, np.arange(frames) / rate)
        position, yaw, pitch = values[:, :3], values[:, 3], values[:, 4]
        if clearance(room, position[:, :2]).min() < 0.3:
            continue
        forward = _direction(yaw, pitch)
        right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros(frames)], axis=-1)
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, :3, :] = np.stack([right, np.cross(right, forward), -forward, position], axis=-1)
        return poses
    return None
