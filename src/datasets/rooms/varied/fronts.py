"""What furniture, doors, curtains and rugs look like from the front.

(height, width, 3) in [0, 1].
"""

import cv2
import numpy as np

from .pictures import clouds, draw_frame, landscape, palette_of, slope_down
from .tiles import Rng, hsv


def _panel(
    image: np.ndarray, left: float, top: float, right: float, bottom: float, deep: float
) -> None:
    """A raised panel; edges as shares of the image."""
    rows, columns = image.shape[:2]
    first = (round(left * columns), round(top * rows))
    last = (round(right * columns), round(bottom * rows))
    tone = image[rows // 2, columns // 2]
    cv2.rectangle(image, first, last, (tone * deep).tolist(), 3)
    light = np.minimum(tone * 1.15, 1).tolist()
    cv2.rectangle(image, (first[0] + 3, first[1] + 3), (last[0] + 2, last[1] + 2), light, 1)


def door(image: np.ndarray, rng: Rng) -> None:
    """Panels or glass, and a handle."""
    rows, columns = image.shape[:2]
    down, across = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    if rng.random() < 0.8:
        for x in range(across):
            for y in range(down):
                left, top = 0.1 + 0.82 * x / across, 0.05 + 0.92 * y / down
                right, bottom = left + 0.82 / across - 0.08, top + 0.92 / down - 0.05
                _panel(image, left, top, right, bottom, 0.6)
    metal = (0.75, 0.72, 0.6) if rng.random() < 0.6 else (0.15, 0.15, 0.15)
    place = (round(0.9 * columns), round(0.52 * rows))
    cv2.line(image, place, (place[0] - columns // 9, place[1]), metal, 4)


def drawers(image: np.ndarray, rng: Rng) -> None:
    """Drawers or cupboard doors with knobs."""
    rows, columns = image.shape[:2]
    across, down = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    knob = hsv(0.1, rng.uniform(0, 0.5), rng.choice([0.12, 0.5, 0.85])).tolist()
    tone = image[0, 0].copy()
    for x in range(across):
        for y in range(down):
            left, top = round(x * columns / across), round(y * rows / down)
            right, bottom = round((x + 1) * columns / across), round((y + 1) * rows / down)
            cv2.rectangle(image, (left, top), (right, bottom), (tone * 0.45).tolist(), 3)
            middle = ((left + right) // 2, top + (bottom - top) // 3)
            cv2.circle(image, middle, 4, knob, -1, cv2.LINE_AA)


def books(image: np.ndarray, rng: Rng) -> None:
    """Backs of books, side by side, of several heights."""
    rows, columns = image.shape[:2]
    image[:] = 0.06
    left = 0
    while left < columns:
        right = left + int(rng.integers(6, 18))
        colour = hsv(rng.random(), rng.uniform(0, 0.85), rng.uniform(0.15, 0.9))
        top = round(rows * rng.uniform(0, 0.3))
        image[top:, left:right] = colour
        band = top + round((rows - top) * rng.uniform(0.1, 0.7))
        image[band : band + max(2, rows // 9), left:right] = np.clip(colour * 0.5 + 0.4, 0, 1)
        image[top:, right - 1 : right] *= 0.4
        left = right


def screen(image: np.ndarray, rng: Rng) -> None:
    """A television or monitor, dark or showing something."""
    image[:] = 0.03 + 0.05 * slope_down(image)
    if rng.random() < 0.4:
        landscape(image, rng)
    draw_frame(image, np.full(3, 0.05), 7)


def curtain(image: np.ndarray, rng: Rng) -> None:
    """Folds that hang down."""
    columns = image.shape[1]
    x = np.linspace(0, 1, columns, dtype=np.float32)
    folds = np.sin(2 * np.pi * (rng.uniform(4, 9) * x + 0.15 * np.sin(9 * x + rng.uniform(0, 6))))
    image *= (0.82 + 0.18 * folds)[None, :, None]


def slats(image: np.ndarray, rng: Rng) -> None:
    """Lines across, as of blinds and radiators."""
    rows = len(image)
    count = int(rng.integers(7, 18))
    tone = 0.85 + 0.15 * np.sin(2 * np.pi * count * np.arange(rows, dtype=np.float32) / rows)
    image *= tone[:, None, None]


def cooker(image: np.ndarray, rng: Rng) -> None:
    """An oven's glass below a row of knobs."""
    rows, columns = image.shape[:2]
    first, last = (columns // 8, rows // 3), (columns * 7 // 8, rows * 5 // 6)
    cv2.rectangle(image, first, last, (0.06, 0.06, 0.07), -1)
    cv2.line(image, (columns // 8, rows // 4), (columns * 7 // 8, rows // 4), (0.8, 0.8, 0.8), 4)
    for x in np.linspace(0.15, 0.85, 5):
        cv2.circle(image, (round(x * columns), rows // 9), 6, (0.15, 0.15, 0.15), -1, cv2.LINE_AA)


def rug(image: np.ndarray, rng: Rng) -> None:
    """Borders around a field with a medallion or lozenges."""
    rows, columns = image.shape[:2]
    palette = palette_of(rng)
    for number, inset in enumerate(np.cumsum(rng.integers(0, 16, 4))):
        first, last = (int(inset),) * 2, (columns - int(inset), rows - int(inset))
        cv2.rectangle(image, first, last, palette[number].tolist(), -1)
    for x in np.linspace(0.2, 0.8, int(rng.choice([1, 2, 3, 4]))) if rng.random() < 0.8 else ():
        centre = (round((x if x != 0.2 else 0.5) * columns), rows // 2)
        reach = np.array([columns * 0.12, rows * 0.28]) * rng.uniform(0.5, 1)
        points = centre + np.array([[-1, 0], [0, -1], [1, 0], [0, 1]]) * reach
        cv2.fillConvexPoly(image, points.astype(np.int32), palette[4].tolist(), cv2.LINE_AA)
        cv2.fillConvexPoly(
            image,
            (centre + (points - centre) * 0.5).astype(np.int32),
            palette[0].tolist(),
            cv2.LINE_AA,
        )
    image *= 1 + 0.05 * clouds(image, rng, 30, 2)
