"""Furniture of boxes and prisms, every piece of its own size. Local axes: x along the wall, y away from it, z up, metres."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import pictures
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
    """A light at a point. colour: light that it sends into each direction, the unit of the room's light."""

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
        """Add an upright prism with 2 PRISM sides around (x, y); its boxes together fill it without gap."""
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
        _foliage(piece, (0, 0, height + 0.09), 0.12, int(rng.integers(4, 9)), stock, rng)
    return piece


def _foliage(
    piece: Piece,
    middle: tuple[float, float, float],
    reach: float,
    count: int,
    stock: Stock,
    rng: Rng,
) -> None:
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
    piece.box(0, 0.06, 0.12, width, 0.03, height, stock.drawn(pictures.screen, width, height, dark))
    return piece


def bowl(stock: Stock, rng: Rng) -> Piece:
    """A flat dish."""
    piece = Piece()
    piece.prism(0, 0, 0, rng.uniform(0.07, 0.17), rng.uniform(0.02, 0.09), stock.plain())
    return piece


SMALL: list[Maker] = [table_lamp, vase, pile, pile, monitor, bowl]


def _set(
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


# --- What people sit and lie on ---


def chair(stock: Stock, rng: Rng) -> Piece:
    """A chair with a back."""
    piece, wood, seat = Piece(), stock.wood(), stock.cloth() if rng.random() < 0.6 else stock.wood()
    width, depth, height = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.5), rng.uniform(0.42, 0.48)
    piece.legs(width, depth, height, wood, rng.uniform(0.03, 0.05))
    piece.box(0, 0, height, width, depth, rng.uniform(0.03, 0.09), seat)
    top = rng.uniform(0.3, 0.6)
    if rng.random() < 0.5:
        piece.box(0, 0, height, width, 0.05, top, seat)
    else:
        for x in (-width / 2 + 0.02, width / 2 - 0.02):
            piece.box(x, 0, height, 0.04, 0.04, top, wood)
        for z in rng.uniform(0.3, 0.9, rng.integers(1, 4)) * top:
            piece.box(0, 0, height + z, width, 0.03, 0.06, wood)
    return piece


def stool(stock: Stock, rng: Rng) -> Piece:
    """A pouf or a stool."""
    piece, radius, height = Piece(), rng.uniform(0.17, 0.32), rng.uniform(0.35, 0.7)
    if rng.random() < 0.5:
        piece.prism(0, 0.3, 0, radius, min(height, 0.45), stock.cloth())
        return piece
    piece.prism(0, 0.3, height - 0.05, radius, 0.05, stock.wood())
    piece.prism(0, 0.3, 0, 0.04, height - 0.05, stock.plain())
    piece.prism(0, 0.3, 0, radius * 0.8, 0.03, stock.plain())
    return piece


def sofa(stock: Stock, rng: Rng) -> Piece:
    """From an armchair to a long sofa with cushions, perhaps with a corner."""
    piece, cloth = Piece(), stock.cloth()
    width, depth = rng.uniform(0.75, 2.6), rng.uniform(0.75, 1.0)
    seat, arm, back = rng.uniform(0.34, 0.48), rng.uniform(0.08, 0.24), rng.uniform(0.12, 0.25)
    foot = rng.choice([0.02, 0.06, 0.14])
    piece.legs(width - 0.1, depth - 0.1, foot, stock.wood(), 0.05)
    piece.box(0, 0, foot, width, depth, seat - foot - 0.12, cloth)
    piece.box(0, 0, foot, width, back, rng.uniform(0.65, 0.95) - foot, cloth)
    for side in (-1, 1):
        high = rng.uniform(0.0, 0.3)
        piece.box(side * (width - arm) / 2, 0, foot, arm, depth, seat - foot + high, cloth)
    count = max(1, round((width - 2 * arm) / 0.7))
    each = (width - 2 * arm) / count
    for number in range(count):
        x = -width / 2 + arm + (number + 0.5) * each
        piece.box(x, back, seat - 0.13, each - 0.02, depth - back + 0.02, 0.14, cloth)
        if rng.random() < 0.55:
            size = rng.uniform(0.3, 0.45)
            piece.box(x, back, seat, min(size, each), 0.13, size * 0.85, stock.cloth())
    if width > 1.8 and rng.random() < 0.3:
        piece.box(width / 2 - 0.35, depth, foot, 0.7, 0.7, seat - foot, cloth)
    return piece


