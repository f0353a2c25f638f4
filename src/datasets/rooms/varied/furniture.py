"""Furniture: what people sit and lie on, tables, what holds things.

Every piece of its own size, metres.
"""

import numpy as np

from . import fronts
from .pieces import Piece, bowl, monitor, put_things, table_lamp, turned, vase
from .stock import Skin, Stock
from .tiles import Rng, hsv

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
        put_things(piece, stock, rng, radius, 2 * radius, height, 2)
        return piece
    width, depth = rng.uniform(0.6, 2.0), rng.uniform(0.5, 0.95)
    thick = rng.uniform(0.03, 0.06)
    piece.box(0, 0, height - thick, width, depth, thick, wood)
    piece.legs(width, depth, height - thick, stock.wood(), rng.uniform(0.04, 0.1))
    put_things(piece, stock, rng, width, depth, height)
    return piece


def desk(stock: Stock, rng: Rng) -> Piece:
    """A table with drawers, a monitor and a chair."""
    piece, wood = Piece(), stock.wood()
    width, depth, height = rng.uniform(1.0, 1.7), rng.uniform(0.55, 0.8), rng.uniform(0.7, 0.76)
    piece.box(0, 0, height - 0.04, width, depth, 0.04, wood)
    side = rng.choice([-1, 1])
    piece.box(side * (width / 2 - 0.2), 0.02, 0, 0.38, depth - 0.06, height - 0.04, wood)
    front = stock.drawn(fronts.drawers, 0.36, 0.6, wood.colour)
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
    front = stock.drawn(fronts.drawers, width, height - foot, wood.colour)
    piece.box(0, depth, foot + 0.02, width - 0.04, 0.02, height - foot - 0.04, front)
    if height < 1.3:
        put_things(piece, stock, rng, width, depth, height)
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
            backs = stock.drawn(fronts.books, length, tall)
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
            (fronts.cooker, hsv(0, 0, 0.85)) if number == oven else (fronts.drawers, wood.colour)
        )
        piece.box(x, depth, 0.1, each - 0.02, 0.02, 0.72, stock.drawn(draw, each, 0.72, base))
    if rng.random() < 0.7:
        piece.box(0, 0, 1.45, width, 0.34, 0.6, wood)
        front = stock.drawn(fronts.drawers, width, 0.6, wood.colour)
        piece.box(0, 0.34, 1.46, width - 0.02, 0.02, 0.58, front)
    if rng.random() < 0.5:
        piece.box(width / 2 + 0.36, 0, 0, 0.62, 0.62, rng.uniform(1.4, 2.0), stock.plain())
    put_things(piece, stock, rng, width, depth, 0.9, 5)
    return piece


def television(stock: Stock, rng: Rng) -> Piece:
    """A low board with a large screen."""
    piece, wood, width = Piece(), stock.wood(), rng.uniform(1.0, 1.9)
    piece.box(0, 0, 0.05, width, 0.4, 0.4, wood)
    front = stock.drawn(fronts.drawers, width, 0.36, wood.colour)
    piece.box(0, 0.4, 0.07, width - 0.04, 0.02, 0.36, front)
    size = rng.uniform(0.7, 1.3)
    screen = stock.drawn(fronts.screen, size, 0.57 * size, hsv(0, 0, 0.06))
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
    put_things(piece, stock, rng, width, 0.3, height + 0.06)
    return piece
