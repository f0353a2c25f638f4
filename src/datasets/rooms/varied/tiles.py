"""Patterns that repeat without a seam: paint, wood, tiles, cloth, stone.

(TILE, TILE, 3) float32 in [0, 1].
"""

import colorsys
from collections.abc import Callable

import cv2
import numpy as np

TILE = 256  # texels a side
Colour = np.ndarray  # (3,) RGB in [0, 1], as displayed
Rng = np.random.Generator

_FREQUENCIES = (
    np.fft.rfftfreq(TILE, 1 / TILE),
    np.fft.fftfreq(TILE, 1 / TILE),
)  # x, y: cycles a tile


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (turns), saturation and value in [0, 1]."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, *np.clip([saturation, value], 0, 1)), np.float32)


def noise(rng: Rng, coarse: float = 2.0, slope: float = 2.0, stretch: float = 1.0) -> np.ndarray:
    """Seamless noise (TILE, TILE) float32, mean 0, standard deviation 1.

    coarse: cycles a tile where it is strongest. slope: how fast finer detail fades. stretch: how
    much longer it is along x.
    """
    x, y = _FREQUENCIES
    radius = (x * np.sqrt(stretch)) ** 2 + (y[:, None] / np.sqrt(stretch)) ** 2
    amplitude = (coarse**2 + radius).astype(np.float32) ** np.float32(-slope / 2)
    amplitude[0, 0] = 0
    waves = rng.standard_normal((2, *radius.shape), np.float32) * amplitude
    image = np.fft.irfft2(waves[0] + 1j * waves[1], (TILE, TILE)).astype(np.float32)
    return image / max(float(image.std()), 1e-9)


def _mix(first: Colour, second: Colour, share: np.ndarray) -> np.ndarray:
    """Between two colours, by share (TILE, TILE) in [0, 1]."""
    return first + (np.asarray(second) - first) * share[..., None]


def _lines() -> tuple[np.ndarray, np.ndarray]:
    """x as (1, TILE) and y as (TILE, 1), in tiles."""
    line = (np.arange(TILE, dtype=np.float32) + 0.5) / TILE
    return line[None, :], line[:, None]


def _step(x: np.ndarray, width: float = 0.15) -> np.ndarray:
    """0 below zero, 1 above, soft over `width`."""
    return np.clip(x / width + 0.5, 0, 1)


def _relative(rng: Rng, colour: Colour, low: float = 0.45, high: float = 0.85) -> Colour:
    """A darker or lighter colour of a similar hue."""
    factor = rng.uniform(low, high)
    other = colour * factor if rng.random() < 0.6 else 1 - (1 - colour) * factor
    return np.clip(other + 0.05 * rng.standard_normal(3), 0.03, 0.97).astype(np.float32)


# --- Surfaces of one colour ---


def paint(rng: Rng, colour: Colour) -> np.ndarray:
    """Almost one colour."""
    return colour * (1 + rng.uniform(0.003, 0.016) * noise(rng, 2, 1.7))[..., None]


def carpet(rng: Rng, colour: Colour) -> np.ndarray:
    """Short pile: soft grain and faint clouds."""
    return colour * (1 + 0.05 * noise(rng, 40, 2.5) + 0.03 * noise(rng, 3, 2.5))[..., None]


def weave(rng: Rng, colour: Colour) -> np.ndarray:
    """Threads across each other."""
    x, y = _lines()
    threads = int(rng.integers(16, 33))
    cloth = np.sin(2 * np.pi * threads * x) * np.sin(2 * np.pi * threads * y)
    return colour * (1 + 0.09 * cloth + 0.05 * noise(rng, 8, 2))[..., None]


# --- Wood ---


def wood(rng: Rng, colour: Colour) -> np.ndarray:
    """Fibres along x, with growth rings."""
    _, y = _lines()
    rings = int(rng.integers(3, 14))
    bend = rng.uniform(0.1, 0.6) * noise(rng, 1.5, 3, 6)
    grain = 0.5 + 0.5 * np.sin(2 * np.pi * (rings * y + bend))
    tone = 1 - rng.uniform(0.08, 0.3) * grain**2
    return colour * (tone + 0.05 * noise(rng, 5, 1.8, 25))[..., None]


def planks(rng: Rng, colour: Colour) -> np.ndarray:
    """Boards along x, each of its own tone."""
    rows, columns = int(rng.integers(4, 11)), int(rng.integers(1, 4))
    image = wood(rng, colour) if rng.random() < 0.6 else paint(rng, colour)
    return image * _cell_tones(rng, rows, columns, rng.random(rows), rng.uniform(0.04, 0.16), 0.45)


