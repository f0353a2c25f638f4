"""Made-up furnished rooms: what their surfaces are made of, what stands where.

World: z up, metres, the room's floor centred on the origin. Colours are RGB in [0, 1], as
displayed.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .furniture import AT_WALLS, FREE_STANDING, Part, _door
from .materials import CEILING, FLOORS, SHADE, WALLS, WOODS, Material, choose, tinted


@dataclass(frozen=True)
class Box:
    """A box turned about the vertical."""

    centre: np.ndarray  # (3,)
    size: np.ndarray  # (3,) along its own axes
    yaw: float  # radians
    material: Material

    def rotation(self) -> np.ndarray:
        """Box axes to world axes, (3, 3)."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


@dataclass
class Room:
    """A room's size (x, y, z), its shell, and what stands in it.

    shell: materials of floor, ceiling and walls (-x, +x, -y, +y).

    doorway: (x, y) of the opening in a partition across x, which makes two rooms of it; None: one
    room.
    """

    size: np.ndarray
    shell: list[Material]
    boxes: list[Box] = field(default_factory=list)
    doorway: np.ndarray | None = None


TWO_ROOMS = 0.3  # share of rooms that are two
PARTITION = 0.12  # metres, thickness of the wall between them
DOORWAY, DOORWAY_HEIGHT = 1.0, 2.2  # metres


def _stand(parts: list[Part], place: np.ndarray, yaw: float) -> list[Box]:
    """Parts as boxes of the room. Local x is along the wall, y away from it.

    place: (2,) where local (0, 0) comes.
    """
    boxes = []
    for x, y, z, width, depth, height, material in parts:
        local = np.array([x, y + depth / 2, z + height / 2])
        box = Box(local, np.array([width, depth, height]), yaw, material)
        boxes.append(replace(box, centre=box.rotation() @ local + (*place, 0)))
    return boxes


def _extent(boxes: list[Box]) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest coordinates of some boxes."""
    reach = [np.abs(box.rotation()) @ box.size / 2 for box in boxes]
    low, high = (
        [box.centre + sign * r for box, r in zip(boxes, reach, strict=True)] for sign in (-1, 1)
    )
    return np.min(low, axis=0), np.max(high, axis=0)


def furnish(rng: np.random.Generator) -> Room:
    """A random room, or two with a doorway between. Nothing in it overlaps."""
    size = np.array([rng.uniform(4.2, 6.8), rng.uniform(3.8, 5.8), rng.uniform(2.45, 3.0)])
    walls = [choose(WALLS, rng) for _ in range(2)]
    room = Room(
        size,
        [
            choose(FLOORS, rng),
            tinted(CEILING, rng, 0.04),
            *(walls[rng.integers(2)] for _ in range(4)),
        ],
    )
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    if rng.random() >= TWO_ROOMS:
        _furnish_part(room, -size[:2] / 2, size[:2] / 2, taken, rng)
        return room
    size[0] = rng.uniform(7.6, 9.4)
    room.doorway = np.array([rng.uniform(-0.1, 0.1) * size[0], rng.uniform(-0.25, 0.25) * size[1]])
    room.boxes += _partition(size, room.doorway, walls[rng.integers(2)], choose(WOODS, rng))
    way = np.array([1.1, DOORWAY / 2 + 0.1])
    taken.append(
        (np.array([*(room.doorway - way), 0.0]), np.array([*(room.doorway + way), DOORWAY_HEIGHT]))
    )
    edges = room.doorway[0] + np.array([-1, 1]) * PARTITION / 2
    _furnish_part(room, -size[:2] / 2, np.array([edges[0], size[1] / 2]), taken, rng)
    _furnish_part(room, np.array([edges[1], -size[1] / 2]), size[:2] / 2, taken, rng)
    return room


def _partition(size: np.ndarray, doorway: np.ndarray, wall: Material, wood: Material) -> list[Box]:
    """The wall between two rooms: beside the opening, above it, and its frame."""
    x, y = doorway
    edges = np.array([-size[1] / 2, y - DOORWAY / 2, y + DOORWAY / 2, size[1] / 2])
    boxes = []
    for start, end in (edges[:2], edges[2:]):
        centre, length = np.array([x, (start + end) / 2, size[2] / 2]), end - start
        boxes.append(Box(centre, np.array([PARTITION, length, size[2]]), 0.0, wall))
    above = size[2] - DOORWAY_HEIGHT
    lintel = np.array([x, y, size[2] - above / 2])
    boxes.append(Box(lintel, np.array([PARTITION, DOORWAY, above]), 0.0, wall))
    for side in (-1, 1):
        post = np.array([x, y + side * (DOORWAY / 2 + 0.03), DOORWAY_HEIGHT / 2])
        boxes.append(Box(post, np.array([PARTITION + 0.04, 0.06, DOORWAY_HEIGHT]), 0.0, wood))
    top = np.array([x, y, DOORWAY_HEIGHT + 0.03])
    boxes.append(Box(top, np.array([PARTITION + 0.04, DOORWAY + 0.12, 0.06]), 0.0, wood))
    return boxes


def _furnish_part(
    room: Room,
    low: np.ndarray,
    high: np.ndarray,
    taken: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> None:
    """Put a lamp and furniture into the rectangle from `low` to `high`, clear of what is `taken`."""
    middle, extent = (low + high) / 2, high - low
    lamp = np.array([*(middle + rng.uniform(-0.6, 0.6, 2)), room.size[2] - 0.05])
    room.boxes.append(Box(lamp, np.array([0.5, 0.5, 0.1]), 0.0, SHADE))
    for make in AT_WALLS + FREE_STANDING:
        parts = make(rng)
        for _ in range(25):
            if make in FREE_STANDING:
                boxes = _stand(
                    parts, middle + rng.uniform(-0.3, 0.3, 2) * extent, rng.uniform(0, 2 * np.pi)
                )
            else:
                wall = int(rng.integers(4))
                yaw, length, distance = (
                    wall * np.pi / 2,
                    extent[wall % 2] / 2,
                    extent[1 - wall % 2] / 2,
                )
                inward = np.array([-np.sin(yaw), np.cos(yaw)])
                along = np.array([np.cos(yaw), np.sin(yaw)]) * rng.uniform(-length, length)
                boxes = _stand(parts, middle + along - inward * distance, yaw)
            bottom, top = _extent(boxes)
            space = 0.7 if make is _door else 0.04
            inside = (bottom[:2] >= low - 1e-6).all() and (top[:2] <= high + 1e-6).all()
            if inside and not any(
                (bottom - space < end).all() and (top + space > start).all() for start, end in taken
            ):
                taken.append((bottom, top))
                room.boxes += boxes
                break
