"""The surfaces that a room is made of.

A few woods, cloths and paints that its furniture shares, and pictures as needed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import pictures, tiles
from .tiles import Colour, Rng, hsv

POOL = 5  # surfaces of one sort that a room has at most


@dataclass(frozen=True, eq=False)
class Skin:
    """A painted surface. metres: of one repeat; None: the image is stretched over the whole face.

    angle: radians.
    """

    image: np.ndarray  # (rows, columns, 3) uint8
    metres: float | None = None
    angle: float = 0.0
    glow: bool = False  # sends out light, and is seen as it is painted

    @property
    def colour(self) -> Colour:
        """The mean, (3,) in [0, 1]."""
        return self.image.mean((0, 1)) / 255


def wood_colour(rng: Rng) -> Colour:
    """From black-brown to birch; some are painted."""
    if rng.random() < 0.25:
        return hsv(rng.random(), rng.uniform(0, 0.2), rng.choice([0.12, 0.5, 0.9]))
    return hsv(rng.uniform(0.05, 0.1), rng.uniform(0.25, 0.6), rng.uniform(0.2, 0.82))


@dataclass
class Stock:
    """Makes a room's surfaces; most of the time one that the room has already."""

    rng: Rng
    _pools: dict[str, list[Skin]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spread = self.rng.choice([0.03, 0.08, 0.3])
        warm = self.rng.random() < 0.5
        base = self.rng.uniform(0.04, 0.16) if warm else self.rng.random()
        self._hues = base + self.rng.normal(0, spread, 4)  # most things agree

    def _hue(self) -> float:
        rng = self.rng
        return float(rng.choice(self._hues)) if rng.random() < 0.75 else float(rng.random())

    def colour(self) -> Colour:
        """Mostly muted, sometimes strong, sometimes almost grey."""
        return hsv(self._hue(), self.rng.beta(1.1, 2.6), self.rng.uniform(0.2, 0.92))

    def wall_colour(self) -> Colour:
        """Mostly light; one in five is strong or dark."""
        rng = self.rng
        if rng.random() < 0.8:
            return hsv(self._hue(), rng.beta(1.1, 10), rng.uniform(0.62, 0.95))
        return hsv(self._hue(), rng.beta(1.5, 3.0), rng.uniform(0.25, 0.75))

    def _take(self, sort: str, again: float, *recipe: object) -> Skin:
        """One that the room has, with probability `again`; else a new one of `_tiled`."""
        pool = self._pools.setdefault(sort, [])
        if len(pool) < POOL and (not pool or self.rng.random() > again):
            pool.append(self._tiled(*recipe))
            return pool[-1]
        return pool[self.rng.integers(len(pool))]

    def _tiled(
        self,
        patterns: list[tiles.Pattern],
        colour: Colour,
        metres: tuple[float, float],
        turned: bool = False,
        strength: float = 1.0,
    ) -> Skin:
        """A new surface of one of these patterns; metres: bounds of a repeat's size.

        strength: of what differs.
        """
        rng = self.rng
        image = tiles.tile(patterns[rng.integers(len(patterns))], colour, rng, strength)
        angle = rng.choice([0, 0, np.pi / 2, np.pi / 4]) if turned else 0.0
        return Skin(image, float(np.exp(rng.uniform(*np.log(metres)))), float(angle))

    def wood(self) -> Skin:
        """For furniture."""
        patterns = [tiles.wood, tiles.wood, tiles.paint]
        return self._take("wood", 0.6, patterns, wood_colour(self.rng), (0.5, 1.6))

    def cloth(self) -> Skin:
        """For what is upholstered."""
        patterns = [*tiles.PLAIN * 2, *tiles.PRINTED]
        return self._take("cloth", 0.45, patterns, self.colour(), (0.2, 0.9), True)

    def plain(self) -> Skin:
        """Lacquer, metal, china."""
        return self._take("plain", 0.5, [tiles.paint], self.colour(), (0.5, 1.0))

    def white(self) -> Skin:
        """Frames, sills, sheets and paper."""
        colour = np.array([0.9, 0.89, 0.86]) * self.rng.uniform(0.85, 1.05)
        return self._take("white", 0.9, [tiles.paint], colour, (0.5, 1.0))

    def leaves(self) -> Skin:
        """For plants."""
        colour = hsv(self.rng.uniform(0.22, 0.4), self.rng.uniform(0.3, 0.7), 0.45)
        return self._take("leaves", 0.6, [tiles.blotches], colour, (0.15, 0.3))

    def floor(self) -> Skin:
        """Wood, stone or carpet."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.55:
            return self._tiled(tiles.WOODEN[:3], wood_colour(rng), (0.7, 2.2), True)
        if kind < 0.8:
            colour = hsv(self._hue(), rng.beta(1, 5), rng.uniform(0.3, 0.9))
            return self._tiled(tiles.STONE, colour, (0.8, 2.4), True)
        patterns = [*3 * [tiles.carpet, tiles.weave], *tiles.PRINTED]
        strength = rng.uniform(0.3, 0.9)
        return self._tiled(patterns, self.colour(), (0.5, 2.0), strength=strength)

    def wall(self) -> Skin:
        """Paint, wallpaper, brick, tiles or boards."""
        rng = self.rng
        kind, colour = rng.random(), self.wall_colour()
        if kind < 0.62:
            return self._tiled([tiles.paint], colour, (1.0, 3.0))
        if kind < 0.84:
            strength = rng.uniform(0.15, 0.7)
            return self._tiled(tiles.PRINTED, colour, (0.4, 1.5), strength=strength)
        if kind < 0.94:
            return self._tiled([tiles.blocks, tiles.marble], colour, (0.6, 2.0))
        return self._tiled([tiles.planks], wood_colour(rng), (0.8, 2.0), True)

    def ceiling(self) -> Skin:
        """White paint, sometimes boards or panels."""
        kind, white = self.rng.random(), hsv(self._hue(), 0.04, self.rng.uniform(0.75, 0.97))
        if kind < 0.85:
            return self._tiled([tiles.paint], white, (1.0, 3.0))
        if kind < 0.93:
            return self._tiled([tiles.planks], wood_colour(self.rng), (1.0, 2.0), True)
        return self._tiled([tiles.blocks], white, (1.2, 2.4))

    def drawn(
        self,
        draw: Callable[..., None],
        width: float,
        height: float,
        base: Colour | None = None,
        glow: bool = False,
        **options: float,
    ) -> Skin:
        """A picture for one face of width x height metres, on the base colour."""
        colour = self.colour() if base is None else base
        image = pictures.canvas(width, height, colour)
        draw(image, self.rng, **options)
        return Skin((np.clip(image, 0.02, 1) * 255 + 0.5).astype(np.uint8), glow=glow)

    def shade(self, colour: Colour) -> Skin:
        """A lamp's shade."""
        bright = np.clip(colour / colour.max() * self.rng.uniform(0.9, 1), 0, 1)
        image = np.broadcast_to((bright * 255).astype(np.uint8), (8, 8, 3)).copy()
        return Skin(image, glow=True)