def bed(stock: Stock, rng: Rng) -> Piece:
    """A bed with pillows and a blanket."""
    piece, wood, sheet, blanket = Piece(), stock.wood(), stock.white(), stock.cloth()
    width, length, base = rng.uniform(0.85, 1.9), rng.uniform(1.85, 2.1), rng.uniform(0.12, 0.3)
    piece.box(0, 0, 0, width + 0.06, 0.06, rng.uniform(0.4, 1.3), wood)
    piece.box(0, 0.06, rng.choice([0, 0.08]), width + 0.04, length, base, wood)
    top = base + rng.uniform(0.16, 0.28)
    piece.box(0, 0.08, base, width, length - 0.04, top - base, sheet)
    start = rng.uniform(0.4, 1.1)
    piece.box(0, start, top - 0.12, width + 0.05, length + 0.05 - start, 0.16, blanket)
    count = 1 if width < 1.2 else 2
    for x in (np.arange(count) + 0.5) / count - 0.5:
        soft = sheet if rng.random() < 0.6 else stock.cloth()
        piece.box(x * width, 0.1, top, 0.8 * width / count, 0.36, 0.13, soft)
    return piece


# --- Tables ---


def table(stock: Stock, rng: Rng) -> Piece:
    """A table, square or round, low or high, with things on it."""
    piece, wood = Piece(), stock.wood()
    low = rng.random() < 0.4
    height = rng.uniform(0.3, 0.5) if low else rng.uniform(0.68, 0.8)
    if rng.random() < 0.3:
        radius = rng.uniform(0.3, 0.65)
        piece.prism(0, radius, height - 0.04, radius, 0.04, wood)
        piece.prism(0, radius, 0, rng.uniform(0.04, 0.12), height - 0.04, wood)
        piece.prism(0, radius, 0, radius * 0.55, 0.04, wood)
        _set(piece, stock, rng, radius, 2 * radius, height, 2)
        return piece
    width, depth = rng.uniform(0.6, 2.0), rng.uniform(0.5, 0.95)
    thick = rng.uniform(0.03, 0.06)
    piece.box(0, 0, height - thick, width, depth, thick, wood)
    piece.legs(width, depth, height - thick, stock.wood(), rng.uniform(0.04, 0.1))
    _set(piece, stock, rng, width, depth, height)
    return piece


def desk(stock: Stock, rng: Rng) -> Piece:
    """A table with drawers, a monitor and a chair."""
    piece, wood = Piece(), stock.wood()
    width, depth, height = rng.uniform(1.0, 1.7), rng.uniform(0.55, 0.8), rng.uniform(0.7, 0.76)
    piece.box(0, 0, height - 0.04, width, depth, 0.04, wood)
    side = rng.choice([-1, 1])
    piece.box(side * (width / 2 - 0.2), 0.02, 0, 0.38, depth - 0.06, height - 0.04, wood)
    front = stock.drawn(pictures.fronts, 0.36, 0.6, wood.colour)
    piece.box(side * (width / 2 - 0.2), depth - 0.04, 0.04, 0.36, 0.02, height - 0.1, front)
    piece.box(-side * (width / 2 - 0.03), 0.02, 0, 0.04, depth - 0.06, height - 0.04, wood)
    piece.add(monitor(stock, rng), (-0.1 * side, 0.1, height))
    if rng.random() < 0.7:
        piece.add(table_lamp(stock, rng), (side * width * 0.38, 0.2, height))
    piece.add(chair(stock, rng), (-0.1 * side, depth + 0.42, 0), np.pi + rng.normal(0, 0.4))
    return piece


def dining(stock: Stock, rng: Rng) -> Piece:
    """A table with chairs around it."""
    piece = table(stock, rng)
    low = np.min([solid.centre - solid.size / 2 for solid in piece.solids], axis=0)
    high = np.max([solid.centre + solid.size / 2 for solid in piece.solids], axis=0)
    seats = rng.permutation(4)[: rng.integers(1, 5)]
    for seat in seats:
        yaw = seat * np.pi / 2
        out = turned(np.array([0.0, 1.0, 0]), yaw)
        reach = (high - low)[0 if seat % 2 else 1] / 2 + rng.uniform(0.05, 0.3)
        place = (low + high) / 2 * (1, 1, 0) + out * reach
        piece.add(chair(stock, rng), tuple(place + out * 0.42), yaw + np.pi + rng.normal(0, 0.12))
    return piece


# --- What holds things ---


def cupboard(stock: Stock, rng: Rng) -> Piece:
    """From a low chest to a wardrobe; things on the low ones."""
    piece, wood = Piece(), stock.wood()
    width, depth, height = rng.uniform(0.5, 2.0), rng.uniform(0.35, 0.62), rng.uniform(0.45, 2.2)
    foot = rng.choice([0.0, 0.05, 0.15])
    if foot:
        piece.legs(width, depth, foot, wood, 0.05)
    piece.box(0, 0, foot, width, depth, height - foot, wood)
    front = stock.drawn(pictures.fronts, width, height - foot, wood.colour)
    piece.box(0, depth, foot + 0.02, width - 0.04, 0.02, height - foot - 0.04, front)
    if height < 1.3:
        _set(piece, stock, rng, width, depth, height)
    return piece


