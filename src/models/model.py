"""A score network with the first stage that goes with it, opened together."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..utils.files import fingerprint
from .denoiser import Denoiser
from .places import find_denoiser, first_stage_of
from .weights import load_denoiser, open_first_stage


@dataclass(frozen=True)
class Model:
    """Both networks, in eval mode on one device."""

    denoiser: Denoiser
    first_stage: nn.Module
    file: Path  # of the score network's weights
    identity: dict  # plain values that identify the weights: names and hashes of the files


def open_model(
    instance_data: Path,
    checkpoint: Path | None = None,
    *,
    epoch: int | None = None,
    first_stage: Path | None = None,
    weights: str = "ema",
    device: str | torch.device = "cpu",
) -> Model:
    """The model in these files, or what `instance_data` has, or what comes with photonvs (`places`).

    epoch: of a checkpoint in `instance_data`. weights: "ema" (averages) or "raw" (as the optimizer left them).
    Raises FileNotFoundError or ValueError, in one line.
    """
    path = checkpoint or find_denoiser(instance_data, epoch)
    denoiser = load_denoiser(path, weights=weights, device=device)
    identity = {"kind": weights, "denoiser": _identity(path)}
    if denoiser.config.first_stage.kind == "vqgan":
        first_stage = first_stage or first_stage_of(denoiser.config, instance_data)
        identity["first_stage"] = _identity(first_stage)
        denoiser.config.data.first_stage = str(first_stage.resolve())
    opened = open_first_stage(denoiser.config, instance_data).to(device)
    return Model(denoiser, opened, path, identity)


def _identity(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": fingerprint(path)}
