"""The command export-weights: a training checkpoint as a small file for others, or in the paper's own layout."""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from .config import Config, DataConfig
from .models import first_stage_of, load_denoiser, load_first_stage, save_weights
from .utils.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from .utils.command_line import add_instance_data
from .utils.files import REPOSITORY


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


def _without_places(config: Config) -> None:
    """Take out where the training's data lay: nobody else has it there. How pairs were chosen stays."""
    data = DataConfig()
    config.data = replace(
        config.data,
        poses=data.poses,
        videos=data.videos,
        chunks=None,
        latents=None,
        validation=None,
    )
    config.training.initial_weights = None


def _place(path: Path) -> str:
    """A path as settings name it: relative to the repository where it lies in it."""
    path = path.resolve()
    return str(path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path)


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/export-weights.py."""
    parser = argparse.ArgumentParser(
        description="Export the score network of a training checkpoint: to FILE.safetensors (one set of weights with the "
        "settings inside; every command here loads it), or to FILE.pth in the layout of the paper's code."
    )
    parser.add_argument(
        "output",
        type=Path,
        metavar="FILE",
        help="to write: .safetensors, or .pth for the paper's layout",
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="default: found in --instance-data"
    )
    parser.add_argument(
        "--weights",
        choices=("ema", "raw"),
        default="ema",
        help="for .safetensors: which (default: ema)",
    )
    parser.add_argument(
        "--half", action="store_true", help="for .safetensors: half precision, half the size"
    )
    text = "with .safetensors: write the first stage that goes with it there, and note the place in the settings"
    parser.add_argument("--first-stage", type=Path, metavar="FILE", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    checkpoint = options.checkpoint or find_checkpoint(options.instance_data)
    if options.output.suffix == ".pth":
        if options.half or options.weights != "ema" or options.first_stage:
            raise ValueError(
                "--half, --weights and --first-stage are for .safetensors; a .pth holds raw and averaged weights as they are"
            )
        export_published(checkpoint, options.output)
    else:
        denoiser = load_denoiser(checkpoint, options.weights)
        _without_places(denoiser.config)
        dtype = torch.float16 if options.half else None
        if options.first_stage:
            first_stage = load_first_stage(first_stage_of(denoiser.config, options.instance_data))
            save_weights(options.first_stage, first_stage, dtype)
            denoiser.config.data.first_stage = _place(options.first_stage)
        save_weights(options.output, denoiser, dtype)
    print(f"{options.output}: from {checkpoint}, {options.output.stat().st_size / 1e6:.1f} MB")