def parquet(rng: Rng, colour: Colour) -> np.ndarray:
    """Squares of strips that lie along x and along y in turn."""
    count, strips = int(rng.choice([2, 4])), int(rng.integers(3, 6))
    along = wood(rng, colour) * _cell_tones(
        rng, count * strips, count, np.zeros(count * strips), 0.1, 0.5
    )
    x, y = _lines()
    odd = ((np.floor(x * count) + np.floor(y * count)) % 2).astype(np.float32)
    return np.where(odd[..., None] > 0, along, along.transpose(1, 0, 2))


def _cell_tones(
    rng: Rng, rows: int, columns: int, shifts: np.ndarray, jitter: float, joint: float
) -> np.ndarray:
    """Tones of cells (TILE, TILE, 3), each row moved by its shift, in cells; joint: of the gaps."""
    x, y = _lines()
    row = np.floor(y * rows).astype(int)[:, 0]
    across = x * columns + np.asarray(shifts, np.float32)[row][:, None]
    column = np.floor(across).astype(int) % columns
    tones = 1 + jitter * (
        rng.standard_normal((rows, columns, 1)) + 0.25 * rng.standard_normal((rows, columns, 3))
    )
    image = tones.astype(np.float32)[row[:, None], column]
    width = rng.uniform(0.8, 2.2) / TILE  # of a joint, tiles
    from_side = np.abs(across - np.round(across)) / columns
    from_row = np.abs(y * rows - np.round(y * rows)) / rows
    gap = _step(width / 2 - np.minimum(from_side, from_row), 1.5 / TILE)
    return image * (1 + (joint - 1) * gap)[..., None]


# --- Stone and ceramics ---


def blocks(rng: Rng, colour: Colour) -> np.ndarray:
    """Tiles or bricks with joints."""
    rows = int(rng.integers(2, 11))
    columns = max(1, int(rows * rng.choice([1, 1, 0.5, 0.4])))
    stagger = rng.choice([0, 0, 0.5]) * np.arange(rows)
    image = colour * (1 + rng.uniform(0.01, 0.09) * noise(rng, 6, 2))[..., None]
    return image * _cell_tones(
        rng, rows, columns, stagger, rng.uniform(0, 0.12), rng.choice([0.55, 0.75, 1.25])
    )


def checker(rng: Rng, colour: Colour) -> np.ndarray:
    """Squares of two colours in turn."""
    x, y = _lines()
    count = 2 * int(rng.integers(1, 5))
    odd = (np.floor(x * count) + np.floor(y * count)) % 2
    image = _mix(colour, _relative(rng, colour, 0.2, 0.85), odd)
    return image * (1 + 0.03 * noise(rng, 5, 2))[..., None]


def marble(rng: Rng, colour: Colour) -> np.ndarray:
    """Clouds and veins."""
    veins = np.exp(-np.abs(noise(rng, 2, 3)) * rng.uniform(5, 14))
    image = colour * (1 + 0.05 * noise(rng, 2, 2.5))[..., None]
    return image * (1 - rng.uniform(0.15, 0.5) * veins)[..., None]


def terrazzo(rng: Rng, colour: Colour) -> np.ndarray:
    """Chips of other colours."""
    image = np.broadcast_to(colour, (TILE, TILE, 3)).copy()
    for _ in range(int(rng.integers(2, 5))):
        chips = _step(noise(rng, rng.uniform(9, 18), 4) - rng.uniform(1.1, 1.7), 0.25)
        image += (_relative(rng, colour, 0.3, 0.8) - image) * chips[..., None]
    return image


# --- Cloth and wallpaper of several colours ---


def stripes(rng: Rng, colour: Colour) -> np.ndarray:
    """Bands along y of two to four colours, of random widths."""
    colours = [colour, *(_relative(rng, colour, 0.3, 0.9) for _ in range(rng.integers(1, 4)))]
    period, repeats = rng.uniform(0.3, 1.0, len(colours)), int(rng.integers(1, 9))
    edges = np.cumsum(period) / period.sum()
    x, _ = _lines()
    band = np.searchsorted(edges, (x[0] * repeats) % 1, side="right").clip(0, len(colours) - 1)
    line = np.stack(colours)[band]
    line = (np.roll(line, 1, 0) + line + np.roll(line, -1, 0)) / 3  # softer edges
    return np.repeat(line[None], TILE, axis=0) * (1 + 0.02 * noise(rng, 8, 2))[..., None]


