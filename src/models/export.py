"""A checkpoint's weights as a small file for others, or in the layout of the paper's code."""

from pathlib import Path

import torch

from ..model_config import ModelConfig
from ..utils.checkpoint import load_checkpoint, save_checkpoint
from .choosing import choose_first_stage
from .motion import motion_of
from .weights import load_denoiser, load_first_stage, named_first_stage, save_weights


def export_weights(
    checkpoint: Path,
    output: Path,
    instance_data: Path,
    *,
    weights: str = "ema",
    half: bool = False,
    first_stage: Path | None = None,
) -> None:
    """Write the denoiser of a training checkpoint to `output`, a .safetensors file.

    weights: "ema" (averages) or "raw" (as the optimizer left them). half: in half precision.
    first_stage: also write the first stage that goes with it there, in the same folder. The
    denoiser's file then names it; it also names the training's first stage where that lies in the
    folder of `output`. Raises ValueError or FileNotFoundError.
    """
    if first_stage and first_stage.resolve().parent != output.resolve().parent:
        raise ValueError(
            f"first stage {first_stage}: expected a file in the folder of {output}, "
            "since the denoiser's file says its name, not its place"
        )
    denoiser = load_denoiser(checkpoint, weights)
    dtype = torch.float16 if half else None
    trained_with = named_first_stage(checkpoint)
    if first_stage:
        settings = denoiser.config.first_stage
        opened = load_first_stage(trained_with or choose_first_stage(settings, instance_data))
        save_weights(first_stage, opened, dtype)
    elif trained_with and trained_with.resolve().parent == output.resolve().parent:
        first_stage = trained_with
    name = first_stage and first_stage.name
    save_weights(output, denoiser, dtype, name, motion_of(checkpoint))


def export_published(checkpoint: Path, output: Path) -> None:
    """Write a training checkpoint as the paper's code saves its own.

    It has the names of DistributedDataParallel, and the sampler's state. Raises ValueError for a
    model that is not the published one, which that code cannot build.
    """
    state = load_checkpoint(checkpoint)
    config, published = load_denoiser(checkpoint, weights="raw").config, ModelConfig()
    for section in ("first_stage", "denoiser", "diffusion"):
        if getattr(config, section) != getattr(published, section):
            raise ValueError(
                f"{checkpoint}: its settings of {section} are not the published ones, which the "
                "paper's code needs"
            )
    wrapped = {_wrapped(name): tensor for name, tensor in state["score_sde_model"].items()}
    sampler = {"index": 0, "epoch": state["epoch"]}
    kept = {name: state[name] for name in ("epoch", "total_iterations", "optimizer", "ema")}
    save_checkpoint(output, {**kept, "score_sde_model": wrapped, "training_data_sampler": sampler})


def _wrapped(name: str) -> str:
    module, rest = name.split(".", 1)
    return f"{module}.module.{rest}"
