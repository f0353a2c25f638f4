"""Light on the surfaces of a room: from lamps and windows, and from all around.

Solids cast shadows, corners are darker. Light is worked out on a
coarse grid of every face (a few points a metre); only what is near a point is looked at.
"""

from dataclasses import dataclass

import numpy as np

from .plan import Plan
from .stock import Skin

TEXELS = 5  # points a metre
MOST = 40  # points along a face at most
GROUP = 3200  # points that are lit together: they look at the same solids
AROUND = 0.55  # metres: nearer surfaces darken a corner
DIRECTIONS = 14  # in which a point looks around
THIN = 0.1  # metres: what is thinner both ways casts no shadow
FLAT = 0.06  # metres: what hangs upright and is thinner, neither


@dataclass(frozen=True, eq=False)
class Faces:
    """Rectangles, seen from where the normal points.

    corner: top left; right, down: whole edges; all (n, 3).
    """

    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    normal: np.ndarray
    turn: np.ndarray  # (n,) direction of the pattern of level faces, radians
    skins: list[Skin]  # n

    @property
    def width(self) -> np.ndarray:
        """Length of the upper edges, (n,) metres."""
        return np.linalg.norm(self.right, axis=1)

    @property
    def height(self) -> np.ndarray:
        """Length of the left edges, (n,) metres."""
        return np.linalg.norm(self.down, axis=1)


@dataclass(frozen=True, eq=False)
class Casters:
    """Boxes that cast shadows."""

    centre: np.ndarray  # (n, 3) float32
    size: np.ndarray  # (n, 3)
    rotation: np.ndarray  # (n, 2, 2) world axes to the box's
    low: np.ndarray  # (n, 3) of the space that they take
    high: np.ndarray

    def near(self, low: np.ndarray, high: np.ndarray) -> "Casters":
        """Those that reach into the space between two corners, (3,)."""
        chosen = ((self.low < high) & (self.high > low)).all(1)
        return Casters(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


_SIDES = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], float)
_UP = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]], float)


def _rotations(yaw: np.ndarray) -> np.ndarray:
    """Turns about the vertical, (n, 3, 3)."""
    cos, sin, zero = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1]
    return np.stack(rows, -1).reshape(-1, 3, 3)


def faces(plan: Plan) -> Faces:
    """All rectangles of a room that can be seen: the shell from inside, solids from outside."""
    middle = plan.size * (0, 0, 0.5)
    centre = np.array([middle, *(solid.centre for solid in plan.solids)])
    size = np.array([plan.size, *(solid.size for solid in plan.solids)])
    turns = np.array([0.0, *(solid.turn for solid in plan.solids)])
    rotation = _rotations(np.array([0.0, *(solid.yaw for solid in plan.solids)]))
    right, reach = np.cross(_UP, _SIDES), size[:, None] * 0.5
    out = np.where(
        np.arange(len(size))[:, None, None] > 0, 1.0, -1.0
    )  # the shell's normals are inward
    place = centre[:, None] + np.einsum("bij,bfj->bfi", rotation, out * _SIDES * reach)
    edges = [
        np.einsum(
            "bij,bfj->bfi", rotation, axis * (np.abs(axis) * size[:, None]).sum(-1)[..., None]
        )
        for axis in (np.broadcast_to(right, place.shape), np.broadcast_to(-_UP, place.shape))
    ]
    normal = np.einsum("bij,fj->bfi", rotation, _SIDES)
    seen = (np.abs(place + 0.002 * normal - middle) < plan.size / 2).all(-1)
    seen[0] = True
    skins = [[skin] for skin in plan.shell] + [[solid.skin] * 6 for solid in plan.solids]
    flat = [skin for group in skins for skin in group]
    corner = place - (edges[0] + edges[1]) / 2
    chosen = np.flatnonzero(seen.ravel())
    arrays = [array.reshape(-1, 3)[chosen] for array in (corner, *edges, normal)]
    return Faces(*arrays, np.repeat(turns, 6)[chosen], [flat[number] for number in chosen])


def casters(plan: Plan, all_solids: bool = False) -> Casters:
    """The solids that stop light: neither lamps and panes nor what is thin; or all of them."""
    solids = [
        solid
        for solid in plan.solids
        if all_solids or (not solid.skin.glow and _is_thick(solid.size))
    ]
    centre = np.array([solid.centre for solid in solids], np.float32).reshape(-1, 3)
    size = np.array([solid.size for solid in solids], np.float32).reshape(-1, 3)
    turn = _rotations(np.array([solid.yaw for solid in solids]))
    reach = np.einsum("bij,bj->bi", np.abs(turn), size) / 2
    rotation = turn[:, :2, :2].transpose(0, 2, 1).astype(np.float32)
    return Casters(centre, size, rotation, centre - reach, centre + reach)


def _is_thick(size: np.ndarray) -> bool:
    return bool(np.sort(size)[1] > THIN and size[:2].min() > FLAT)


