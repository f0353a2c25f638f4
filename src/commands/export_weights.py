"""The command export-weights: a training checkpoint as a small file for others, or in the paper's layout."""

import argparse
from pathlib import Path

import torch

from ..models import first_stage_of, load_denoiser, load_first_stage, save_weights
from ..models.export import _place, _without_places, export_published
from ..models.places import find_checkpoint
from .options import add_instance_data


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
