"""The command make-model: a whole model of made-up rooms, from rendering to exported weights."""

import argparse
import logging
from pathlib import Path

from ..utils.cores import usable_cores
from ..utils.files import BASE
from .options import add_device


def main(arguments: list[str] | None = None) -> None:
    """Make what is not made yet, with a log in the folder, and say where the weights are."""
    options = parse(arguments)
    from ..training.making import make_model
    from ..training.recipe import load_recipe, with_minutes

    recipe = with_minutes(load_recipe(options.recipe), options.minutes, dict(options.minutes_of))
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = logging.FileHandler(options.folder / "make-model.log")
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", handlers=[kept, shown]
    )
    weights = make_model(
        recipe,
        options.folder,
        first_stage=options.first_stage,
        device=options.device,
        workers=options.workers,
        seed=options.seed,
    )
    print(f"{weights}: denoiser.safetensors (few evaluations), score.safetensors, first stage")
    print(f"next: photonvs sample-trajectory --checkpoint {weights}/denoiser.safetensors -o …")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Render made-up rooms, train a first stage, encode the rooms, train a score "
        "network, tune it for few evaluations, and export the weights. What is there is kept, so "
        "the same command goes on after a stop."
    )
    add = parser.add_argument
    text = "rooms (a CPU), rooms-gpu, or a YAML file of your own (default: %(default)s)"
    add("--recipe", default="rooms", metavar="NAME", help=text)
    text = "for each of the stages rooms, first_stage, score, few_step (default: the recipe's)"
    add("--minutes", type=float, metavar="N", help=text)
    text = "for one stage; may be given several times"
    add("--minutes-of", type=_minutes, action="append", default=[], metavar="STAGE=N", help=text)
    text = "first-stage weights to use; none is trained then"
    add("--first-stage", type=Path, metavar="FILE", help=text)
    text = "where everything goes (default: %(default)s)"
    add("--folder", type=Path, default=BASE / "instance-data" / "model", metavar="DIR", help=text)
    text = "processes that render (default: one a core)"
    add("--workers", type=int, default=usable_cores(), metavar="N", help=text)
    text = "another seed, other rooms (default: %(default)s)"
    add("--seed", type=int, default=0, help=text)
    add_device(parser)
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.seed < 0:
        parser.error("--workers must be at least 1, --seed at least 0")
    return options


def _minutes(text: str) -> tuple[str, float]:
    """STAGE=N; ValueError, which argparse reports, for anything else."""
    stage, number = text.split("=")
    return stage, float(number)
