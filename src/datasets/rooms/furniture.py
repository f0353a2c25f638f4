"""What stands in made-up rooms, as boxes; metres."""

from dataclasses import replace

import numpy as np

from .materials import FABRICS, GLASS, PAPER, WOODS, Material, choose, tinted

# x, y, z of centre, back and bottom; width, depth, height; material.
Part = tuple[float, float, float, float, float, float, Material]


def _legs(
    width: float, depth: float, height: float, material: Material, thick: float = 0.06
) -> list[Part]:
    reach, back = width / 2 - thick, thick / 2
    return [
        (x, y, 0, thick, thick, height, material)
        for x in (-reach, reach)
        for y in (back, depth - thick - back)
    ]


def _table(rng: np.random.Generator) -> list[Part]:
    width, depth, height, wood = (
        rng.uniform(0.9, 1.5),
        rng.uniform(0.6, 0.85),
        rng.uniform(0.5, 0.76),
        choose(WOODS, rng),
    )
    parts = [
        (0, 0, height - 0.05, width, depth, 0.05, wood),
        *_legs(width, depth, height - 0.05, wood),
    ]
    for x in rng.permutation([-0.33, 0, 0.33])[: rng.integers(1, 4)]:
        size = rng.uniform(0.08, 0.26, 3)
        parts.append(
            (
                x * width,
                rng.uniform(0.05, depth - 0.31),
                height,
                *size,
                choose([PAPER, *FABRICS, *WOODS], rng),
            )
        )
    return parts


def _chair(rng: np.random.Generator) -> list[Part]:
    wood, seat = choose(WOODS, rng), choose(FABRICS, rng)
    return [
        (0, 0, 0.42, 0.44, 0.44, 0.06, seat),
        (0, 0, 0.48, 0.44, 0.04, 0.45, wood),
        *_legs(0.44, 0.44, 0.42, wood, 0.04),
    ]


def _sofa(rng: np.random.Generator) -> list[Part]:
    width, depth, cloth = rng.uniform(1.5, 2.2), rng.uniform(0.8, 0.95), choose(FABRICS, rng)
    parts = [(0, 0, 0.06, width, depth, 0.36, cloth), (0, 0, 0.42, width, 0.22, 0.42, cloth)]
    parts += [
        (side * (width / 2 - 0.1), 0.22, 0.42, 0.2, depth - 0.22, 0.2, cloth) for side in (-1, 1)
    ]
    return parts + [
        (x, 0.22, 0.42, 0.4, 0.16, 0.36, choose(FABRICS, rng))
        for x in (-0.3 * width + 0.1, 0.3 * width - 0.1)
    ]


def _bed(rng: np.random.Generator) -> list[Part]:
    width, wood, sheet = rng.uniform(1.0, 1.7), choose(WOODS, rng), choose(FABRICS, rng)
    parts = [
        (0, 0, 0, width + 0.06, 0.06, 0.95, wood),
        (0, 0.06, 0.08, width + 0.04, 2.0, 0.22, wood),
    ]
    parts += [
        (0, 0.08, 0.3, width, 1.96, 0.2, tinted(PAPER, rng)),
        (0, 0.7, 0.5, width + 0.02, 1.36, 0.05, sheet),
    ]
    return parts + [
        (x * width, 0.14, 0.5, 0.4 * width, 0.38, 0.12, tinted(PAPER, rng)) for x in (-0.24, 0.24)
    ]


def _cupboard(rng: np.random.Generator) -> list[Part]:
    width, depth, height, wood = (
        rng.uniform(0.8, 1.5),
        rng.uniform(0.4, 0.6),
        rng.uniform(0.8, 2.1),
        choose(WOODS, rng),
    )
    doors = (0, depth, 0.06, width - 0.06, 0.02, height - 0.1, replace(wood, drawing="door"))
    return [(0, 0, 0, width, depth, height, wood), doors]


def _shelves(rng: np.random.Generator) -> list[Part]:
    width, height, wood = (
        rng.uniform(0.7, 1.3),
        0.08 + 0.36 * rng.integers(3, 6),
        choose(WOODS, rng),
    )
    parts = [(side * (width / 2 - 0.015), 0, 0, 0.03, 0.3, height, wood) for side in (-1, 1)]
    parts += [(0, 0, 0.05, width - 0.06, 0.02, height - 0.07, wood)]
    for z in np.arange(0.05, height - 0.1, 0.36):
        books = rng.uniform(0.4, 0.95) * (width - 0.07)
        x = (width - 0.07 - books) / 2 * rng.choice([-1, 1])
        parts += [(0, 0.02, z, width - 0.06, 0.28, 0.025, wood)]
        parts += [
            (
                x,
                0.05,
                z + 0.025,
                books,
                0.17,
                rng.uniform(0.18, 0.27),
                replace(PAPER, drawing="books"),
            )
        ]
    return [*parts, (0, 0, height - 0.025, width - 0.06, 0.3, 0.025, wood)]


def _door(rng: np.random.Generator) -> list[Part]:
    wood = choose(WOODS, rng)
    frame = [(side * 0.46, 0, 0, 0.08, 0.05, 2.1, wood) for side in (-1, 1)]
    return [
        (0, 0, 0, 0.84, 0.03, 2.04, replace(wood, drawing="door")),
        (0, 0, 2.04, 0.84, 0.05, 0.06, wood),
        *frame,
    ]


def _window(rng: np.random.Generator) -> list[Part]:
    width = rng.uniform(0.9, 1.6)
    return [
        (0, 0, 0.95, width, 0.03, 1.15, GLASS),
        (0, 0, 0.9, width + 0.12, 0.14, 0.05, tinted(WOODS[3], rng)),
    ]


def _painting(rng: np.random.Generator) -> list[Part]:
    width, height = rng.uniform(0.4, 1.0, 2)
    return [
        (
            0,
            0,
            1.55 - height / 2,
            width,
            0.03,
            height,
            replace(tinted(PAPER, rng, 0.4), drawing="painting"),
        )
    ]


def _rug(rng: np.random.Generator) -> list[Part]:
    width, depth = rng.uniform(1.2, 2.2), rng.uniform(0.9, 1.6)
    border, middle = (
        choose(FABRICS, rng),
        replace(choose(FABRICS, rng), cell=(0.15, 0.15), jitter=0.25),
    )
    return [
        (0, 0, 0, width, depth, 0.012, border),
        (0, 0.12, 0.012, width - 0.24, depth - 0.24, 0.004, middle),
    ]


AT_WALLS = [
    _door,
    _window,
    _bed,
    _sofa,
    _shelves,
    _cupboard,
    _window,
    _table,
    *3 * [_painting],
    _cupboard,
    _painting,
]
FREE_STANDING = [_rug, _table, _chair, _chair]
