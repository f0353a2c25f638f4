"""What several rows of `suite.py` are made of."""

import atexit
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from photonvs.config import ModelConfig
from photonvs.models import Denoiser, build_denoiser


class Row(NamedTuple):
    """What is timed. `ours` and `reference` do the same work."""

    ours: Callable[[], object]
    reference: Callable[[], object] | None = None
    beside: str = ""  # what the reference is
    teraflops: float | None = None  # of ours


def published_denoiser(device: torch.device) -> Denoiser:
    """The published network with random weights, none of them near nothing."""
    torch.manual_seed(0)
    denoiser = build_denoiser(ModelConfig()).eval().requires_grad_(False)
    for parameter in denoiser.parameters():
        if parameter.abs().max() < 1e-4:
            torch.nn.init.normal_(parameter, std=0.02)
    return denoiser.to(device)


def scratch_folder() -> Path:
    """A folder that is there until the process ends."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    return Path(kept.name)
