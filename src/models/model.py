"""A denoiser with the first stage that goes with it, opened together."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..cameras.motion import Motion
from ..utils.files import fingerprint
from .choosing import choose_first_stage, open_first_stage
from .denoiser import Denoiser
from .motion import motion_of
from .places import find_denoiser
from .weights import load_denoiser, named_first_stage


@dataclass(frozen=True)
class Model:
    """Both networks, in eval mode on one device."""

    denoiser: Denoiser
    first_stage: nn.Module
    file: Path  # of the denoiser's weights
    identity: dict  # plain values that identify the weights: names and hashes of the files
    motion: Motion | None = None  # of the training's pairs, where the weights' file tells it


def open_model(
    instance_data: Path,
    checkpoint: Path | None = None,
    *,
    epoch: int | None = None,
    first_stage: Path | None = None,
    weights: str = "ema",
    device: str | torch.device = "cpu",
) -> Model:
    """The model in these files, or in `instance_data`, or else what comes with photonvs (`places`).

    epoch: of a checkpoint in `instance_data`. first_stage: default the one that the denoiser's file
    names, else one of its settings, in `instance_data` or shipped. weights: "ema" (averages) or
    "raw" (as the optimizer left them). Raises FileNotFoundError or ValueError, in one line.
    """
    path = checkpoint or find_denoiser(instance_data, epoch)
    denoiser = load_denoiser(path, weights=weights, device=device)
    identity = {"kind": weights, "denoiser": _identity(path)}
    settings = denoiser.config.first_stage
    if settings.kind == "vqgan":
        named = first_stage or named_first_stage(path)
        first_stage = named or choose_first_stage(settings, instance_data)
    opened = open_first_stage(settings, first_stage, instance_data)
    if settings.kind == "vqgan":
        identity["first_stage"] = _identity(first_stage)
    return Model(denoiser, opened.to(device), path, identity, motion_of(path))


def _identity(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": fingerprint(path)}