def shelves(stock: Stock, rng: Rng) -> Piece:
    """Boards with books and things."""
    piece, wood = Piece(), stock.wood()
    width, depth, step = rng.uniform(0.5, 1.9), rng.uniform(0.24, 0.36), rng.uniform(0.28, 0.42)
    height = step * int(rng.integers(2, 7)) + 0.04
    for side in (-1, 1):
        piece.box(side * (width / 2 - 0.015), 0, 0, 0.03, depth, height, wood)
    if rng.random() < 0.7:
        piece.box(0, 0, 0, width - 0.06, 0.02, height, wood)
    for z in np.arange(0.02, height - 0.01, step):
        piece.box(0, 0.02, z, width - 0.06, depth - 0.02, 0.025, wood)
        if z + step > height + 0.01:
            break
        if rng.random() < 0.65:
            length, tall = rng.uniform(0.3, 0.95) * (width - 0.08), rng.uniform(0.6, 0.8) * step
            x = (width - 0.08 - length) / 2 * rng.choice([-1, 1])
            backs = stock.drawn(pictures.books, length, tall)
            piece.box(x, 0.04, z + 0.025, length, depth * 0.65, tall, backs)
        elif rng.random() < 0.7:
            piece.add(
                vase(stock, rng) if step > 0.38 else bowl(stock, rng), (0, depth / 2, z + 0.025)
            )
    return piece


def kitchen(stock: Stock, rng: Rng) -> Piece:
    """A counter with cupboards above, a cooker and perhaps a fridge."""
    piece, top, wood = Piece(), stock.plain(), stock.wood()
    width, depth = rng.uniform(1.2, 3.0), 0.6
    piece.box(0, 0, 0, width, depth, 0.86, wood)
    piece.box(0, 0, 0.86, width + 0.02, depth + 0.03, 0.04, top)
    count = max(2, round(width / 0.6))
    oven = int(rng.integers(count))
    for number in range(count):
        x, each = (number + 0.5) * width / count - width / 2, width / count
        draw, base = (
            (pictures.cooker, hsv(0, 0, 0.85)) if number == oven else (pictures.fronts, wood.colour)
        )
        piece.box(x, depth, 0.1, each - 0.02, 0.02, 0.72, stock.drawn(draw, each, 0.72, base))
    if rng.random() < 0.7:
        piece.box(0, 0, 1.45, width, 0.34, 0.6, wood)
        front = stock.drawn(pictures.fronts, width, 0.6, wood.colour)
        piece.box(0, 0.34, 1.46, width - 0.02, 0.02, 0.58, front)
    if rng.random() < 0.5:
        piece.box(width / 2 + 0.36, 0, 0, 0.62, 0.62, rng.uniform(1.4, 2.0), stock.plain())
    _set(piece, stock, rng, width, depth, 0.9, 5)
    return piece


def television(stock: Stock, rng: Rng) -> Piece:
    """A low board with a large screen."""
    piece, wood, width = Piece(), stock.wood(), rng.uniform(1.0, 1.9)
    piece.box(0, 0, 0.05, width, 0.4, 0.4, wood)
    front = stock.drawn(pictures.fronts, width, 0.36, wood.colour)
    piece.box(0, 0.4, 0.07, width - 0.04, 0.02, 0.36, front)
    size = rng.uniform(0.7, 1.3)
    screen = stock.drawn(pictures.screen, size, 0.57 * size, hsv(0, 0, 0.06))
    piece.box(0, rng.choice([0.0, 0.15]), 0.55, size, 0.05, 0.57 * size, screen)
    return piece


def fireplace(stock: Stock, rng: Rng) -> Piece:
    """A mantel around a dark opening."""
    piece, stone = Piece(), stock.plain()
    width, height = rng.uniform(1.1, 1.7), rng.uniform(1.0, 1.3)
    for side in (-1, 1):
        piece.box(side * (width / 2 - 0.14), 0, 0, 0.28, 0.3, height, stone)
    piece.box(0, 0, height - 0.28, width - 0.56, 0.3, 0.28, stone)
    piece.box(0, 0, height, width + 0.12, 0.36, 0.06, stock.wood())
    dark = Skin(np.full((8, 8, 3), 18, np.uint8))
    piece.box(0, 0, 0, width - 0.56, 0.04, height - 0.28, dark)
    _set(piece, stock, rng, width, 0.3, height + 0.06)
    return piece


