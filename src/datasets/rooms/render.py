"""Pictures of rooms made of textured boxes: light baked into the textures, exact perspective views.

World: z up, metres, the room's floor centred on the origin; poses as in
`photonvs.cameras.geometry`. All surfaces are matt, so a point has the same colour in all views.
Colours are RGB in [0, 1], or uint8 in textures and frames.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ...cameras.geometry import OPENCV_TO_BLENDER, intrinsic_matrix
from .materials import Material
from .scene import Box, Room
from .textures import texture

LIGHT_TEXELS = 10  # light samples a metre
LEVELS = 8  # of the texture pyramids, each half the size of the one before
# Pyramid level by the area (0.5, sharp, shimmers) or the longest side (1.0) of a sample's footprint.
DETAIL = 0.75
SUPERSAMPLING = 2  # samples a pixel, each way


@dataclass(frozen=True)
class _Quad:
    corner: np.ndarray  # (3,) top left, seen from the side that is visible
    right: np.ndarray  # (3,) the whole upper edge
    down: np.ndarray  # (3,) the whole left edge
    normal: np.ndarray  # (3,)
    material: Material

    @property
    def width(self) -> float:
        """Length of the upper edge, metres."""
        return float(np.linalg.norm(self.right))

    @property
    def height(self) -> float:
        """Length of the left edge, metres."""
        return float(np.linalg.norm(self.down))

    @property
    def area(self) -> float:
        """Square metres."""
        return self.width * self.height

    def grid(self, rows: int, columns: int) -> np.ndarray:
        """Centres of rows x columns equal cells, a little above the surface, (rows, columns, 3)."""
        v, u = np.meshgrid(
            (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"
        )
        return (
            self.corner + u[..., None] * self.right + v[..., None] * self.down + 0.004 * self.normal
        )


def _face(
    size: np.ndarray,
    normal: np.ndarray,
    up: np.ndarray,
    centre: np.ndarray,
    turn: np.ndarray,
    material: Material,
) -> _Quad:
    """A face of a box, seen from where `normal` points.

    Size, normal and up are along the box's axes, which `turn` turns.
    """
    right = np.cross(up, normal)
    right, down = turn @ (right * np.abs(right @ size)), turn @ (-up * np.abs(up @ size))
    return _Quad(centre - (right + down) / 2, right, down, turn @ normal, material)


def _quads(room: Room) -> list[_Quad]:
    """All rectangles that can be seen: the shell from inside, the boxes from outside."""
    x, y, z = axes = np.eye(3)
    sides = [
        (z, y),
        (-z, y),
        (x, z),
        (-x, z),
        (y, z),
        (-y, z),
    ]  # (normal, up): as inward normals floor, ceiling, walls
    middle = room.size * (0, 0, 0.5)
    quads = []
    for (normal, up), material in zip(sides, room.shell, strict=True):
        quads.append(_face(room.size, normal, up, middle - normal * room.size / 2, axes, material))
    for box in room.boxes:
        turn = box.rotation()
        for normal, up in sides:
            centre = box.centre + turn @ (normal * box.size / 2)
            if (
                np.abs(centre + 0.002 * turn @ normal - middle) < room.size / 2
            ).all():  # else flat on the floor or a wall
                quads.append(_face(box.size, normal, up, centre, turn, box.material))
    return quads


# --- Light ---


def blocked(origins: np.ndarray, rays: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Whether a box cuts the segments from origins to origins + rays, float32 (..., 3): (...) bool."""
    origins, rays = np.broadcast_arrays(origins, rays)
    shape = rays.shape[:-1]
    # One row a coordinate: reductions over an innermost axis of three are many times slower.
    origins, rays = (np.ascontiguousarray(array.reshape(-1, 3).T) for array in (origins, rays))
    result = np.zeros(rays.shape[1], bool)
    for box in boxes:
        turn = box.rotation().T.astype(np.float32)
        start, ray = turn @ origins - (turn @ box.centre.astype(np.float32))[:, None], turn @ rays
        inverse = 1 / np.where(np.abs(ray) < 1e-7, np.float32(1e-7), ray)
        middle, reach = (
            -start * inverse,
            (box.size[:, None] / 2).astype(np.float32) * np.abs(inverse),
        )
        near, far = (middle - reach).max(0), (middle + reach).min(0)
        result |= (near < np.minimum(far, 1)) & (far > 1e-4)
    return result.reshape(shape)


