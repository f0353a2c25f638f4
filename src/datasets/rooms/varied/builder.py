"""A room as a whole: its shape, openings, lights and furniture, all from one random generator."""

import numpy as np

from . import fronts, pictures
from .fittings import AT_WALLS, FREE, door, painting, rug
from .pieces import Lamp, Piece, Solid, lamp_colour, turned
from .plan import Plan, Window, extent
from .stock import Skin, Stock
from .tiles import Rng, hsv

PLACES = 14  # tries to find a place for a piece


class Builder:
    """Puts a room together. `areas`: free rectangles (low, high), each furnished for itself."""

    def __init__(self, rng: Rng) -> None:
        self.rng, self.stock = rng, Stock(rng)
        size = np.array(
            [rng.uniform(2.8, 8.0), rng.uniform(2.6, 6.0), min(3.6, 2.2 + rng.gamma(2.5, 0.17))]
        )
        walls = [self.stock.wall() for _ in range(rng.integers(1, 3))]
        own = [
            walls[rng.integers(len(walls))] if rng.random() < 0.4 else walls[0] for _ in range(4)
        ]
        self.walls = walls
        self.plan = Plan(size, [self.stock.floor(), self.stock.ceiling(), *own])
        self.areas = [(-size[:2] / 2, size[:2] / 2)]
        self.taken: list[tuple[np.ndarray, np.ndarray]] = []  # (low, high), each (3,)

    def build(self) -> Plan:
        """The whole room."""
        self._shape()
        self._light()
        for low, high in self.areas:
            self._furnish(low, high)
        self._trim()
        return self.plan

    # --- Shape ---

    def _block(self, low: np.ndarray, high: np.ndarray, skin: Skin) -> None:
        """A box between two corners, which nothing else may enter."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        self.plan.solids.append(Solid((low + high) / 2, high - low, 0.0, 0.0, skin))
        self.taken.append((low, high))

    def _shape(self) -> None:
        """Perhaps a partition with an opening, a cut corner, a chimney breast, columns or beams."""
        rng, size = self.rng, self.plan.size
        if size[0] > 5.5 and rng.random() < 0.6:
            self._partition()
        elif min(size[:2]) > 3.4 and rng.random() < 0.35:
            cut = rng.uniform(0.2, 0.42, 2) * size[:2]
            corner = rng.choice([-1, 1], 2) * size[:2] / 2
            inner = corner - np.sign(corner) * cut
            low, high = np.minimum(corner, inner), np.maximum(corner, inner)
            self._block((*low, 0), (*high, size[2]), self._wall())
        if rng.random() < 0.25:
            side, x, wide = (
                rng.choice([-1, 1]),
                rng.uniform(-0.3, 0.3) * size[0],
                rng.uniform(0.7, 1.6),
            )
            deep, edge = rng.uniform(0.15, 0.5), size[1] / 2
            y = np.sort([side * edge, side * (edge - deep)])
            self._block((x - wide / 2, y[0], 0), (x + wide / 2, y[1], size[2]), self._wall())
        if rng.random() < 0.12:
            middle, thick = rng.uniform(-0.3, 0.3, 2) * size[:2], rng.uniform(0.12, 0.2)
            self._block((*(middle - thick), 0), (*(middle + thick), size[2]), self._wall())
        if rng.random() < 0.15:
            wood, height, count = self.stock.wood(), rng.uniform(0.1, 0.25), int(rng.integers(2, 6))
            for x in (np.arange(count) + 0.5) / count * size[0] - size[0] / 2:
                low = (x - 0.08, -size[1] / 2, size[2] - height)
                self._block(low, (x + 0.08, size[1] / 2, size[2]), wood)

    def _wall(self) -> Skin:
        return self.walls[self.rng.integers(len(self.walls))]

    def _partition(self) -> None:
        """A wall across x, with a doorway or a wide opening; two areas."""
        rng, size = self.rng, self.plan.size
        x, thick = rng.uniform(-0.18, 0.18) * size[0], rng.uniform(0.08, 0.2)
        wide = rng.uniform(0.85, 2.2)
        y, top = rng.uniform(-0.5, 0.5) * (size[1] - wide), rng.uniform(2.0, size[2])
        skin, frame = self._wall(), self.stock.white() if rng.random() < 0.5 else self.stock.wood()
        for low, high in ((-size[1] / 2, y - wide / 2), (y + wide / 2, size[1] / 2)):
            if high - low > 0.02:
                self._block((x - thick / 2, low, 0), (x + thick / 2, high, size[2]), skin)
        self._block(
            (x - thick / 2, y - wide / 2, top), (x + thick / 2, y + wide / 2, size[2]), skin
        )
        for side in (-1, 1):
            edge = y + side * wide / 2
            low, high = sorted((edge, edge - side * 0.05))
            self._block((x - thick / 2 - 0.02, low, 0), (x + thick / 2 + 0.02, high, top), frame)
        self.taken.append(
            (np.array([x - 0.9, y - wide / 2, 0]), np.array([x + 0.9, y + wide / 2, 2.0]))
        )
        self.areas = [
            (-size[:2] / 2, np.array([x - thick / 2, size[1] / 2])),
            (np.array([x + thick / 2, -size[1] / 2]), size[:2] / 2),
        ]

    def _trim(self) -> None:
        """Skirting boards, perhaps panelling, along the walls of the whole."""
        rng, (width, depth, _) = self.rng, self.plan.size
        if rng.random() < 0.35:
            return
        height = rng.uniform(0.05, 0.15) if rng.random() < 0.85 else rng.uniform(0.7, 1.1)
        skin, thin = self.stock.white() if rng.random() < 0.7 else self.stock.wood(), 0.012
        for sign in (-1, 1):
            along = np.array([width, thin, height]), np.array([thin, depth, height])
            for size, axis in ((along[0], 1), (along[1], 0)):
                centre = np.array([0.0, 0.0, height / 2])
                centre[axis] = sign * (self.plan.size[axis] / 2 - thin / 2)
                self.plan.solids.append(Solid(centre, size, 0.0, 0.0, skin))

    # --- Light ---

    def _light(self) -> None:
        """Day or night, windows, lamps at the ceiling, and how bright the picture is."""
        rng, plan = self.rng, self.plan
        daylight = float(rng.choice([1.0, 1.0, rng.uniform(0.3, 0.9), rng.uniform(0.0, 0.3)]))
        tint = hsv(rng.choice([0.58, 0.58, 0.1]), rng.uniform(0, 0.25), 1.0)
        plan.sky = tint * rng.uniform(1.0, 5.0) * daylight
        for low, high in self.areas:
            for _ in range(int(rng.integers(0, 4))):
                self._window(low, high, daylight)
            if rng.random() < (0.6 if plan.windows and daylight > 0.3 else 1.0):
                self._ceiling_lamp(low, high)
        warm = sum((lamp.colour for lamp in plan.lamps), np.full(3, 0.05))
        plan.around = 0.16 * (warm / warm.max() + tint * daylight * bool(plan.windows))
        plan.around = plan.around * rng.uniform(0.6, 1.8)
        if plan.windows and daylight > 0.7 and rng.random() < 0.6:
            height = rng.uniform(0.3, 1.0)
            out = np.array([*rng.uniform(-0.8, 0.8, 2), 0.0]) - plan.windows[0].normal
            sun = out / np.linalg.norm(out) * np.cos(height) + (0, 0, np.sin(height))
            plan.sun, plan.sunlight = sun, hsv(0.1, rng.uniform(0.05, 0.4), rng.uniform(1.0, 3.0))
        plan.exposure = float(np.clip(rng.normal(0.62, 0.17), 0.3, 1.0))

    def _window(self, low: np.ndarray, high: np.ndarray, daylight: float) -> None:
        """A window with its sill, perhaps curtains.

        Nothing is put in front of it above the sill.
        """
        rng, stock = self.rng, self.stock
        width = rng.uniform(0.6, 2.2)
        sill = rng.choice([rng.uniform(0.75, 1.05), 0.1], p=[0.85, 0.15])
        height = min(
            rng.uniform(1.0, 1.6) + (0.7 if sill < 0.5 else 0), self.plan.size[2] - sill - 0.1
        )
        pane = stock.drawn(pictures.view, width, height, glow=True, daylight=daylight)
        piece = Piece()
        piece.box(0, 0, sill, width, 0.02, height, pane)
        frame = stock.white()
        piece.box(0, 0, sill - 0.05, width + 0.1, rng.uniform(0.05, 0.2), 0.05, frame)
        piece.box(0, 0, sill + height, width + 0.1, 0.05, 0.06, frame)
        for side in (-1, 1):
            piece.box(side * (width / 2 + 0.025), 0, sill, 0.05, 0.05, height, frame)
        if rng.random() < 0.45:
            wide, low_end = rng.uniform(0.2, 0.45), max(0.02, sill - 0.6)
            cloth = stock.drawn(fronts.curtain, wide, height, stock.cloth().colour)
            for side in (-1, 1):
                x = side * (width / 2 + 0.06 + wide / 2)
                piece.box(x, 0.08, low_end, wide, 0.07, height + sill + 0.1 - low_end, cloth)
        placed = self._at_wall(piece, low, high, outside=True)
        if placed is not None:
            place, yaw = placed
            corner = turned(np.array([width / 2, 0.02, sill + height]), yaw) + place
            right = turned(np.array([-width, 0.0, 0.0]), yaw)
            normal = turned(np.array([0.0, 1.0, 0.0]), yaw)
            down = np.array([0, 0, -height])
            self.plan.windows.append(Window(corner, right, down, normal))

    def _ceiling_lamp(self, low: np.ndarray, high: np.ndarray) -> None:
        """A flat lamp, one that hangs, or several spots."""
        rng, top, colour = self.rng, self.plan.size[2], lamp_colour(self.rng)
        shade, strength = self.stock.shade(colour), colour * rng.uniform(1.0, 3.0)
        middle = (low + high) / 2
        piece, kind = Piece(), rng.random()
        if kind < 0.4:
            wide, thick = rng.uniform(0.2, 0.6), rng.uniform(0.04, 0.12)
            piece.box(0, -wide / 2, -thick, wide, wide, thick, shade)
            piece.lamps.append(Lamp(np.array([0, 0, -thick - 0.02]), strength))
        elif kind < 0.75:
            drop, radius, tall = (
                rng.uniform(0.25, 0.8),
                rng.uniform(0.1, 0.25),
                rng.uniform(0.12, 0.3),
            )
            piece.box(0, -0.01, -drop, 0.02, 0.02, drop, self.stock.plain())
            piece.prism(0, 0, -drop - tall, radius, tall, shade)
            piece.lamps.append(Lamp(np.array([0, 0, -drop - tall / 2]), strength))
        else:
            for x in np.linspace(-0.35, 0.35, int(rng.integers(2, 5))) * (high - low)[0]:
                piece.prism(x, 0, -0.06, 0.06, 0.06, shade)
                piece.lamps.append(Lamp(np.array([x, 0, -0.1]), strength / 3))
        place = (*(middle + rng.uniform(-0.12, 0.12, 2) * (high - low)), top)
        room = Piece()
        room.add(piece, place)
        self.plan.solids += room.solids
        self.plan.lamps += room.lamps

    # --- Furniture ---

    def _furnish(self, low: np.ndarray, high: np.ndarray) -> None:
        """Doors, furniture at the walls and free, rugs, pictures; more in large areas."""
        rng, area = self.rng, float(np.prod(high - low))
        for _ in range(int(rng.integers(0, 3))):
            self._at_wall(door(self.stock, rng), low, high, space=0.5)
        for _ in range(int(rng.integers(3, 6 + area / 3))):
            make = AT_WALLS[rng.integers(len(AT_WALLS))]
            self._at_wall(make(self.stock, rng), low, high)
        for _ in range(int(rng.integers(0, 2 + area / 5))):
            self._free(FREE[rng.integers(len(FREE))](self.stock, rng), low, high)
        if rng.random() < 0.6:
            self._free(rug(self.stock, rng), low, high, flat=True)
        for _ in range(int(rng.integers(1, 6))):
            self._at_wall(painting(self.stock, rng), low, high)

    def _at_wall(
        self,
        piece: Piece,
        low: np.ndarray,
        high: np.ndarray,
        space: float = 0.02,
        outside: bool = False,
    ) -> tuple[np.ndarray, float] | None:
        """Put a piece with its back to a wall of the area; where, (3,), and its yaw, or None.

        None: there is no room for it. outside: only at a wall of the house. space: metres kept
        free around it.
        """
        rng, extent = self.rng, high - low
        for _ in range(PLACES):
            wall = int(rng.integers(4))
            yaw, inward = wall * np.pi / 2, turned(np.array([0.0, 1.0, 0.0]), wall * np.pi / 2)
            side = np.abs(inward[:2]) @ extent / 2
            place = (low + high) / 2 - inward[:2] * side
            edge = np.abs(inward[:2]) @ self.plan.size[:2] / 2
            if outside and abs(abs(inward[:2] @ place) - edge) > 1e-6:
                continue
            shift = rng.uniform(-1, 1) * extent[wall % 2] / 2
            place = np.array([*place, 0]) + shift * turned(np.array([1.0, 0, 0]), yaw)
            if self._put(piece, place, yaw, (low, high), space):
                return place, yaw
        return None

    def _free(self, piece: Piece, low: np.ndarray, high: np.ndarray, flat: bool = False) -> None:
        """Put a piece anywhere in the area; flat: under what stands there."""
        rng = self.rng
        for _ in range(PLACES):
            yaw = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else rng.integers(4) * np.pi / 2
            place = np.array([*rng.uniform(low + 0.3, high - 0.3), 0])
            if self._put(piece, place, yaw, (low, high), 0.05, flat):
                return

    def _put(
        self,
        piece: Piece,
        place: np.ndarray,
        yaw: float,
        area: tuple[np.ndarray, np.ndarray],
        space: float,
        flat: bool = False,
    ) -> bool:
        """Put a piece there if it is inside the area and touches nothing; whether it was."""
        placed = Piece()
        placed.add(piece, tuple(place), yaw)
        low, high = extent(placed.solids)
        inside = (low[:2] >= area[0] - 1e-3).all() and (high[:2] <= area[1] + 1e-3).all()
        if not inside or high[2] > self.plan.size[2]:
            return False
        if not flat:
            if any(
                (low - space < end).all() and (high + space > start).all()
                for start, end in self.taken
            ):
                return False
            self.taken.append((low, high))
        self.plan.solids += placed.solids
        self.plan.lamps += placed.lamps
        return True


def furnished(rng: Rng) -> Plan:
    """A random room."""
    return Builder(rng).build()
