"""Sequences for chunks, of plain pictures that say which frame they are."""

import numpy as np

from photonvs.datasets.chunk_files import make_record

SIZE = 16
LENGTHS = {"b": 6, "a": 4, "c": 5}  # poses of each sequence


def poses_of(length: int, shift: float) -> np.ndarray:
    """Poses (length, 4, 4) of a camera that moves to the right."""
    poses = np.tile(np.eye(4), (length, 1, 1))
    poses[:, 0, 3] = shift + 0.1 * np.arange(length)
    return poses


def picture(key: str, frame: int) -> np.ndarray:
    """One colour that says which sequence and frame it is."""
    return np.full((SIZE, SIZE, 3), (40 * "abc".index(key) + 60, 20 * frame + 40, 128), np.uint8)


def record(key: str, **changes: object) -> dict[str, object]:
    """The sequence of this key; changes: of its entries."""
    count = LENGTHS[key]
    images = [picture(key, frame) for frame in range(count)]
    url, times = f"https://x.invalid/watch?v=video-{key}", 1000 * np.arange(count)
    poses = poses_of(count, "abc".index(key))
    return make_record(key, url, times, poses, (0.9, 0.9, 0.5, 0.5), images) | changes
