"""What a room is: its size and surfaces, what stands in it, and its lights."""

from dataclasses import dataclass, field

import numpy as np

from ..materials import Material
from ..scene import Box, Room
from .pieces import Lamp, Solid
from .stock import Skin
from .tiles import Colour


@dataclass(frozen=True, eq=False)
class Window:
    """An opening that light comes through.

    Corner, edges and the normal into the room, each (3,).
    """

    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    normal: np.ndarray


@dataclass
class Plan:
    """A room. shell: surfaces of floor, ceiling and the walls at -x, +x, -y, +y."""

    size: np.ndarray  # (3,)
    shell: list[Skin]
    solids: list[Solid] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    sky: Colour = field(default_factory=lambda: np.zeros(3))  # light of a window's square metre
    sun: np.ndarray | None = None  # (3,) unit vector towards it
    sunlight: Colour = field(default_factory=lambda: np.zeros(3))
    around: Colour = field(default_factory=lambda: np.ones(3))  # light from all sides
    exposure: float = 0.7  # mean light on floor and walls once it is a picture


def extent(solids: list[Solid]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of solids, (3,) each."""
    yaw = np.array([solid.yaw for solid in solids])
    size = np.array([solid.size for solid in solids])
    centre = np.array([solid.centre for solid in solids])
    cos, sin = np.abs(np.cos(yaw)), np.abs(np.sin(yaw))
    reach = np.stack(
        [cos * size[:, 0] + sin * size[:, 1], sin * size[:, 0] + cos * size[:, 1], size[:, 2]], -1
    )
    return (centre - reach / 2).min(0), (centre + reach / 2).max(0)


def as_room(plan: Plan) -> Room:
    """A room's geometry without its surfaces, for finding long walks through it."""
    plain = Material((0.5, 0.5, 0.5))
    boxes = [Box(solid.centre, solid.size, solid.yaw, plain) for solid in plan.solids]
    return Room(plan.size, [plain] * 6, boxes)
