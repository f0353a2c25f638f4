"""Random numbers that depend on what they are for, not on when or where they are drawn."""

import zlib

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """A random generator of its own for a key such as (seed, "noise", sample number).

    Equal keys give equal numbers in every process and on every restart; different keys give independent streams.
    Words enter as their CRC-32, integers must be >= 0.
    """
    return np.random.default_rng(
        [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    )