def blocked(origins: np.ndarray, rays: np.ndarray, boxes: Casters) -> np.ndarray:
    """Whether a box cuts the way from an origin to origin + ray; (3, ...) float32 each, one shape.

    Result (...) bool.
    """
    result = np.zeros(rays.shape[1:], bool)
    for centre, size, rotation in zip(boxes.centre, boxes.size / 2, boxes.rotation, strict=True):
        near, far = np.float32(1e-4), np.float32(1.0)
        offset = [origins[axis] - centre[axis] for axis in range(3)]
        for axis in (2, 0, 1):
            if axis == 2:
                start, ray = offset[2], rays[2]
            else:
                first, second = rotation[axis]
                start = first * offset[0] + second * offset[1]
                ray = first * rays[0] + second * rays[1]
            inverse = 1 / np.where(np.abs(ray) < 1e-7, np.float32(1e-7), ray)
            middle, reach = -start * inverse, size[axis] * np.abs(inverse)
            near, far = np.maximum(near, middle - reach), np.minimum(far, middle + reach)
        result |= near < far
    return result


def _sphere(count: int) -> np.ndarray:
    """Directions even over the sphere (a golden spiral), (3, count, 1) float32."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height])[..., None].astype(
        np.float32
    )


class Lighting:
    """What lights a room's points."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.boxes = plan, casters(plan)
        self.sphere = _sphere(DIRECTIONS)
        floor, ceiling, *walls = (skin.colour**2.2 for skin in plan.shell)
        wall = sum(walls) / 4
        bright = max(float((floor + ceiling + wall).mean()) / 3, 0.05)
        self.above = plan.around * (
            0.5 + 0.5 * (ceiling + wall) / (2 * bright)
        )  # seen by what faces up
        self.below = plan.around * (0.5 + 0.5 * (floor + wall) / (2 * bright)) * 0.85

    def at(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """The light on points of surfaces that lie near each other; (3, n) float32 each.

        Result (3, n).
        """
        rays = AROUND * (self.sphere + normals[:, None])
        size = (self.plan.size / 2).astype(np.float32)[:, None, None]
        ends = points[:, None] + rays
        hidden = (np.abs(ends - size * np.array([0, 0, 1], np.float32)[:, None, None]) > size).any(
            0
        )
        low, high = points.min(1), points.max(1)
        near = self.boxes.near(low - 2 * AROUND, high + 2 * AROUND)
        if len(near.centre):
            hidden |= blocked(np.broadcast_to(points[:, None], rays.shape), rays, near)
        free = 1 - 0.8 * hidden.mean(0)
        share = 0.5 + 0.5 * normals[2]
        total = free * (self.above[:, None] * share + self.below[:, None] * (1 - share))
        for lamp in self.plan.lamps:
            total = total + self._from(points, normals, lamp.place, low, high, lamp.colour, None)
        for window in self.plan.windows:
            area = float(np.linalg.norm(window.right) * np.linalg.norm(window.down))
            for u in (0.2, 0.5, 0.8):
                place = window.corner + u * window.right + 0.5 * window.down + 0.02 * window.normal
                colour = self.plan.sky * area / 3
                total = total + self._from(points, normals, place, low, high, colour, window.normal)
        return total

    def _from(
        self,
        points: np.ndarray,
        normals: np.ndarray,
        place: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        colour: np.ndarray,
        facing: np.ndarray | None,
    ) -> np.ndarray:
        """The light (3, n) from one place; facing: it shines to that side only.

        Darker than 1 in 100 is left out.
        """
        rays = place.astype(np.float32)[:, None] - points
        square = (rays**2).sum(0)
        share = np.maximum((rays * normals).sum(0), 0)
        if facing is not None:
            share = share * np.maximum(-(facing.astype(np.float32) @ rays), 0) / np.sqrt(square)
        share /= (square + 0.03) ** 1.5
        lit = np.flatnonzero(share * colour.max() > 0.01)
        if len(lit):
            near = self.boxes.near(np.minimum(low, place), np.maximum(high, place))
            if len(near.centre):
                dark = blocked(points[:, lit], 0.96 * rays[:, lit], near)
                share[lit[dark]] = 0
        return share * colour[:, None]


def light_maps(plan: Plan, surfaces: Faces) -> list[np.ndarray]:
    """The light on each face, (rows, columns, 3) float32 each."""
    lighting = Lighting(plan)
    shapes = [
        tuple(int(np.clip(round(length * TEXELS), 2, MOST)) for length in pair)
        for pair in zip(surfaces.height, surfaces.width, strict=True)
    ]
    points, numbers = _grids(surfaces, shapes)
    normals = surfaces.normal.astype(np.float32)[numbers].T
    light = np.empty((3, len(numbers)), np.float32)
    for start in range(0, len(numbers), GROUP):
        part = slice(start, start + GROUP)
        light[:, part] = lighting.at(points[:, part], np.ascontiguousarray(normals[:, part]))
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    return [
        part.T.reshape(*shape, 3)
        for part, shape in zip(np.split(light, ends[:-1], axis=1), shapes, strict=True)
    ]


def _grids(surfaces: Faces, shapes: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Cell centres a little above each face, (3, n) float32, and the face of each, (n,)."""
    parts, numbers = [], []
    for number, (rows, columns) in enumerate(shapes):
        v, u = np.divmod(np.arange(rows * columns), columns)
        u, v = ((u + 0.5) / columns)[:, None], ((v + 0.5) / rows)[:, None]
        place = surfaces.corner[number] + 0.004 * surfaces.normal[number]
        parts.append(place + u * surfaces.right[number] + v * surfaces.down[number])
        numbers.append(np.full(rows * columns, number))
    points = np.concatenate(parts).astype(np.float32)
    return np.ascontiguousarray(points.T), np.concatenate(numbers)
