"""Compiling the score network for the machine that it runs on."""

import torch

from ..utils.distributed import device_of
from ..utils.words import first_line
from .denoiser import Denoiser


def compile_network(denoiser: Denoiser) -> None:
    """Have torch compile the score network when it is first evaluated, which may take minutes.

    Another number of pairs in an evaluation may make it compile once more. Results are the same up
    to rounding. On CUDA all of an evaluation becomes one CUDA graph. Raises ValueError, in one
    line, where nothing can be compiled, say for want of a C++ compiler.
    """
    device = device_of(denoiser)
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    try:
        torch.compile(_trial)(torch.ones(2, device=device))
    except RuntimeError as error:
        raise ValueError(
            f"torch.compile does not work here ({first_line(error)}); go on without --compile"
        ) from error
    denoiser.score_model.compile(mode=mode)


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x + 1
