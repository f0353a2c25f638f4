"""Denormal numbers, flushed to zero for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat denormal numbers as zero, since they slow CPUs many times.

    Afterwards they are numbers again: the setting belongs to the process, and other libraries rely
    on them.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
