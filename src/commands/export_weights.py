"""The command export-weights: a checkpoint's weights for others, or in the paper's layout."""

import argparse
from pathlib import Path

from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """Export, and say from where."""
    options = parse(arguments)
    from ..models.export import export_published, export_weights
    from ..models.places import find_checkpoint

    output, weights = options.output, options.weights
    checkpoint = options.checkpoint or find_checkpoint(options.instance_data)
    if output.suffix == ".pth":
        if options.half or weights != "ema" or options.first_stage:
            raise ValueError(
                "--half, --weights and --first-stage are for .safetensors; "
                "a .pth holds raw and averaged weights as they are"
            )
        export_published(checkpoint, output)
    else:
        export_weights(
            checkpoint,
            output,
            options.instance_data,
            weights=weights,
            half=options.half,
            first_stage=options.first_stage,
        )
    print(f"{output}: from {checkpoint}, {output.stat().st_size / 1e6:.1f} MB")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Export the denoiser of a training checkpoint. FILE.safetensors holds one set "
        "of weights and the model's settings, and every command here loads it. FILE.pth has the "
        "layout of the paper's code."
    )
    text = "to write: .safetensors, or .pth for the paper's layout"
    parser.add_argument("output", type=Path, metavar="FILE", help=text)
    text = "default: found in --instance-data"
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help=text)
    text = "for .safetensors: averaged or last weights (default: ema)"
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema", help=text)
    text = "for .safetensors: half precision, half the size"
    parser.add_argument("--half", action="store_true", help=text)
    text = "for .safetensors: also write the first stage there, in the same folder"
    parser.add_argument("--first-stage", type=Path, metavar="FILE", help=text)
    add_instance_data(parser)
    return parser.parse_args(arguments)
