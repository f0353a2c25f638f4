"""Procedural textures: wood, bricks, cloth, plaster, and what is drawn on them."""

import cv2
import numpy as np

from .materials import Material

TEXELS = (
    256  # samples a metre; a pixel of a 360-line frame sees 1/256 m at a distance of about 1.4 m
)


def _noise(
    rng: np.random.Generator, shape: tuple[int, int], cell: tuple[float, float]
) -> np.ndarray:
    """Value noise of several octaves, mean about 0, standard deviation 1.

    cell: its coarsest size (x, y) in texels.
    """
    total = np.zeros(shape, np.float32)
    weight, (cell_x, cell_y) = 1.0, cell
    while max(cell_x, cell_y) >= 1.4:
        columns, rows = (
            int(n / max(c, 1)) + 4 for n, c in ((shape[1], cell_x), (shape[0], cell_y))
        )
        size = int(columns * max(cell_x, 1)) + 1, int(rows * max(cell_y, 1)) + 1
        grid = cv2.resize(
            rng.standard_normal((rows, columns), np.float32), size, interpolation=cv2.INTER_CUBIC
        )
        total += weight * grid[size[1] - shape[0] :, size[0] - shape[1] :]
        weight, cell_x, cell_y = weight * 0.8, cell_x / 2, cell_y / 2
    return total / max(float(total.std()), 1e-6)


