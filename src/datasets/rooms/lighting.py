"""Light in made-up rooms: what blocks it, and how much reaches each surface."""

import numpy as np

from .faces import Quad
from .scene import Box, Room

LIGHT_TEXELS = 10  # light samples a metre


def blocked(origins: np.ndarray, rays: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Whether a box cuts segments from origins to origins + rays, float32 (..., 3): (...) bool."""
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


def incident(
    points: np.ndarray, normals: np.ndarray, room: Room, lights: list[Quad], sphere: np.ndarray
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


def light_maps(quads: list[Quad], room: Room, rng: np.random.Generator) -> list[np.ndarray]:
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
        [incident(points[chunk], normals[chunk], room, lights, sphere) for chunk in chunks]
    )
    return [
        part.reshape(grid.shape)
        for part, grid in zip(np.split(light, np.cumsum(sizes)[:-1]), grids, strict=True)
    ]
