"""Made-up furnished rooms: what their surfaces are made of, what stands where.

World: z up, metres, the room's floor centred on the origin. Colours are RGB in [0, 1], as displayed.
"""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Material:
    """How a surface looks. Lengths in metres; `cell` divides it into bricks, tiles, planks or stripes."""

    colour: tuple[float, float, float]
    grain: tuple[float, float] = (
        0.3,
        0.3,
    )  # size of the coarsest noise, along and across the fibres
    contrast: float = 0.12  # standard deviation of the noise, relative to the colour
    cell: tuple[float, float] | None = None  # width, height
    joint: float = 0.0  # width of the dark gap between cells
    stagger: float = 0.0  # shift of each row of cells, in cells
    jitter: float = 0.0  # standard deviation of a cell's tone
    drawing: str | None = None  # window, door, painting or books on top
    glow: float = 0.0  # light that a square metre sends out, in the unit of the light all around; 0: a surface that is lit


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
    """Size (x, y, z), the materials of floor, ceiling and walls (-x, +x, -y, +y), and what stands in it.

    doorway: (x, y) of the opening in a partition across x, which makes two rooms of it; None: one room.
    """

    size: np.ndarray
    shell: list[Material]
    boxes: list[Box] = field(default_factory=list)
    doorway: np.ndarray | None = None


Part = tuple[
    float, float, float, float, float, float, Material
]  # x, y, z of centre, back, bottom; width, depth, height


def _tinted(material: Material, rng: np.random.Generator, amount: float = 0.12) -> Material:
    colour = np.array(material.colour) * (
        1 + amount * rng.standard_normal()
    ) + 0.16 * amount * rng.standard_normal(3)
    return replace(material, colour=tuple(np.clip(colour, 0.08, 0.92)))


def _choose(kind: list[Material], rng: np.random.Generator) -> Material:
    return _tinted(kind[rng.integers(len(kind))], rng)


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
        _choose(WOODS, rng),
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
                _choose([PAPER, *FABRICS, *WOODS], rng),
            )
        )
    return parts


def _chair(rng: np.random.Generator) -> list[Part]:
    wood, seat = _choose(WOODS, rng), _choose(FABRICS, rng)
    return [
        (0, 0, 0.42, 0.44, 0.44, 0.06, seat),
        (0, 0, 0.48, 0.44, 0.04, 0.45, wood),
        *_legs(0.44, 0.44, 0.42, wood, 0.04),
    ]


def _sofa(rng: np.random.Generator) -> list[Part]:
    width, depth, cloth = rng.uniform(1.5, 2.2), rng.uniform(0.8, 0.95), _choose(FABRICS, rng)
    parts = [(0, 0, 0.06, width, depth, 0.36, cloth), (0, 0, 0.42, width, 0.22, 0.42, cloth)]
    parts += [
        (side * (width / 2 - 0.1), 0.22, 0.42, 0.2, depth - 0.22, 0.2, cloth) for side in (-1, 1)
    ]
    return parts + [
        (x, 0.22, 0.42, 0.4, 0.16, 0.36, _choose(FABRICS, rng))
        for x in (-0.3 * width + 0.1, 0.3 * width - 0.1)
    ]


def _bed(rng: np.random.Generator) -> list[Part]:
    width, wood, sheet = rng.uniform(1.0, 1.7), _choose(WOODS, rng), _choose(FABRICS, rng)
    parts = [
        (0, 0, 0, width + 0.06, 0.06, 0.95, wood),
        (0, 0.06, 0.08, width + 0.04, 2.0, 0.22, wood),
    ]
    parts += [
        (0, 0.08, 0.3, width, 1.96, 0.2, _tinted(PAPER, rng)),
        (0, 0.7, 0.5, width + 0.02, 1.36, 0.05, sheet),
    ]
    return parts + [
        (x * width, 0.14, 0.5, 0.4 * width, 0.38, 0.12, _tinted(PAPER, rng)) for x in (-0.24, 0.24)
    ]


def _cupboard(rng: np.random.Generator) -> list[Part]:
    width, depth, height, wood = (
        rng.uniform(0.8, 1.5),
        rng.uniform(0.4, 0.6),
        rng.uniform(0.8, 2.1),
        _choose(WOODS, rng),
    )
    doors = (0, depth, 0.06, width - 0.06, 0.02, height - 0.1, replace(wood, drawing="door"))
    return [(0, 0, 0, width, depth, height, wood), doors]


def _shelves(rng: np.random.Generator) -> list[Part]:
    width, height, wood = (
        rng.uniform(0.7, 1.3),
        0.08 + 0.36 * rng.integers(3, 6),
        _choose(WOODS, rng),
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
    wood = _choose(WOODS, rng)
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
        (0, 0, 0.9, width + 0.12, 0.14, 0.05, _tinted(WOODS[3], rng)),
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
            replace(_tinted(PAPER, rng, 0.4), drawing="painting"),
        )
    ]


def _rug(rng: np.random.Generator) -> list[Part]:
    width, depth = rng.uniform(1.2, 2.2), rng.uniform(0.9, 1.6)
    border, middle = (
        _choose(FABRICS, rng),
        replace(_choose(FABRICS, rng), cell=(0.15, 0.15), jitter=0.25),
    )
    return [
        (0, 0, 0, width, depth, 0.012, border),
        (0, 0.12, 0.012, width - 0.24, depth - 0.24, 0.004, middle),
    ]


TWO_ROOMS = 0.3  # share of rooms that are two
PARTITION = 0.12  # metres, thickness of the wall between them
DOORWAY, DOORWAY_HEIGHT = 1.0, 2.2  # metres

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


def _stand(parts: list[Part], place: np.ndarray, yaw: float) -> list[Box]:
    """Parts (local x along the wall, y away from it) as boxes of the room; place: (2,) where local (0, 0) comes."""
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
    """A random room, or two with a doorway between; in each what stands at the walls and free, and a lamp. Nothing overlaps."""
    size = np.array([rng.uniform(4.2, 6.8), rng.uniform(3.8, 5.8), rng.uniform(2.45, 3.0)])
    walls = [_choose(WALLS, rng) for _ in range(2)]
    room = Room(
        size,
        [
            _choose(FLOORS, rng),
            _tinted(CEILING, rng, 0.04),
            *(walls[rng.integers(2)] for _ in range(4)),
        ],
    )
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    if rng.random() >= TWO_ROOMS:
        _furnish_part(room, -size[:2] / 2, size[:2] / 2, taken, rng)
        return room
    size[0] = rng.uniform(7.6, 9.4)
    room.doorway = np.array([rng.uniform(-0.1, 0.1) * size[0], rng.uniform(-0.25, 0.25) * size[1]])
    room.boxes += _partition(size, room.doorway, walls[rng.integers(2)], _choose(WOODS, rng))
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
    """Put a lamp and furniture into the rectangle between `low` and `high`, (2,), clear of what is `taken`."""
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
