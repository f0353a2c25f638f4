"""What the surfaces of made-up rooms are made of. Colours are RGB in [0, 1], as displayed."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Material:
    """How a surface looks; metres. `cell` divides it into bricks, tiles, planks or stripes."""

    colour: tuple[float, float, float]
    # Size of the coarsest noise, along and across the fibres.
    grain: tuple[float, float] = (0.3, 0.3)
    contrast: float = 0.12  # standard deviation of the noise, relative to the colour
    cell: tuple[float, float] | None = None  # width, height
    joint: float = 0.0  # width of the dark gap between cells
    stagger: float = 0.0  # shift of each row of cells, in cells
    jitter: float = 0.0  # standard deviation of a cell's tone
    drawing: str | None = None  # window, door, painting or books on top
    # Light that a square metre sends out, in the unit of the light all around; 0: it is lit itself.
    glow: float = 0.0


def tinted(material: Material, rng: np.random.Generator, amount: float = 0.12) -> Material:
    """The material a little brighter or darker, and of another tint."""
    colour = np.array(material.colour) * (
        1 + amount * rng.standard_normal()
    ) + 0.16 * amount * rng.standard_normal(3)
    return replace(material, colour=tuple(np.clip(colour, 0.08, 0.92)))


def choose(kind: list[Material], rng: np.random.Generator) -> Material:
    """One of these materials, tinted."""
    return tinted(kind[rng.integers(len(kind))], rng)


WOODS = [
    Material((0.55, 0.36, 0.2), (0.5, 0.03), 0.16),
    Material((0.72, 0.55, 0.36), (0.6, 0.03), 0.13),
    Material((0.34, 0.21, 0.13), (0.5, 0.03), 0.2),
    Material((0.8, 0.78, 0.73), (0.4, 0.05), 0.07),
]
FABRICS = [
    Material((0.35, 0.42, 0.5), (0.12, 0.12), 0.1, cell=(0.035, 0.035), jitter=0.1),
    Material((0.6, 0.5, 0.38), (0.1, 0.1), 0.1, cell=(0.06, 0.02), stagger=0.5, jitter=0.12),
    Material((0.5, 0.25, 0.22), (0.08, 0.08), 0.19),
    Material((0.4, 0.48, 0.34), (0.1, 0.1), 0.1, cell=(0.05, 5.0), jitter=0.2),
]
FLOORS = [
    Material((0.6, 0.42, 0.26), (0.5, 0.025), 0.13, (1.2, 0.14), 0.006, 0.37, 0.1),
    Material((0.42, 0.29, 0.19), (0.5, 0.025), 0.15, (0.9, 0.09), 0.005, 0.43, 0.14),
    Material((0.68, 0.64, 0.58), (0.2, 0.2), 0.08, (0.4, 0.4), 0.012, 0.0, 0.05),
    Material((0.55, 0.5, 0.44), (0.05, 0.05), 0.13),
]
PLASTER = Material((0.76, 0.72, 0.63), (0.1, 0.1), 0.02)
WALLS = [
    *3 * [PLASTER],
    replace(PLASTER, colour=(0.62, 0.7, 0.72)),
    replace(PLASTER, colour=(0.68, 0.72, 0.6)),
    Material((0.62, 0.7, 0.72), (0.1, 0.1), 0.03, (0.22, 9.0), jitter=0.05),
    Material((0.62, 0.42, 0.34), (0.1, 0.1), 0.06, (0.24, 0.08), 0.012, 0.5, 0.07),
    Material((0.7, 0.7, 0.66), (0.3, 0.3), 0.03, (0.3, 0.15), 0.006, 0.5, 0.04),
]
CEILING = Material((0.86, 0.85, 0.82), (0.15, 0.15), 0.02)
PAPER = Material((0.75, 0.72, 0.65), (0.2, 0.2), 0.1)
GLASS = Material((0.8, 0.9, 1.0), drawing="window", glow=2.2)
SHADE = Material((1.0, 0.96, 0.85), (0.1, 0.1), 0.03, glow=12.0)
