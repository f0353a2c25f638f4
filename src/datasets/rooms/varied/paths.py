"""Short camera paths through a planned room: walks ahead, back and sideways, orbits, pans, rises.

Clear of everything.
"""

from dataclasses import dataclass

import numpy as np

from .light import Casters, blocked, casters
from .plan import Plan
from .tiles import Rng

CLEARANCE = 0.25  # metres between the camera and any surface
LOOK_FREE = 1.0, 2.2  # metres that the camera sees ahead: at least, and wished for
STEP = 0.05, 0.4  # metres from frame to frame
TURN = np.radians(12)  # from frame to frame at most
FIELD_OF_VIEW = 45, 75  # degrees, of the square's height
ATTEMPTS = 150
MOTIONS = ("ahead", "back", "sideways", "slanted", "orbit", "orbit", "pan", "rise")


@dataclass(frozen=True, eq=False)
class Path:
    """Camera-to-world poses (n, 4, 4), focal length as a fraction of the square's height."""

    poses: np.ndarray
    focal_y: float
    motion: str


def walk(plan: Plan, frames: int, rng: Rng, attempts: int = ATTEMPTS) -> Path | None:
    """A random path of so many frames; None where none was found: the room is too full."""
    boxes = casters(plan, all_solids=True)
    angle = np.radians(rng.uniform(*FIELD_OF_VIEW))
    focal_y = float(0.5 / np.tan(angle / 2))
    for attempt in range(attempts):
        motion = str(rng.choice(MOTIONS))
        shorter = 1 - 0.7 * attempt / attempts
        free = LOOK_FREE[0] + shorter * rng.random() * (LOOK_FREE[1] - LOOK_FREE[0])
        places, yaw, pitch = _motion(plan, motion, frames, shorter, rng)
        if _clear(plan, boxes, places) and _sees(plan, boxes, places, yaw, pitch, free):
            return Path(_poses(places, yaw, pitch), focal_y, motion)
    return None


def _motion(
    plan: Plan, motion: str, frames: int, shorter: float, rng: Rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (n, 3), yaw (n,) and pitch (n,) of a motion, whatever stands in its way."""
    time = np.arange(frames)
    height = np.clip(rng.normal(1.35, 0.3), 0.5, plan.size[2] - 0.4)
    start = np.array([*rng.uniform(-0.47, 0.47, 2) * plan.size[:2], height])
    step = max(STEP[0], shorter * rng.uniform(*STEP) * rng.uniform(0.6, 1))
    turn = np.clip(rng.normal(0, np.radians(4)), -TURN, TURN) * shorter
    heading = rng.uniform(-np.pi, np.pi)
    rise = rng.normal(0, 0.15) * step
    if motion == "orbit":
        distance = rng.uniform(0.8, 3.0)
        turn = min(step / distance, TURN) * rng.choice([-1, 1])
        yaw = heading + turn * time
        pivot = start[:2] + distance * _level(heading)
        level = pivot - distance * rng.uniform(0.8, 1.25) ** (time / frames)[:, None] * _level(yaw)
    else:
        away = {
            "back": np.pi,
            "sideways": rng.choice([-1, 1]) * np.pi / 2,
            "slanted": rng.uniform(-3, 3),
        }
        if motion == "pan":
            turn, step = rng.choice([-1, 1]) * rng.uniform(0.2, 1) * TURN, rng.uniform(0, 0.04)
        if motion == "rise":
            rise, step, turn = rng.choice([-1, 1]) * rng.uniform(0.03, 0.12), step / 3, turn / 2
        yaw = heading + turn * time
        moves = step * _level(yaw[:-1] + away.get(motion, 0.0) + turn / 2)
        level = start[:2] + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, 0)])
    places = np.concatenate([level, (height + rise * time)[:, None]], axis=1)
    pitch = np.clip(rng.normal(-0.14, 0.14), -0.5, 0.25) + rng.normal(0, 0.012) * time
    return places, yaw, pitch


def _level(yaw: np.ndarray | float) -> np.ndarray:
    """Unit vectors (..., 2)."""
    return np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)


def _clear(plan: Plan, boxes: Casters, places: np.ndarray) -> bool:
    """Whether the camera keeps its distance from shell and solids, also between the frames."""
    middle, half = plan.size * (0, 0, 0.5), plan.size / 2
    if (half - np.abs(places - middle)).min() < CLEARANCE:
        return False
    offset = places[:, None] - boxes.centre  # (frames, boxes, 3)
    level = np.einsum("bij,nbj->nbi", boxes.rotation, offset[..., :2])
    beyond = np.abs(np.concatenate([level, offset[..., 2:]], -1)) - boxes.size / 2
    if (np.square(np.maximum(beyond, 0)).sum(-1) < CLEARANCE**2).any():
        return False
    moves = np.diff(places, axis=0).T.astype(np.float32)
    return not blocked(places[:-1].T.astype(np.float32), moves, boxes).any()


def _sees(
    plan: Plan,
    boxes: Casters,
    places: np.ndarray,
    yaw: np.ndarray,
    pitch: np.ndarray,
    free: float,
) -> bool:
    """Whether nothing is nearer than `free` before the cameras, in the middle and to both sides."""
    sides = yaw[:, None] + np.radians([-18.0, 0, 18])
    slope = np.broadcast_to(pitch[:, None], sides.shape)
    rays = free * np.stack(
        [np.cos(slope) * np.cos(sides), np.cos(slope) * np.sin(sides), np.sin(slope)]
    )
    starts = np.broadcast_to(places.T[:, :, None], rays.shape)
    middle, half = plan.size * (0, 0, 0.5), plan.size / 2
    ends = np.abs(starts + rays - middle[:, None, None])
    if (ends > half[:, None, None]).any():
        return False
    return not blocked(starts.astype(np.float32), rays.astype(np.float32), boxes).any()


def _poses(places: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Camera-to-world matrices (n, 4, 4) of level cameras."""
    zero = np.zeros_like(yaw)
    forward = np.stack(
        [np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], axis=-1
    )
    right = np.stack([np.sin(yaw), -np.cos(yaw), zero], axis=-1)
    poses = np.tile(np.eye(4), (len(yaw), 1, 1))
    poses[:, :3] = np.stack([right, np.cross(right, forward), -forward, places], axis=-1)
    return poses
