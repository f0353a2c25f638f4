"""Pictures of a planned room.

Surfaces are painted where they are seen, so that a room is ready to be looked at quickly. All
surfaces are matt: a point has the same colour in all views. Sunlight through windows is found for
every sample.
"""

import cv2
import numpy as np

from ....cameras.geometry import OPENCV_TO_BLENDER, intrinsic_matrix
from .light import Faces, blocked, casters, faces, light_maps
from .plan import Plan
from .stock import Skin

LEVELS = 7  # of the images' pyramids, each half the size of the one before
DETAIL = 0.7  # pyramid level by the area (0.5) or by the longest side (1.0) of a sample's footprint
SUPERSAMPLING = 2  # samples a pixel, each way
BURNT = 1.7  # light above this no longer brightens a surface
NEAR = 0.02  # metres


class Renderer:
    """A planned room, lit; the same plan gives the same pictures."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.faces, self.casters = plan, faces(plan), casters(plan)
        unique = list({id(skin): skin for skin in self.faces.skins}.values())
        numbers = {id(skin): number for number, skin in enumerate(unique)}
        self.skin = np.array([numbers[id(skin)] for skin in self.faces.skins], np.int32)
        self.atlas, self.places = _pack_skins(unique)
        self.mapping, self.density = _mappings(self.faces)
        lights = light_maps(plan, self.faces)
        shell = np.concatenate([lights[n].reshape(-1, 3) for n in (0, 2, 3, 4, 5)])
        self.exposure = plan.exposure / max(float(shell.mean()), 1e-6)
        self.lights, self.light_places = self._pack_lights(lights)

    def _pack_lights(self, lights: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """All light maps in one picture, as factors of display values; their places, (4, n)."""
        maps = []
        for light, skin in zip(lights, self.faces.skins, strict=True):
            shade = np.ones_like(light) if skin.glow else self._shade(light * self.exposure)
            maps.append(cv2.copyMakeBorder(shade, 1, 1, 1, 1, cv2.BORDER_REPLICATE))
        return _pack(maps, 512)

    @staticmethod
    def _shade(light: np.ndarray) -> np.ndarray:
        """What a display value is multiplied by: light^(1/2.2), bounded softly."""
        return ((light / (1 + (light / BURNT) ** 3) ** (1 / 3)) ** (1 / 2.2)).astype(np.float32)

    def render(
        self, pose: np.ndarray, focal_y: float, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The frame (height, width, 3) uint8 and its depth (height, width) float32, metres.

        pose: 4x4 camera-to-world, inside the room; size: (height, width) pixels; square pixels,
        principal point 0.5. Depth is along the optical axis.
        """
        fine = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
        surface, index = self._visible(np.asarray(pose, np.float64), focal_y, fine)
        u, v = surface[0] / surface[2], surface[1] / surface[2]
        image = self._painted(u, v, index, surface[2], pose, focal_y * fine[0])
        shade = self._look_up(self.lights, self.light_places, u, v, index)
        if self.plan.sun is not None:
            self._add_sun(shade, surface[2], index, pose, focal_y)
        image = np.minimum(image * shade, 255)
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        depth = 1 / cv2.resize(surface[2], size[::-1], interpolation=cv2.INTER_AREA)
        return (image + 0.5).astype(np.uint8), depth

    def _painted(
        self,
        u: np.ndarray,
        v: np.ndarray,
        index: np.ndarray,
        inverse_depth: np.ndarray,
        pose: np.ndarray,
        focal: float,
    ) -> np.ndarray:
        """The unlit colours of the samples, (height, width, 3) float32 in [0, 255]."""
        facing = ((pose[:3, 3] - self.faces.corner) * self.faces.normal).sum(1)
        level = np.log2(self.density / focal) - DETAIL * np.log2(np.maximum(facing, 1e-3)) + 0.3
        level = np.take(level.astype(np.float32), index) - (1 + DETAIL) * np.log2(inverse_depth)
        entry = np.take(self.skin, index) * LEVELS
        entry += np.clip(level + 0.5, 0, LEVELS - 1).astype(np.int32)
        a, b, c, d, e, f = (np.take(column, index) for column in self.mapping)
        x, y = a * u + b * v + c, d * u + e * v + f
        x, y = x - np.floor(x), y - np.floor(y)
        return self._look_up(self.atlas, self.places, x, y, entry).astype(np.float32)

    @staticmethod
    def _look_up(
        atlas: np.ndarray, places: np.ndarray, u: np.ndarray, v: np.ndarray, entry: np.ndarray
    ) -> np.ndarray:
        x, y, width, height = (np.take(column, entry) for column in places)
        return cv2.remap(atlas, x + u * width, y + v * height, cv2.INTER_LINEAR)

    def _add_sun(
        self,
        shade: np.ndarray,
        inverse_depth: np.ndarray,
        index: np.ndarray,
        pose: np.ndarray,
        focal_y: float,
    ) -> None:
        """Brighten the samples that see the sun through a window."""
        towards = np.take(self.faces.normal @ self.plan.sun, index)
        rows, columns = np.nonzero(towards > 0.02)
        height, width = index.shape
        x, y = ((n + 0.5 - middle / 2) / height for n, middle in ((columns, width), (rows, height)))
        rays = (
            np.stack([x / focal_y, -y / focal_y, -np.ones_like(x)]) / inverse_depth[rows, columns]
        )
        points = pose[:3, :3] @ rays + pose[:3, 3:]
        through = np.zeros(len(rows), bool)
        way = np.zeros(len(rows))
        for window in self.plan.windows:
            rate = float(window.normal @ self.plan.sun)
            if rate > -0.02:
                continue
            step = (window.normal @ (window.corner[:, None] - points)) / rate
            hit = points + step * self.plan.sun[:, None] - window.corner[:, None]
            inside = step > 0.02
            for edge in (window.right, window.down):
                share = edge @ hit / (edge @ edge)
                inside &= (share > 0) & (share < 1)
            through |= inside
            way = np.where(inside, step, way)
        lit = np.flatnonzero(through)
        if not len(lit):
            return
        start = points[:, lit] + 0.004 * self.faces.normal[index[rows[lit], columns[lit]]].T
        way = 0.97 * way[lit] * self.plan.sun[:, None]
        lit = lit[~blocked(start.astype(np.float32), way.astype(np.float32), self.casters)]
        rows, columns = rows[lit], columns[lit]
        more = towards[rows, columns][:, None] * self.plan.sunlight
        shade[rows, columns] = self._shade(shade[rows, columns] ** 2.2 + more.astype(np.float32))

    def _visible(
        self, pose: np.ndarray, focal_y: float, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What each sample sees: (u, v, 1) / depth, (3, height, width), and the face's number.

        A face's point corner + u right + v down is seen at depth
        * (x, y, 1) = H (u, v, 1), so the inverse of H gives all three as linear functions of the
        pixel, and the greatest 1 / depth wins.
        """
        intrinsics = intrinsic_matrix(focal_y, size)
        numbers, frames = self._in_front(pose)
        low, high, shown = _bounds(frames, intrinsics, size)
        planes = np.zeros_like(frames)
        planes[shown] = np.linalg.inv(intrinsics @ frames[shown])
        planes = planes.astype(np.float32)
        nearest = np.zeros((3, *size), np.float32)
        index = np.zeros(size, np.int32)
        line = np.arange(max(size), dtype=np.float32) + 0.5
        for k in np.flatnonzero(shown):
            rows, columns = slice(low[k, 1], high[k, 1]), slice(low[k, 0], high[k, 0])
            plane = planes[k]
            x, y = line[columns], line[rows]
            depth = plane[2, 0] * x + (plane[2, 1] * y + plane[2, 2])[:, None]
            inside = depth > nearest[2, rows, columns]
            if not inside.any():
                continue
            values = plane[:2, :1, None] * x + (plane[:2, 1:2] * y + plane[:2, 2:])[..., None]
            for value in values:  # 0 <= u <= 1, a little wider so that neighbours leave no gap
                inside &= np.abs(2 * value - depth) <= 1.00002 * depth
            np.copyto(nearest[:2, rows, columns], values, where=inside)
            np.copyto(nearest[2, rows, columns], depth, where=inside)
            index[rows, columns][inside] = numbers[k]
        return nearest, index

    def _in_front(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the faces that face the camera, nearest first, and (n, 3, 3).

        Right, down, corner in its axes.
        """
        offset = self.faces.corner - pose[:3, 3]
        numbers = np.flatnonzero((offset * self.faces.normal).sum(1) < -1e-6)
        middle = offset + (self.faces.right + self.faces.down) / 2
        numbers = numbers[np.argsort((middle[numbers] ** 2).sum(1), kind="stable")]
        axes = np.linalg.inv(pose @ OPENCV_TO_BLENDER)[:3, :3]
        edges = [self.faces.right[numbers], self.faces.down[numbers], offset[numbers]]
        return numbers, axes @ np.stack(edges, axis=-1)


def _bounds(
    frames: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bounds of the pixels (x, y) that faces can cover, (n, 2) each; whether there are any, (n,).

    A face that reaches behind the camera may cover everything.
    """
    corners = frames @ np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1.0]])  # (n, 3, 4)
    pixels = intrinsics @ corners
    depth = corners[:, 2]
    behind = (depth < NEAR).any(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = pixels[:, :2] / depth[:, None]
    whole = np.array(size[::-1])[:, None]
    pixels[behind] = np.concatenate([0 * whole, whole, whole, 0 * whole], axis=1)
    low = np.clip(pixels.min(2) - 1, 0, whole[:, 0]).astype(int)
    high = np.clip(pixels.max(2) + 2, 0, whole[:, 0]).astype(int)
    return low, high, (high > low).all(1) & (depth > NEAR).any(1)


def _mappings(surfaces: Faces) -> tuple[np.ndarray, np.ndarray]:
    """From a face's (u, v) to its image; and texels a metre, (n,).

    x = a u + b v + c, y = d u + e v + f in images, (6, n) float32. Level faces are
    painted by where they are in the room, others from their corner; each face begins elsewhere.
    """
    count = len(surfaces.skins)
    width, height = surfaces.width, surfaces.height
    mapping, density = np.zeros((6, count), np.float32), np.zeros(count, np.float32)
    for number, skin in enumerate(surfaces.skins):
        if skin.metres is None:
            mapping[:, number] = 0.99999, 0, 0, 0, 0.99999, 0
            texels = np.array(skin.image.shape[1::-1]) / (width[number], height[number])
            density[number] = np.sqrt(texels.prod())
            continue
        angle, level = skin.angle, abs(surfaces.normal[number, 2]) > 0.5
        if level:
            angle = angle - surfaces.turn[number]
            points = (
                surfaces.right[number, :2],
                surfaces.down[number, :2],
                surfaces.corner[number, :2],
            )
        else:
            start = (number * 0.618034 % 1, number * 0.754878 % 1)
            points = ((width[number], 0.0), (0.0, height[number]), start)
        cos, sin = np.cos(angle) / skin.metres, np.sin(angle) / skin.metres
        rows = np.array([[cos, -sin], [sin, cos]]) @ np.array(points).T
        mapping[:, number] = rows.ravel()
        density[number] = skin.image.shape[0] / skin.metres
    return mapping, density


def _pack_skins(skins: list[Skin]) -> tuple[np.ndarray, np.ndarray]:
    """The pyramids of all images in one picture; the levels' places, (4, images * LEVELS)."""
    levels = []
    for skin in skins:
        border = cv2.BORDER_REPLICATE if skin.metres is None else cv2.BORDER_WRAP
        image = skin.image
        for _ in range(LEVELS):
            levels.append(cv2.copyMakeBorder(image, 1, 1, 1, 1, border))
            half = max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)
            image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    return _pack(levels, 2048)


def _pack(images: list[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a border of one pixel in one picture, and their places.

    (4, n) float32: x, y, width, height of what is inside. x and y are in the coordinates of
    cv2.remap: the first pixel's centre is 0.
    """
    places, corners = np.zeros((4, len(images)), np.float32), {}
    x = y = row_height = 0
    for number in sorted(range(len(images)), key=lambda n: -images[n].shape[0]):
        height, length = images[number].shape[:2]
        if x + length > width:
            x, y, row_height = 0, y + row_height, 0
        corners[number] = y, x
        places[:, number] = x + 0.5, y + 0.5, length - 2, height - 2
        x, row_height = x + length, max(row_height, height)
    atlas = np.zeros((y + row_height, width, 3), images[0].dtype)
    for number, (y, x) in corners.items():
        atlas[y : y + images[number].shape[0], x : x + images[number].shape[1]] = images[number]
    return atlas, places
