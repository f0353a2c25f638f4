"""The precision of a network's arithmetic."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PRECISIONS = ("float32", "bfloat16", "float16")


def check_precision(name: str) -> None:
    """Raise ValueError for a name that is not in PRECISIONS."""
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r}: expected one of {', '.join(PRECISIONS)}")


def autocast(device: "torch.device", precision: str) -> AbstractContextManager:
    """The context in which a network computes in a precision of PRECISIONS on this device."""
    import torch  # late: commands need the names alone, and must start quickly

    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))
