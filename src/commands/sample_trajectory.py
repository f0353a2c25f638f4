"""The command sample-trajectory: the frames that a camera moving along a path sees."""

import argparse
from pathlib import Path

from torch import nn

from ..diffusion.samplers import DEFAULT_SAMPLER, SAMPLERS
from ..models import Denoiser, first_stage_of, load_denoiser, open_first_stage
from ..sampling import sample_trajectory
from ..sampling_batch import PRECISIONS, VIEWS
from ..sampling_outputs import fingerprint, open_runs
from ..utils.checkpoint import SHIPPED_DENOISER, find_denoiser
from ..utils.distributed import choose_device
from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """The command scripts/sample-trajectory.py."""
    options = _parser().parse_args(arguments)
    directories = [options.instance_data / name for name in options.output]
    numbers = range(options.runs) if options.run is None else [options.run]
    open_runs(
        directories, numbers
    )  # a mistake in the task shall not wait until the weights are loaded
    denoiser, first_stage, weights = _load_models(options)
    runs = sample_trajectory(
        directories,
        denoiser,
        first_stage,
        sampler=options.sampler,
        steps=options.steps,
        seed=options.seed,
        precision=options.precision,
        views=options.views,
        sampler_options=dict(options.sampler_option),
        runs=numbers,
        batch_size=options.batch_size,
        frames_per_second=options.fps,
        weights=weights,
    )
    for run in runs:
        made = (
            f"{len(run.made)} of {len(run.frames())} frames made now"
            if run.made
            else "complete already, nothing to do"
        )
        print(f"{run.folder}: {made}; images/, latents/, video.mp4, contact-sheet.png")


def _load_models(options: argparse.Namespace) -> tuple[Denoiser, nn.Module, dict]:
    """The networks on the chosen device, and what identifies their weights."""
    device = choose_device(options.device)
    path = options.checkpoint or find_denoiser(options.instance_data, options.epoch)
    if path == SHIPPED_DENOISER and not options.checkpoint:
        print(
            f"no weights in {options.instance_data / 'checkpoints'}: using the shipped small model of made-up rooms, {path}"
        )
    denoiser = load_denoiser(path, weights=options.weights, device=device)
    weights = {
        "kind": options.weights,
        "denoiser": {"file": path.name, "sha256": fingerprint(path)},
    }
    if denoiser.config.first_stage.kind == "vqgan":
        first_stage_path = options.first_stage or first_stage_of(
            denoiser.config, options.instance_data
        )
        weights["first_stage"] = {
            "file": first_stage_path.name,
            "sha256": fingerprint(first_stage_path),
        }
        denoiser.config.data.first_stage = str(first_stage_path.resolve())
    return denoiser, open_first_stage(denoiser.config, options.instance_data).to(device), weights


def _option(text: str) -> tuple[str, float]:
    """NAME=NUMBER; ValueError, which argparse reports, for anything else."""
    name, number = text.split("=")
    return name, float(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sample-trajectory.py",
        description="Make the frames that a camera moving along a path sees, from one or more photos. The folder samples/ID "
        "holds sampling-spec.json (the cameras) and init-ims/NNNN.png (the given photos; NNNN: the pose's index). Photos of "
        "any size will do: their centre square is used, and focal_y in the specification is a fraction of that square's "
        "height. Results: samples/ID/samples/RUN/. Started again, the command goes on where it was stopped.",
    )
    add = parser.add_argument
    add(
        "-o",
        "--output",
        nargs="+",
        required=True,
        metavar="samples/ID",
        help="folders to sample, relative to --instance-data",
    )
    add(
        "--sampler",
        choices=SAMPLERS,
        default=DEFAULT_SAMPLER,
        help="default: %(default)s; published: predictor-corrector",
    )
    defaults = ", ".join(f"{name} {sampler.steps}" for name, sampler in SAMPLERS.items())
    add("-s", "--steps", type=int, help=f"noise levels of the sampler (default: {defaults})")
    tunable = "; ".join(
        f"{name}: {' '.join(sampler.options())}" for name, sampler in SAMPLERS.items()
    )
    text = f"an option of the sampler ({tunable}); may be given several times"
    add(
        "--sampler-option",
        type=_option,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=text,
    )
    add(
        "--seed",
        type=int,
        default=0,
        help="of the noise; same seed, same frames (default: %(default)s)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--runs",
        type=int,
        default=1,
        metavar="N",
        help="make runs 0 to N-1, different draws (default: 1)",
    )
    which.add_argument(
        "--run",
        type=int,
        metavar="NUMBER",
        help="make this run alone, say beside one with other settings",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "-e",
        "--epoch",
        type=int,
        help="use the checkpoint of this epoch (default: published, else newest, else shipped)",
    )
    weights.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="score network's weights (default: in checkpoints/)",
    )
    add(
        "--first-stage",
        type=Path,
        metavar="FILE",
        help="first stage's weights (default: found in --instance-data)",
    )
    add(
        "--weights",
        choices=("ema", "raw"),
        default="ema",
        help="averaged or last weights of the checkpoint (default: ema)",
    )
    add(
        "--batch-size",
        type=int,
        default=8,
        metavar="N",
        help="pairs of frame and conditioning frame at once (default: 8)",
    )
    add("--device", help="for example cpu or cuda (default: a GPU if there is one)")
    add(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the score network (default: float32)",
    )
    text = "how several conditioning views of a frame enter: the average of their scores, as published, or for each evaluation a "
    add(
        "--views",
        choices=VIEWS,
        default="average",
        help=text + "view drawn at random, at the cost of one (default: average)",
    )
    add(
        "--fps",
        type=float,
        default=10.0,
        metavar="N",
        help="frames a second of a newly written video.mp4 (default: 10)",
    )
    add_instance_data(parser)
    return parser