# --- What hangs on walls or lies on the floor ---


def door(stock: Stock, rng: Rng) -> Piece:
    """A door in its frame."""
    piece, frame = Piece(), stock.white() if rng.random() < 0.6 else stock.wood()
    width, height = rng.uniform(0.72, 0.95), rng.uniform(1.95, 2.1)
    base = frame.colour if rng.random() < 0.6 else stock.wood().colour
    piece.box(0, 0, 0, width, 0.03, height, stock.drawn(pictures.door, width, height, base))
    for side in (-1, 1):
        piece.box(side * (width / 2 + 0.04), 0, 0, 0.09, 0.05, height, frame)
    piece.box(0, 0, height, width + 0.17, 0.05, 0.09, frame)
    return piece


def painting(stock: Stock, rng: Rng) -> Piece:
    """One picture, or a row of some."""
    piece, count = Piece(), int(rng.choice([1, 1, 1, 2, 3]))
    width, height = (
        rng.uniform(0.25, 1.1 / count**0.5, 2) if count > 1 else rng.uniform(0.3, 1.3, 2)
    )
    z = rng.uniform(1.35, 1.7) - height / 2
    for number in range(count):
        x = (number - (count - 1) / 2) * (width + 0.12)
        image = stock.drawn(pictures.picture, width, height)
        piece.box(x, 0, z, width, rng.uniform(0.02, 0.05), height, image)
    return piece


def rug(stock: Stock, rng: Rng) -> Piece:
    """A rug, oblong or round."""
    piece = Piece()
    width, depth = rng.uniform(1.0, 3.0), rng.uniform(0.8, 2.2)
    if rng.random() < 0.2:
        piece.prism(0, depth / 2, 0, depth / 2, 0.012, stock.cloth())
    elif rng.random() < 0.6:
        piece.box(0, 0, 0, width, depth, 0.012, stock.drawn(pictures.rug, width, depth))
    else:
        piece.box(0, 0, 0, width, depth, 0.012, stock.cloth())
    return piece


def radiator(stock: Stock, rng: Rng) -> Piece:
    """Below windows, or anywhere."""
    piece, width, height = Piece(), rng.uniform(0.5, 1.6), rng.uniform(0.4, 0.7)
    slats = stock.drawn(pictures.slats, height, width, hsv(0.1, 0.02, 0.92))
    upright = Skin(np.ascontiguousarray(slats.image.transpose(1, 0, 2)))
    piece.box(0, 0.03, 0.12, width, 0.09, height, upright)
    return piece


def plant(stock: Stock, rng: Rng) -> Piece:
    """A pot with leaves, up to a small tree."""
    piece, radius, height = Piece(), rng.uniform(0.1, 0.22), rng.uniform(0.5, 1.7)
    pot = rng.uniform(0.2, 0.4)
    piece.prism(0, 0.3, 0, radius, pot, stock.plain())
    piece.prism(0, 0.3, pot, 0.02, max(0.05, height - pot - 0.2), stock.wood())
    crown = rng.uniform(0.18, 0.35)
    count = int(rng.integers(8, 22))
    _foliage(piece, (0, 0.3, max(pot + 0.15, height - 0.2)), crown, count, stock, rng)
    return piece


def floor_lamp(stock: Stock, rng: Rng) -> Piece:
    """A pole with a shade."""
    piece, height, colour = Piece(), rng.uniform(1.3, 1.8), lamp_colour(rng)
    piece.prism(0, 0.25, 0, 0.15, 0.03, stock.plain())
    piece.prism(0, 0.25, 0, 0.015, height, stock.plain())
    shade, radius = rng.uniform(0.2, 0.35), rng.uniform(0.1, 0.22)
    piece.prism(0, 0.25, height, radius, shade, stock.shade(colour))
    piece.lamps.append(
        Lamp(np.array([0, 0.25, height + shade / 2]), colour * rng.uniform(0.3, 1.4))
    )
    return piece


def partition(stock: Stock, rng: Rng) -> Piece:
    """A low wall or bench that stands free."""
    piece, width, height = Piece(), rng.uniform(0.8, 2.0), rng.choice([0.45, 1.0, 1.1])
    piece.box(0, 0, 0, width, rng.uniform(0.12, 0.6), height, stock.wood())
    return piece


AT_WALLS: list[Maker] = [
    *2 * [sofa, cupboard, cupboard, shelves, shelves],
    *[bed, table, desk, kitchen, television, fireplace, radiator, plant, floor_lamp, chair],
]
FREE: list[Maker] = [table, dining, dining, sofa, chair, stool, plant, partition, floor_lamp, bed]
