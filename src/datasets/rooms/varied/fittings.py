"""What belongs to the room or stands in it to look at: doors, pictures, rugs, plants, lamps."""

import numpy as np

from . import fronts, pictures
from .furniture import (
    bed,
    chair,
    cupboard,
    desk,
    dining,
    fireplace,
    kitchen,
    shelves,
    sofa,
    stool,
    table,
    television,
)
from .pieces import Lamp, Maker, Piece, foliage, lamp_colour
from .stock import Skin, Stock
from .tiles import Rng, hsv

# --- What hangs on walls or lies on the floor ---


def door(stock: Stock, rng: Rng) -> Piece:
    """A door in its frame."""
    piece, frame = Piece(), stock.white() if rng.random() < 0.6 else stock.wood()
    width, height = rng.uniform(0.72, 0.95), rng.uniform(1.95, 2.1)
    base = frame.colour if rng.random() < 0.6 else stock.wood().colour
    piece.box(0, 0, 0, width, 0.03, height, stock.drawn(fronts.door, width, height, base))
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
        piece.box(0, 0, 0, width, depth, 0.012, stock.drawn(fronts.rug, width, depth))
    else:
        piece.box(0, 0, 0, width, depth, 0.012, stock.cloth())
    return piece


def radiator(stock: Stock, rng: Rng) -> Piece:
    """Below windows, or anywhere."""
    piece, width, height = Piece(), rng.uniform(0.5, 1.6), rng.uniform(0.4, 0.7)
    slats = stock.drawn(fronts.slats, height, width, hsv(0.1, 0.02, 0.92))
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
    foliage(piece, (0, 0.3, max(pot + 0.15, height - 0.2)), crown, count, stock, rng)
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
