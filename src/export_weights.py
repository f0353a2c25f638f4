"""The command export-weights: a training checkpoint as a small file for others, or in the paper's own layout."""

import argparse
from pathlib import Path

import torch

from .config import Config
from .models import load_denoiser, save_weights
from .utils.checkpoint import find_denoiser, load_checkpoint, save_checkpoint
from .utils.command_line import add_instance_data


def export_published(checkpoint: Path, output: Path) -> None:
    """Write a training checkpoint as the paper's code saves its own: names of DistributedDataParallel, sampler state.

    Raises ValueError for a model that is not the published one, which that code cannot build.
    """
    state = load_checkpoint(checkpoint)
    config, published = load_denoiser(checkpoint, weights="raw").config, Config()
    for section in ("first_stage", "denoiser", "diffusion"):
        if getattr(config, section) != getattr(published, section):
            raise ValueError(
                f"{checkpoint}: its settings of {section} are not the published ones, which the paper's code needs"
            )
    wrapped = {_wrapped(name): tensor for name, tensor in state["score_sde_model"].items()}
    sampler = {"index": 0, "epoch": state["epoch"]}
    kept = {name: state[name] for name in ("epoch", "total_iterations", "optimizer", "ema")}
    save_checkpoint(output, {**kept, "score_sde_model": wrapped, "training_data_sampler": sampler})


def _wrapped(name: str) -> str:
    module, rest = name.split(".", 1)
    return f"{module}.module.{rest}"


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/export-weights.py."""
    parser = argparse.ArgumentParser(
        description="Export the score network of a training checkpoint: to FILE.safetensors (one set of weights with the "
        "settings inside; every command here loads it), or to FILE.pth in the layout of the paper's code."
    )
    parser.add_argument("output", type=Path, metavar="FILE", help="to write: .safetensors, or .pth for the paper's layout")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="default: found in --instance-data")
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema", help="for .safetensors: which (default: ema)")
    parser.add_argument("--half", action="store_true", help="for .safetensors: half precision, half the size")
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    checkpoint = options.checkpoint or find_denoiser(options.instance_data)
    if options.output.suffix == ".pth":
        if options.half or options.weights != "ema":
            raise ValueError("--half and --weights are for .safetensors; a .pth holds raw and averaged weights as they are")
        export_published(checkpoint, options.output)
    else:
        denoiser = load_denoiser(checkpoint, options.weights)
        save_weights(options.output, denoiser, torch.float16 if options.half else None)
    print(f"{options.output}: from {checkpoint}, {options.output.stat().st_size / 1e6:.1f} MB")