def _incident(
    points: np.ndarray, normals: np.ndarray, room: Room, lights: list[_Quad], sphere: np.ndarray
) -> np.ndarray:
    """Light that reaches surface points, (n, 3): of the lights, with shadows, and of all around.

    sphere: (m, 1, 3) unit vectors, even in all directions; the normal plus such a vector is
    cosine-weighted.
    """
    rays = 0.6 * (sphere + normals)
    ends = np.abs(points + rays - (room.size * (0, 0, 0.5)).astype(np.float32))
    hidden = blocked(points, rays, room.boxes) | (ends > room.size / 2).any(-1)
    total = (1 - 0.75 * hidden.mean(0))[:, None] * np.array([0.36, 0.35, 0.335])
    for light in lights:
        rays = (light.grid(3, 3).reshape(-1, 1, 3) - points).astype(np.float32)
        cosines = np.maximum((rays * normals).sum(-1), 0) * np.maximum(-(rays @ light.normal), 0)
        cosines[blocked(points, 0.97 * rays, room.boxes)] = 0
        share = (cosines / ((rays**2).sum(-1) + 0.05) ** 2).mean(0)
        total = total + share[:, None] * light.area * light.material.glow * np.array(
            light.material.colour
        )
    return total


def _light_maps(quads: list[_Quad], room: Room, rng: np.random.Generator) -> list[np.ndarray]:
    """The light on each rectangle, (rows, columns, 3)."""
    grids = [
        quad.grid(*(max(2, round(length * LIGHT_TEXELS)) for length in (quad.height, quad.width)))
        for quad in quads
    ]
    points = np.concatenate([grid.reshape(-1, 3) for grid in grids]).astype(np.float32)
    sizes = [grid.size // 3 for grid in grids]
    normals = np.repeat([quad.normal for quad in quads], sizes, axis=0).astype(np.float32)
    lights = [quad for quad in quads if quad.material.glow and quad.area > 0.1]  # not the rims
    sphere = rng.standard_normal((24, 1, 3)).astype(np.float32)
    sphere /= np.linalg.norm(sphere, axis=-1, keepdims=True)
    chunks = [
        slice(start, start + 512) for start in range(0, len(points), 512)
    ]  # small enough for the processor's cache
    light = np.concatenate(
        [_incident(points[chunk], normals[chunk], room, lights, sphere) for chunk in chunks]
    )
    return [
        part.reshape(grid.shape)
        for part, grid in zip(np.split(light, np.cumsum(sizes)[:-1]), grids, strict=True)
    ]


# --- Views ---


class Renderer:
    """A lit room. The same room and seed give the same pictures, bit for bit."""

    def __init__(self, room: Room, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.quads = _quads(room)
        lights = _light_maps(self.quads, room, rng)
        exposure = 0.7 / np.mean(
            [light.mean() for light in lights[:1] + lights[2:6]]
        )  # floor and walls
        images = []
        for quad, light in zip(self.quads, lights, strict=True):
            image = texture(quad.material, quad.width, quad.height, rng)
            light = np.ones_like(light) if quad.material.glow else light * exposure
            light = cv2.resize(
                light.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_LINEAR
            )
            # Colours are display values: (c^2.2 light)^(1/2.2); the bound keeps what is near a lamp
            # from burning out.
            image *= np.minimum(light, 1.6) ** (1 / 2.2)
            images.append((np.minimum(image, 1) * 255 + 0.5).astype(np.uint8))
        self.atlas, self.places = _pack(images)
        sizes = np.array([image.shape[0] * image.shape[1] for image in images])
        self.density = np.sqrt(sizes / [quad.area for quad in self.quads])  # texels a metre

    def render(
        self, pose: np.ndarray, focal_y: float, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The frame (height, width, 3) uint8, and its depth (height, width) float32, metres.

        Depth is along the optical axis.

        pose: 4x4 camera-to-world, inside the room; size: (height, width) pixels; square pixels,
        principal point 0.5.
        """
        fine = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
        surface, index, level = self._visible(np.asarray(pose, np.float64), focal_y, fine)
        inverse_depth = surface[2]
        level -= (1 + DETAIL) * np.log2(inverse_depth)
        np.clip(level, 0, LEVELS - 1.001, out=level)
        finer = np.floor(level)
        u, v = surface[0] / inverse_depth, surface[1] / inverse_depth
        entry = index * LEVELS + finer.astype(np.int32)
        share = level - finer
        image = cv2.blendLinear(
            self._look_up(u, v, entry), self._look_up(u, v, entry + 1), 1 - share, share
        )
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        return image, 1 / cv2.resize(inverse_depth, size[::-1], interpolation=cv2.INTER_AREA)

    def _look_up(self, u: np.ndarray, v: np.ndarray, entry: np.ndarray) -> np.ndarray:
        x, y, width, height = (np.take(column, entry) for column in self.places)
        return cv2.remap(self.atlas, x + u * width, y + v * height, cv2.INTER_LINEAR)

    def _visible(
        self, pose: np.ndarray, focal_y: float, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each sample sees: a rectangle's number, and a place on it.

        Returns (u, v, 1) / depth, float32 (3, height, width), the number, and its detail at depth 1.

        A rectangle's point corner + u right + v down is seen at depth * (x, y, 1) = H (u, v, 1), so
        the inverse of H gives all three as linear functions of the pixel, and the greatest 1 /
        depth wins.
        """
        world_to_camera = np.linalg.inv(pose @ OPENCV_TO_BLENDER)
        intrinsics = intrinsic_matrix(focal_y, size)
        nearest = np.zeros((3, *size), np.float32)
        index = np.zeros(size, np.int32)
        level = np.zeros(len(self.quads), np.float32)
        for number, quad in enumerate(self.quads):
            facing = (pose[:3, 3] - quad.corner) @ quad.normal
            if facing <= 1e-6:
                continue
            frame = world_to_camera[:3, :3] @ np.stack(
                [quad.right, quad.down, quad.corner - pose[:3, 3]], axis=1
            )
            rows, columns = _bounds(frame, intrinsics, size)
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            plane = np.linalg.inv(intrinsics @ frame).astype(np.float32)
            x = np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5
            y = np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5
            values = plane[:, :1, None] * x + (plane[:, 1:2] * y + plane[:, 2:])[..., None]
            inside = values[2] > nearest[2, rows, columns]
            for value in values[:2]:  # 0 <= u <= 1, a little wider so that neighbours leave no gap
                inside &= np.abs(2 * value - values[2]) <= 1.00002 * values[2]
            np.copyto(nearest[:, rows, columns], values, where=inside)
            index[rows, columns][inside] = number
            # Texels a sample sees: density * depth / focal across, more by 1 / cos along; cos =
            # facing / depth.
            focal = intrinsics[1, 1]
            level[number] = np.log2(self.density[number] / focal) - DETAIL * np.log2(facing) + 0.5
        return nearest, index, np.take(level, index)


def _bounds(
    frame: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]
) -> tuple[slice, slice]:
    """Rows and columns that a rectangle can cover.

    frame (3, 3): right, down, corner in the camera's axes.
    """
    corners = frame @ np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
    following = np.roll(corners, -1, axis=1)
    near = 0.01
    crossing = (corners[2] < near) != (following[2] < near)
    step = (near - corners[2, crossing]) / (following[2, crossing] - corners[2, crossing])
    cuts = corners[:, crossing] + step * (following - corners)[:, crossing]
    points = intrinsics @ np.concatenate([corners[:, corners[2] >= near], cuts], axis=1)
    if points.shape[1] == 0:
        return slice(0, 0), slice(0, 0)
    pixels = points[:2] / points[2]
    low, high = (
        np.clip(bound, 0, size[::-1]).astype(int)
        for bound in (pixels.min(1) - 1, pixels.max(1) + 2)
    )
    return slice(low[1], high[1]), slice(low[0], high[0])


def _pack(images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All images and their halvings in one, and where each is.

    Where: (4, images * LEVELS) float32 of x, y, width, height.

    x and y are in the coordinates of cv2.remap (the first texel's centre is 0); each image repeats
    its edge for one texel.
    """
    levels = []
    for image in images:
        for _ in range(LEVELS):
            levels.append(cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE))
            image = cv2.resize(
                image,
                (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)),
                interpolation=cv2.INTER_AREA,
            )
    width = max(4096, *(level.shape[1] for level in levels))
    places = np.zeros((4, len(levels)), np.float32)
    x = y = row_height = 0
    corners = {}
    for number in sorted(range(len(levels)), key=lambda n: -levels[n].shape[0]):
        height, length = levels[number].shape[:2]
        if x + length > width:
            x, y, row_height = 0, y + row_height, 0
        corners[number] = y, x
        places[:, number] = x + 0.5, y + 0.5, length - 2, height - 2
        x, row_height = x + length, max(row_height, height)
    atlas = np.zeros((y + row_height, width, 3), np.uint8)
    for number, (y, x) in corners.items():
        atlas[y : y + levels[number].shape[0], x : x + levels[number].shape[1]] = levels[number]
    return atlas, places