def _cells(material: Material, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Tone of the cells times the darkness of their joints, (height, width, 3)."""
    width, height = material.cell
    y, x = ((np.arange(n, dtype=np.float32) + 0.5) / TEXELS for n in shape)
    row = (y / height).astype(int)
    x = (
        x / width + material.stagger * np.arange(row[-1] + 1, dtype=np.float32)[:, None]
    )  # one line for each row of cells
    column = x.astype(int)
    tone = 1 + material.jitter * (
        rng.standard_normal((61, 67, 1)) + 0.3 * rng.standard_normal((61, 67, 3))
    )
    lines = tone.astype(np.float32)[np.arange(row[-1] + 1)[:, None] % 61, column % 67]
    edges = (
        np.minimum(x - column, column + 1 - x) * width,
        np.minimum(y - row * height, (row + 1) * height - y),
    )
    upright, level = (
        1 - 0.5 * np.clip((material.joint / 2 - edge) * TEXELS + 0.5, 0, 1) for edge in edges
    )
    return (lines * upright[..., None])[row] * level[:, None, None]


def texture(
    material: Material, width: float, height: float, rng: np.random.Generator
) -> np.ndarray:
    """The unlit surface of width x height metres: (rows, columns, 3) float32 in [0, 1]."""
    shape = tuple(max(4, round(length * TEXELS)) for length in (height, width))
    along, across = (length * TEXELS for length in material.grain)
    upright = height > width and material.cell is None  # fibres run along the longer side
    tone = 1 + material.contrast * _noise(
        rng, shape, (across, along) if upright else (along, across)
    )
    image = np.asarray(material.colour, np.float32) * tone[..., None]
    if material.cell:
        image *= _cells(material, shape, rng)
    image = np.clip(image, 0.02, 1)
    if material.drawing:
        DRAWINGS[material.drawing](image, rng)
    return np.clip(image, 0, 1)


def _draw_frame(
    image: np.ndarray, colour: tuple[float, ...], bars: tuple[int, int], width: int
) -> None:
    """A frame of `width` texels, with panes (across, down)."""
    height, length = image.shape[:2]
    for x in np.linspace(width / 2, length - width / 2, bars[0] + 1):
        cv2.line(image, (round(x), 0), (round(x), height), colour, width)
    for y in np.linspace(width / 2, height - width / 2, bars[1] + 1):
        cv2.line(image, (0, round(y)), (length, round(y)), colour, width)


def _draw_window(image: np.ndarray, rng: np.random.Generator) -> None:
    """A view of sky and hills behind white bars."""
    height, width = image.shape[:2]
    clouds = _noise(rng, (height, width), (width / 3, height / 6))
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    sky = np.stack([0.55 + 0.3 * down, 0.72 + 0.2 * down, 0.95 + 0 * down], axis=-1)
    image[:] = sky + 0.16 * np.clip(clouds, 0, 1.5)[..., None]
    for horizon, green in ((0.55, 0.5), (0.7, 0.33)):
        hill = down > horizon + 0.05 * _noise(rng, (1, width), (width / 2, 1))
        leaves = 1 + 0.25 * _noise(rng, (height, width), (30, 30))[..., None]
        image[hill] = (np.array([0.75, 1.0, 0.5], np.float32) * green * leaves)[hill]
    _draw_frame(image, (0.93, 0.92, 0.9), (2, 2), 14)


def _draw_door(image: np.ndarray, rng: np.random.Generator) -> None:
    """Raised panels, and a handle."""
    height, width = image.shape[:2]
    for top, bottom in ((0.06, 0.44), (0.5, 0.94)):
        for left in (0.12, 0.55):
            corner, opposite = (
                (int(left * width), int(top * height)),
                (int((left + 0.33) * width), int(bottom * height)),
            )
            tone = image[corner[1] : opposite[1], corner[0] : opposite[0]].mean((0, 1))
            cv2.rectangle(image, corner, opposite, tuple(float(c) * 0.55 for c in tone), 4)
            cv2.rectangle(
                image,
                (corner[0] + 5, corner[1] + 5),
                opposite,
                tuple(min(1, float(c) * 1.2) for c in tone),
                2,
            )
    cv2.circle(
        image, (int(0.93 * width), int(0.48 * height)), 8, (0.75, 0.7, 0.55), -1, cv2.LINE_AA
    )


def _draw_painting(image: np.ndarray, rng: np.random.Generator) -> None:
    """Blots of paint in a few colours on the material's colour, framed."""
    height, width = image.shape[:2]
    palette = np.clip(
        rng.uniform(0.1, 0.9, (4, 1)) * (1 + 0.4 * rng.standard_normal((4, 3))), 0.03, 0.95
    )
    for _ in range(rng.integers(8, 22)):
        axes = (rng.random(2) * (0.05 + 0.2 * rng.random()) + 0.02) * min(height, width)
        centre = rng.random(2) * (width, height)
        colour = (palette[rng.integers(4)] * rng.uniform(0.7, 1.2)).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(
                image,
                (centre.tolist(), (axes * 2.4).tolist(), rng.uniform(0, 180)),
                colour,
                -1,
                cv2.LINE_AA,
            )
        else:
            corners = centre + (rng.standard_normal((4, 2)) * axes * 1.3)
            cv2.fillConvexPoly(image, cv2.convexHull(corners.astype(np.int32)), colour, cv2.LINE_AA)
    image *= 1 + 0.12 * _noise(rng, (height, width), (width / 4, height / 12))[..., None]
    frame = float(rng.uniform(0.1, 0.9))
    _draw_frame(image, (frame, frame * 0.8, frame * 0.55), (1, 1), 18)


def _draw_books(image: np.ndarray, rng: np.random.Generator) -> None:
    """Backs of books, side by side."""
    height, width = image.shape[:2]
    shade = image / max(float(image.mean()), 1e-3)
    left = 0
    while left < width:
        right = min(width, left + int(rng.integers(6, 15)))
        colour = np.clip(
            (0.12 + 0.6 * rng.random()) * (1 + 0.35 * rng.standard_normal(3)), 0.06, 0.85
        )
        book = image[:, left:right]
        book[:] = shade[:, left:right] * colour
        band = int(height * rng.uniform(0.15, 0.7))
        book[band : band + max(2, height // 10)] = colour * 0.6 + 0.28
        book[:, -1] *= 0.35
        left = right


DRAWINGS = {
    "window": _draw_window,
    "door": _draw_door,
    "painting": _draw_painting,
    "books": _draw_books,
}
