"""Random numbers that depend on what they are for, not on when or where they are drawn."""

import zlib

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """A random generator of its own for a key such as (seed, "noise", sample number).

    Equal keys give equal numbers in every process and on every restart; different keys give
    independent streams. Words enter as their CRC-32. Integers must be >= 0.
    """
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng(numbers)
