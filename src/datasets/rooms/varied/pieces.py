"""What furniture is built of, boxes and prisms, and the small things that stand on it.

Local axes: x along the wall, y away from it, z up, metres.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import fronts
from .stock import Skin, Stock
from .tiles import Colour, Rng, hsv

PRISM = 4  # boxes of a prism, which then has twice as many sides


@dataclass(frozen=True, eq=False)
class Solid:
    """A box turned about the vertical. turn: direction of its pattern on top, radians."""

    centre: np.ndarray  # (3,)
    size: np.ndarray  # (3,) along its own axes
    yaw: float
    turn: float
    skin: Skin

    def moved(self, place: np.ndarray, yaw: float) -> "Solid":
        """Turned by yaw about the origin, then moved by place (3,)."""
        return Solid(
            turned(self.centre, yaw) + place, self.size, self.yaw + yaw, self.turn + yaw, self.skin
        )


def turned(point: np.ndarray, yaw: float) -> np.ndarray:
    """Points (..., 3) turned about the vertical."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return point @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])


@dataclass(frozen=True, eq=False)
class Lamp:
    """A light at a point.

    colour: light that it sends into each direction, the unit of the room's light.
    """

    place: np.ndarray  # (3,)
    colour: Colour

    def moved(self, place: np.ndarray, yaw: float) -> "Lamp":
        """As `Solid.moved`."""
        return Lamp(turned(self.place, yaw) + place, self.colour)


@dataclass
class Piece:
    """What is put somewhere as a whole."""

    solids: list[Solid] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)

    def box(
        self, x: float, back: float, z: float, width: float, depth: float, height: float, skin: Skin
    ) -> None:
        """Add a box; x of its middle, y of its back, z of its bottom."""
        centre, size = (
            np.array([x, back + depth / 2, z + height / 2]),
            np.array([width, depth, height]),
        )
        self.solids.append(Solid(centre, size, 0.0, 0.0, skin))

    def prism(self, x: float, y: float, z: float, radius: float, height: float, skin: Skin) -> None:
        """Add an upright prism with 2 PRISM sides around (x, y).

        Its boxes together fill it without gap.
        """
        side = 2 * radius * np.tan(np.pi / (2 * PRISM))
        for number in range(PRISM):
            size = np.array([side, 2 * radius, height])
            centre = np.array([x, y, z + height / 2])
            self.solids.append(Solid(centre, size, number * np.pi / PRISM, 0.0, skin))

    def legs(self, width: float, depth: float, height: float, skin: Skin, thick: float) -> None:
        """Four legs at the corners of width x depth."""
        for x in (-width / 2 + thick, width / 2 - thick):
            for back in (thick / 2, depth - 1.5 * thick):
                self.box(x, back, 0, thick, thick, height, skin)

    def add(self, other: "Piece", place: tuple[float, float, float], yaw: float = 0.0) -> None:
        """Add another piece, turned and moved."""
        self.solids += [solid.moved(np.array(place), yaw) for solid in other.solids]
        self.lamps += [lamp.moved(np.array(place), yaw) for lamp in other.lamps]


Maker = Callable[[Stock, Rng], Piece]


# --- Things that stand on others ---


def lamp_colour(rng: Rng) -> Colour:
    """From candle light to daylight."""
    warm = rng.random() < 0.85
    return (
        hsv(rng.uniform(0.08, 0.13), rng.uniform(0.05, 0.45), 1.0) if warm else hsv(0.6, 0.1, 1.0)
    )


def table_lamp(stock: Stock, rng: Rng) -> Piece:
    """A foot and a shade that glows."""
    piece, size, colour = Piece(), rng.uniform(0.7, 1.3), lamp_colour(rng)
    piece.prism(0, 0, 0, 0.05 * size, 0.2 * size, stock.plain())
    piece.prism(0, 0, 0.2 * size, 0.11 * size, 0.17 * size, stock.shade(colour))
    piece.lamps.append(Lamp(np.array([0, 0, 0.29 * size]), colour * rng.uniform(0.15, 0.7)))
    return piece


def vase(stock: Stock, rng: Rng) -> Piece:
    """A vase, perhaps with leaves."""
    piece, radius, height = Piece(), rng.uniform(0.04, 0.09), rng.uniform(0.1, 0.28)
    piece.prism(0, 0, 0, radius, height, stock.plain())
    if rng.random() < 0.6:
        foliage(piece, (0, 0, height + 0.09), 0.12, int(rng.integers(4, 9)), stock, rng)
    return piece


def foliage(
    piece: Piece,
    middle: tuple[float, float, float],
    reach: float,
    count: int,
    stock: Stock,
    rng: Rng,
) -> None:
    """Add some leaves around a place."""
    for _ in range(count):
        centre = middle + np.clip(rng.standard_normal(3), -1.5, 1.5) * reach * 0.55
        size = rng.uniform((0.4, 0.06, 0.3), (1.0, 0.2, 0.9)) * reach
        yaw = rng.uniform(0, np.pi)
        piece.solids.append(Solid(centre, size, yaw, yaw, stock.leaves()))


def pile(stock: Stock, rng: Rng) -> Piece:
    """Books or boxes on each other."""
    piece, z = Piece(), 0.0
    for _ in range(int(rng.integers(1, 5))):
        width, depth, height = (
            rng.uniform(0.12, 0.28),
            rng.uniform(0.12, 0.22),
            rng.uniform(0.02, 0.09),
        )
        piece.box(rng.uniform(-0.03, 0.03), -depth / 2, z, width, depth, height, stock.plain())
        z += height
    return piece


def monitor(stock: Stock, rng: Rng) -> Piece:
    """A screen on a foot."""
    piece, width = Piece(), rng.uniform(0.35, 0.65)
    height = 0.58 * width
    dark = hsv(0, 0, 0.08)
    piece.box(0, 0, 0, 0.2, 0.16, 0.02, stock.plain())
    piece.box(0, 0.04, 0, 0.05, 0.03, 0.15, stock.plain())
    piece.box(0, 0.06, 0.12, width, 0.03, height, stock.drawn(fronts.screen, width, height, dark))
    return piece


def bowl(stock: Stock, rng: Rng) -> Piece:
    """A flat dish."""
    piece = Piece()
    piece.prism(0, 0, 0, rng.uniform(0.07, 0.17), rng.uniform(0.02, 0.09), stock.plain())
    return piece


SMALL: list[Maker] = [table_lamp, vase, pile, pile, monitor, bowl]


def put_things(
    piece: Piece,
    stock: Stock,
    rng: Rng,
    width: float,
    depth: float,
    height: float,
    most: int = 4,
) -> None:
    """Put some small things on a top of width x depth at this height."""
    places = np.linspace(-0.5, 0.5, most + 1)[:-1] + 0.5 / most
    for x in rng.permutation(places)[: rng.integers(0, most + 1)]:
        thing = SMALL[rng.integers(len(SMALL))](stock, rng)
        y = depth / 2 + rng.uniform(-0.12, 0.12) * depth
        piece.add(thing, (x * width, y, height), rng.uniform(-0.5, 0.5))
