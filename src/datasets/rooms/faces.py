"""The faces of a room's boxes and walls, as rectangles."""

from dataclasses import dataclass

import numpy as np

from .materials import Material
from .scene import Room


@dataclass(frozen=True)
class Quad:
    """A rectangle in the room, metres."""

    corner: np.ndarray  # (3,) top left, seen from the side that is visible
    right: np.ndarray  # (3,) the whole upper edge
    down: np.ndarray  # (3,) the whole left edge
    normal: np.ndarray  # (3,)
    material: Material

    @property
    def width(self) -> float:
        """Length of the upper edge, metres."""
        return float(np.linalg.norm(self.right))

    @property
    def height(self) -> float:
        """Length of the left edge, metres."""
        return float(np.linalg.norm(self.down))

    @property
    def area(self) -> float:
        """Square metres."""
        return self.width * self.height

    def grid(self, rows: int, columns: int) -> np.ndarray:
        """Centres of rows x columns equal cells, a little above the surface, (rows, columns, 3)."""
        v, u = np.meshgrid(
            (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"
        )
        return (
            self.corner + u[..., None] * self.right + v[..., None] * self.down + 0.004 * self.normal
        )


def _face(
    size: np.ndarray,
    normal: np.ndarray,
    up: np.ndarray,
    centre: np.ndarray,
    turn: np.ndarray,
    material: Material,
) -> Quad:
    """A face of a box, seen from where `normal` points.

    Size, normal and up are along the box's axes, which `turn` turns.
    """
    right = np.cross(up, normal)
    right, down = turn @ (right * np.abs(right @ size)), turn @ (-up * np.abs(up @ size))
    return Quad(centre - (right + down) / 2, right, down, turn @ normal, material)


def quads_of(room: Room) -> list[Quad]:
    """All rectangles that can be seen: the shell from inside, the boxes from outside."""
    x, y, z = axes = np.eye(3)
    sides = [
        (z, y),
        (-z, y),
        (x, z),
        (-x, z),
        (y, z),
        (-y, z),
    ]  # (normal, up): as inward normals floor, ceiling, walls
    middle = room.size * (0, 0, 0.5)
    quads = []
    for (normal, up), material in zip(sides, room.shell, strict=True):
        quads.append(_face(room.size, normal, up, middle - normal * room.size / 2, axes, material))
    for box in room.boxes:
        turn = box.rotation()
        for normal, up in sides:
            centre = box.centre + turn @ (normal * box.size / 2)
            if (
                np.abs(centre + 0.002 * turn @ normal - middle) < room.size / 2
            ).all():  # else flat on the floor or a wall
                quads.append(_face(box.size, normal, up, centre, turn, box.material))
    return quads
