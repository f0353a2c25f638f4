"""Options that several commands share, each declared once."""

import argparse
import os
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..diffusion.registry import DEFAULT_SAMPLER, SAMPLERS
from ..sampling.method import VIEWS, Method
from ..utils.cores import usable_cores
from ..utils.files import BASE
from ..utils.precision import PRECISIONS

if TYPE_CHECKING:
    from ..config import Config
    from ..models.model import Model
    from ..sampling.runs import Run


def add_instance_data(parser: argparse.ArgumentParser) -> None:
    """--instance-data, which all commands have."""
    parser.add_argument(
        "--instance-data",
        type=Path,
        default=BASE / "instance-data",
        metavar="DIR",
        help="folder of samples, checkpoints and logs (default: %(default)s)",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data, of the commands that make or convert training data."""
    parser.add_argument(
        "--data",
        type=Path,
        default=BASE / "dataset-data" / "data",
        metavar="DIR",
        help="folder of all data (default: %(default)s)",
    )


def add_shape(parser: argparse.ArgumentParser) -> None:
    """--shape, of frames with another shape than their cameras' images."""
    text = (
        "what frames show that have another shape than their cameras' images. "
        "cropped: the centre. squashed: all of it (default: such frames are refused)"
    )
    parser.add_argument("--shape", choices=("cropped", "squashed"), help=text)


def add_axes(parser: argparse.ArgumentParser) -> None:
    """--axes, of the commands that read cameras."""
    text = (
        "of the cameras of plain matrices. blender: x right, y up, looking along -z. opencv: x "
        "right, y down, looking along +z (default: %(default)s)"
    )
    parser.add_argument("--axes", choices=("blender", "opencv"), default="blender", help=text)


def add_unmatched(parser: argparse.ArgumentParser) -> None:
    """--allow-unmatched, of the commands that find the images of cameras."""
    text = "go on without cameras that have no image, and without images that have no camera"
    parser.add_argument("--allow-unmatched", action="store_true", help=text)


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device."""
    parser.add_argument("--device", help="for example cpu or cuda (default: a GPU if there is one)")


def add_compile(parser: argparse.ArgumentParser) -> None:
    """--compile, of the commands that draw many frames."""
    text = (
        "compile the score network first, by torch.compile. This takes a minute or more, and is "
        "meant for GPUs and many frames; frames are the same up to rounding"
    )
    parser.add_argument("--compile", action="store_true", help=text)


def add_workers(parser: argparse.ArgumentParser, text: str = "processes") -> None:
    """--workers, a number of at least 1; text: what there are so many of."""
    text, default = f"{text} (default: one a core)", usable_cores()
    parser.add_argument("--workers", type=_above_zero, default=default, metavar="N", help=text)


def _above_zero(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected at least 1")
    return int(text)


def add_settings(parser: argparse.ArgumentParser, preset: str) -> None:
    """--config and key=value, of the commands that follow settings."""
    text = "a preset's name or a YAML file (default: %(default)s)"
    parser.add_argument("--config", default=preset, help=text)
    text = "settings that replace the preset's"
    parser.add_argument("settings", nargs="*", metavar="key=value", help=text)


def parse_with_settings(
    parser: argparse.ArgumentParser, arguments: list[str] | None
) -> argparse.Namespace:
    """The options of a parser with `add_settings`, in any order around key=value.

    An unknown option ends the process with one line.
    """
    options, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        text = "expected one that --help lists, or a setting such as training.batch_size=8"
        parser.exit(2, f"{parser.prog}: error: {unknown[0]}: no such option; {text}\n")
    return options


def load_settings(options: argparse.Namespace) -> "Config":
    """The settings that the options of `add_settings` name; errors are those of `load_config`.

    Says on standard error where a relative path in them, or --latents, leaves the folder that such
    paths start at.
    """
    from ..config import load_config

    config = load_config(options.config, options.settings)
    values = [value for section in asdict(config).values() for value in section.values()]
    values.append(getattr(options, "latents", None))
    # Words that are no paths lie inside, and are not spoken of.
    for path in {value: None for value in values if isinstance(value, str)}:
        place = Path(os.path.normpath(BASE / path))
        if not Path(path).is_absolute() and not place.is_relative_to(BASE):
            print(f"{path}: paths in settings start at {BASE}, so this is {place}", file=sys.stderr)
    return config


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which weights to sample with: --checkpoint, --epoch, --first-stage, --weights."""
    group = parser.add_argument_group("weights")
    which = group.add_mutually_exclusive_group()
    text = "use the checkpoint of this epoch (default: published, else newest, else shipped)"
    which.add_argument("-e", "--epoch", type=int, help=text)
    text = "denoiser's weights (default: found in checkpoints/)"
    which.add_argument("--checkpoint", type=Path, metavar="FILE", help=text)
    text = (
        "first stage's weights (default: those that the denoiser's file names, else found in "
        "--instance-data, else shipped)"
    )
    group.add_argument("--first-stage", type=Path, metavar="FILE", help=text)
    text = "averaged or last weights of the checkpoint (default: ema)"
    group.add_argument("--weights", choices=("ema", "raw"), default="ema", help=text)


def open_chosen(options: argparse.Namespace, instance_data: Path) -> "Model":
    """The model that the options of `add_model` and `add_device` name, compiled for `add_compile`.

    The first process prints one line: which weights, what they are, and how to choose others.
    """
    from ..models.model import open_model
    from ..models.provenance import provenance
    from ..utils.distributed import this_process

    process = this_process(options.device)
    model = open_model(
        instance_data,
        options.checkpoint,
        epoch=options.epoch,
        first_stage=options.first_stage,
        weights=options.weights,
        device=process.device,
    )
    text = f"weights: {model.file}, {provenance(model.file)}"
    if process.leads:
        print(text if options.checkpoint else f"{text} (others: --checkpoint FILE)", flush=True)
    if getattr(options, "compile", False):
        from ..models.compiling import compile_network

        compile_network(model.denoiser)
    return model


def warn_of_wide_paths(model: "Model", runs: list["Run"]) -> None:
    """Print a line for each sample whose path goes beyond what the model learnt."""
    from ..cameras.motion import warning

    specs = {run.place.sample.directory: run.spec for run in runs if not run.complete()}
    for folder, spec in specs.items():
        if model.motion and (text := warning(model.motion, spec)):
            print(f"{folder}: {text}", file=sys.stderr, flush=True)


def add_method(parser: argparse.ArgumentParser, seed: bool = True) -> None:
    """How frames are drawn; `method_of` makes a `Method` of the options."""
    group = parser.add_argument_group("method")
    defaults = {field.name: field.default for field in fields(Method)}
    text = f"default: {DEFAULT_SAMPLER}, or what the weights need; published: predictor-corrector"
    group.add_argument("--sampler", choices=SAMPLERS, help=text)
    steps = ", ".join(f"{name} {sampler.steps}" for name, sampler in SAMPLERS.items())
    text = f"noise levels of the sampler (default: {steps})"
    group.add_argument("-s", "--steps", type=int, metavar="N", help=text)
    text = "a sampler's own option, such as rho=5; may be given several times (docs/samplers.md)"
    group.add_argument(
        "--sampler-option",
        type=_option,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=text,
    )
    if seed:
        text = "of the noise; same seed, same frames (default: %(default)s)"
        group.add_argument("--seed", type=int, default=defaults["seed"], help=text)
    text = "of the score network (default: %(default)s)"
    group.add_argument("--precision", choices=PRECISIONS, default=defaults["precision"], help=text)
    text = (
        "how several conditioning views of a frame enter: the average of their scores, as "
        "published, or for each evaluation a view drawn at random, at the cost of one "
        "(default: %(default)s)"
    )
    group.add_argument("--views", choices=VIEWS, default=defaults["views"], help=text)
    text = (
        "noise level at which generated frames are used as views, for weights trained with such "
        "noise (default: what the weights say)"
    )
    group.add_argument("--sigma-cond", type=float, metavar="SIGMA", help=text)
    text = "pairs of frame and conditioning frame at once, at most (default: %(default)s)"
    group.add_argument("--batch-size", type=int, default=8, metavar="N", help=text)


def method_of(options: argparse.Namespace, seed: int | None = None) -> Method:
    """The method that the options of `add_method` describe; ValueError for what cannot be."""
    return Method(
        options.sampler,
        options.steps,
        options.seed if seed is None else seed,
        options.precision,
        options.views,
        dict(options.sampler_option),
        options.sigma_cond,
    )


def _option(text: str) -> tuple[str, float]:
    """NAME=NUMBER; ValueError, which argparse reports, for anything else."""
    name, number = text.split("=")
    return name, float(number)
