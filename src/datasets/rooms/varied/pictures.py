"""Pictures on walls and views out of windows; images (height, width, 3) in [0, 1]."""

from collections.abc import Callable

import cv2
import numpy as np

from .tiles import TILE, Colour, Rng, hsv, noise

LONGEST = 192  # texels of the longer side


def canvas(width: float, height: float, colour: Colour) -> np.ndarray:
    """An image of one colour with these proportions, (rows, columns, 3) float32."""
    scale = LONGEST / max(width, height)
    shape = max(8, round(height * scale)), max(8, round(width * scale)), 3
    return np.broadcast_to(np.asarray(colour, np.float32), shape).copy()


def clouds(image: np.ndarray, rng: Rng, coarse: float = 2.0, slope: float = 2.5) -> np.ndarray:
    """Noise of an image's size, (rows, columns, 1)."""
    rows, columns = image.shape[:2]
    assert max(rows, columns) <= TILE
    return noise(rng, coarse, slope)[:rows, :columns, None]


def slope_down(image: np.ndarray) -> np.ndarray:
    """0 at the top, 1 at the bottom, (rows, 1, 1)."""
    return np.linspace(0, 1, len(image), dtype=np.float32)[:, None, None]


def draw_frame(
    image: np.ndarray, colour: Colour, width: int, bars: tuple[int, int] = (1, 1)
) -> None:
    """A frame of some texels, with panes (across, down)."""
    rows, columns = image.shape[:2]
    colour = [float(c) for c in colour]
    for x in np.linspace(width / 2, columns - width / 2, bars[0] + 1):
        cv2.line(image, (round(x), 0), (round(x), rows), colour, width)
    for y in np.linspace(width / 2, rows - width / 2, bars[1] + 1):
        cv2.line(image, (0, round(y)), (columns, round(y)), colour, width)


# --- Windows ---


def view(image: np.ndarray, rng: Rng, daylight: float) -> None:
    """Sky, hills or houses behind window bars; daylight 1: noon, 0: night."""
    down = slope_down(image)
    zenith = hsv(rng.uniform(0.52, 0.65), rng.uniform(0.05, 0.6), 1)
    horizon = hsv(rng.uniform(0.02, 0.16), rng.uniform(0, 0.35), 1)
    image[:] = zenith + (horizon - zenith) * np.clip(down * 1.5, 0, 1)
    image += 0.12 * np.clip(clouds(image, rng), 0, 2)
    level = rng.uniform(0.35, 0.8)
    for _ in range(int(rng.integers(1, 4))):
        draw = _houses if rng.random() < 0.4 else _hill
        draw(image, rng, level)
        level += rng.uniform(0.05, 0.25)
    image *= 0.08 + 0.92 * daylight
    if rng.random() < 0.9:
        tone = rng.choice([0.92, 0.9, 0.3]) * rng.uniform(0.85, 1) * np.array([1, 0.98, 0.94])
        bars = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        draw_frame(image, tone * (0.35 + 0.65 * daylight), int(rng.integers(5, 11)), bars)


def _hill(image: np.ndarray, rng: Rng, level: float) -> None:
    """Trees or grass below an uneven line."""
    edge = level + rng.uniform(0.02, 0.1) * clouds(image, rng, 3, 2)[:1]
    colour = hsv(rng.uniform(0.18, 0.4), rng.uniform(0.15, 0.6), rng.uniform(0.2, 0.7))
    share = np.clip((slope_down(image) - edge) * 60 + 0.5, 0, 1)
    image += (colour * (1 + 0.2 * clouds(image, rng, 12, 2)) - image) * share


def _houses(image: np.ndarray, rng: Rng, level: float) -> None:
    """Walls with windows, side by side."""
    rows, columns = image.shape[:2]
    left = 0
    while left < columns:
        right = left + int(rng.integers(16, 60))
        top = int(rows * np.clip(level + rng.uniform(-0.25, 0.1), 0.05, 0.95))
        colour = hsv(rng.random(), rng.uniform(0, 0.35), rng.uniform(0.25, 0.9))
        image[top:, left:right] = colour
        for y in range(top + 5, rows, 14):
            for x in range(left + 4, min(right, columns) - 5, 11):
                image[y : y + 7, x : x + 5] = colour * rng.uniform(0.3, 0.7)
        left = right


# --- Pictures on a wall ---


def palette_of(rng: Rng) -> np.ndarray:
    """A picture's colours, (5, 3), around one hue."""
    hue = rng.random()
    return np.stack(
        [
            hsv(hue + rng.normal(0, 0.15), rng.uniform(0.1, 0.9), rng.uniform(0.15, 0.95))
            for _ in range(5)
        ]
    )