def plaid(rng: Rng, colour: Colour) -> np.ndarray:
    """Bands both ways."""
    bands = stripes(rng, colour)
    return (bands + bands.transpose(1, 0, 2)) / 2


def motifs(rng: Rng, colour: Colour) -> np.ndarray:
    """One small figure again and again: dots, diamonds, rings, crosses or flowers."""
    count = int(rng.choice([2, 4, 8]))
    side = TILE // count
    cell = np.broadcast_to(colour, (side, side, 3)).astype(np.float32).copy()
    places = [side // 2] if rng.random() < 0.5 else [0, side // 2]  # of the middles, both ways
    for place in places:
        kind, radius = int(rng.integers(5)), max(1, round(side * rng.uniform(0.12, 0.3)))
        tone = np.clip(1 - colour * rng.uniform(0.4, 1), 0.1, 0.9).tolist()
        for x in (place, place + side):
            for y in (place, place + side):
                _figure(cell, (x, y), radius, kind, tone)
    return np.tile(cell, (count, count, 1)) * (1 + 0.02 * noise(rng, 8, 2))[..., None]


def _figure(
    image: np.ndarray, middle: tuple[int, int], radius: int, kind: int, tone: list[float]
) -> None:
    """Draw one of five figures."""
    x, y = middle
    if kind == 0:
        cv2.circle(image, middle, radius, tone, -1, cv2.LINE_AA)
    elif kind == 1:
        corners = np.array([[x, y - radius], [x + radius, y], [x, y + radius], [x - radius, y]])
        cv2.fillConvexPoly(image, corners, tone, cv2.LINE_AA)
    elif kind == 2:
        cv2.circle(image, middle, radius, tone, max(1, radius // 3), cv2.LINE_AA)
    elif kind == 3:
        cv2.line(image, (x - radius, y), (x + radius, y), tone, max(1, radius // 2))
        cv2.line(image, (x, y - radius), (x, y + radius), tone, max(1, radius // 2))
    else:
        for turn in np.arange(5) * 2 * np.pi / 5:
            petal = round(x + radius * 0.6 * np.cos(turn)), round(y + radius * 0.6 * np.sin(turn))
            cv2.circle(image, petal, max(1, radius // 3), tone, -1, cv2.LINE_AA)


def waves(rng: Rng, colour: Colour) -> np.ndarray:
    """Zigzags or waves."""
    x, y = _lines()
    across, rows, height = (
        int(rng.integers(1, 7)),
        int(rng.integers(3, 12)),
        rng.uniform(0.3, 1.2),
    )
    bend = (
        2 * np.abs((x * across) % 1 - 0.5)
        if rng.random() < 0.5
        else 0.5 * np.sin(2 * np.pi * across * x)
    )
    band = np.sin(2 * np.pi * (rows * y + height * bend))
    return _mix(colour, _relative(rng, colour), _step(band, 0.5))


def blotches(rng: Rng, colour: Colour) -> np.ndarray:
    """Leaves, clouds or stains of two or three tones."""
    coarse = rng.uniform(2, 9)
    image = np.broadcast_to(colour, (TILE, TILE, 3)).copy()
    for _ in range(int(rng.integers(1, 3))):
        share = _step(noise(rng, coarse, 3.5) - rng.uniform(0, 0.8), 0.3)
        image += (_relative(rng, colour, 0.4, 0.9) - image) * share[..., None]
    return image


Pattern = Callable[[Rng, Colour], np.ndarray]
PLAIN: list[Pattern] = [paint, carpet, weave]
WOODEN: list[Pattern] = [planks, planks, parquet, wood]
STONE: list[Pattern] = [blocks, blocks, checker, marble, terrazzo]
PRINTED: list[Pattern] = [stripes, plaid, motifs, waves, blotches]


def tile(pattern: Pattern, colour: Colour, rng: Rng, strength: float = 1.0) -> np.ndarray:
    """A pattern as (TILE, TILE, 3) uint8.

    strength: how far it differs from its mean, 1: as painted.
    """
    image = pattern(rng, np.asarray(colour, np.float32))
    mean = image.mean((0, 1))
    return (np.clip(mean + strength * (image - mean), 0.02, 0.98) * 255 + 0.5).astype(np.uint8)