def abstract(image: np.ndarray, rng: Rng) -> None:
    """Ellipses and polygons in a few colours."""
    rows, columns = image.shape[:2]
    palette = palette_of(rng)
    image[:] = palette[0]
    for _ in range(int(rng.integers(4, 20))):
        colour = (palette[rng.integers(5)] * rng.uniform(0.8, 1.2)).tolist()
        centre = rng.random(2) * (columns, rows)
        axes = (rng.uniform(0.04, 0.35, 2) * min(rows, columns)).tolist()
        if rng.random() < 0.5:
            box = (centre.tolist(), axes, float(rng.uniform(0, 180)))
            cv2.ellipse(image, box, colour, -1, cv2.LINE_AA)
        else:
            corners = centre + rng.standard_normal((4, 2)) * axes
            cv2.fillConvexPoly(image, cv2.convexHull(corners.astype(np.int32)), colour, cv2.LINE_AA)


def landscape(image: np.ndarray, rng: Rng) -> None:
    """Sky above bands of land or water."""
    palette = palette_of(rng)
    image[:] = palette[0] + (palette[1] - palette[0]) * slope_down(image)
    image += 0.1 * clouds(image, rng)
    level = rng.uniform(0.3, 0.6)
    for colour in palette[2:]:
        edge = level + rng.uniform(0.01, 0.08) * clouds(image, rng, 2, 2)[:1]
        share = np.clip((slope_down(image) - edge) * 50 + 0.5, 0, 1)
        image += (colour * (1 + 0.1 * clouds(image, rng, 6, 2)) - image) * share
        level += rng.uniform(0.1, 0.3)


def geometric(image: np.ndarray, rng: Rng) -> None:
    """Rectangles in a grid of uneven lines."""
    rows, columns = image.shape[:2]
    palette = np.concatenate([palette_of(rng), [[0.9, 0.9, 0.86]] * 3])
    across, down = (
        np.sort(rng.integers(0, n, rng.integers(1, 6))).tolist() for n in (columns, rows)
    )
    for left, right in zip([0, *across], [*across, columns], strict=True):
        for top, bottom in zip([0, *down], [*down, rows], strict=True):
            image[top:bottom, left:right] = palette[rng.integers(len(palette))]
    if rng.random() < 0.5:
        for x in across:
            cv2.line(image, (x, 0), (x, rows), (0.05, 0.05, 0.05), 3)
        for y in down:
            cv2.line(image, (0, y), (columns, y), (0.05, 0.05, 0.05), 3)


def portrait(image: np.ndarray, rng: Rng) -> None:
    """A head and shoulders before a plain ground."""
    rows, columns = image.shape[:2]
    palette = palette_of(rng)
    image[:] = palette[0] * (1 + 0.12 * clouds(image, rng))
    skin = hsv(rng.uniform(0.03, 0.1), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.9)).tolist()
    hair, x, size = (palette[2] * 0.5).tolist(), columns // 2, min(rows, columns)
    y = round(rows * 0.42)
    shapes = [(palette[1].tolist(), rows, 0.42, 0.42), (hair, y - size // 20, 0.2, 0.25)]
    for colour, centre, wide, high in [*shapes, (skin, y, 0.15, 0.2)]:
        axes = round(size * wide), round(size * high)
        cv2.ellipse(image, (x, centre), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)


def poster(image: np.ndarray, rng: Rng) -> None:
    """A heading, a figure and lines of text."""
    rows, columns = image.shape[:2]
    palette = palette_of(rng)
    image[:] = palette[0] if rng.random() < 0.4 else (0.9, 0.89, 0.85)
    colour = (palette[1] * 0.6).tolist()
    cv2.rectangle(image, (columns // 6, rows // 10), (columns * 5 // 6, rows // 5), colour, -1)
    middle = (columns // 2, round(rows * 0.47))
    cv2.circle(image, middle, round(min(rows, columns) * 0.2), palette[2].tolist(), -1, cv2.LINE_AA)
    for y in range(round(rows * 0.74), round(rows * 0.93), 9):
        end = round(columns * rng.uniform(0.5, 0.88))
        cv2.line(image, (columns // 7, y), (end, y), (0.3, 0.3, 0.3), 2)


PICTURES: list[Callable[[np.ndarray, Rng], None]] = [
    abstract,
    landscape,
    landscape,
    geometric,
    portrait,
    poster,
]


def picture(image: np.ndarray, rng: Rng) -> None:
    """A picture of some kind, often with a border of paper, always with a frame."""
    PICTURES[rng.integers(len(PICTURES))](image, rng)
    if rng.random() < 0.4:
        draw_frame(image, np.array([0.92, 0.91, 0.88]), int(rng.integers(20, 60)))
    frame = hsv(rng.uniform(0.05, 0.12), rng.uniform(0, 0.6), rng.choice([0.1, 0.35, 0.6, 0.9]))
    draw_frame(image, frame, int(rng.integers(6, 20)))
