"""The command encode-latents: all frames of a data set encoded once, for training from latents."""

import argparse
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..utils.files import from_base
from ..utils.precision import PRECISIONS
from .options import (
    add_device,
    add_instance_data,
    add_settings,
    load_settings,
    parse_with_settings,
)

if TYPE_CHECKING:
    from ..datasets.latents import LatentCache

log = logging.getLogger(__name__)


def default_part(environment: Mapping[str, str]) -> tuple[int, int]:
    """This process's part, i of n, i from 1.

    It is one of a Slurm array job, of torchrun's processes, or of both together.
    """

    def number(name: str, otherwise: int) -> int:
        return int(environment.get(name, otherwise))

    first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1)
    task = (number("SLURM_ARRAY_TASK_ID", first) - first) // step
    tasks = number("SLURM_ARRAY_TASK_COUNT", 1)
    rank, ranks = number("RANK", 0), number("WORLD_SIZE", 1)
    return task * ranks + rank + 1, tasks * ranks


def parse_part(text: str) -> tuple[int, int]:
    """`I/N` -> (I, N), 1 <= I <= N; raises ValueError."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"--part {text}: expected I/N with I from 1 to N, for example 1/8")
    return int(match[1]), int(match[2])


def main(arguments: list[str] | None = None) -> None:
    """Encode what is missing of this process's part, and say how the whole stands."""
    options = parse(arguments)
    from ..config import chosen_settings
    from ..datasets.latents import LatentCache
    from ..models.choosing import follow_first_stage, open_first_stage
    from ..training.latents import encode_latents
    from ..utils.distributed import this_process

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.chunks:
        options.settings = [*options.settings, f"data.chunks={options.chunks}"]
    config = load_settings(options)
    folder = from_base(options.latents or config.data.latents)
    if folder is None:
        raise ValueError("nowhere to write: give --latents DIR")
    part = parse_part(options.part or "{}/{}".format(*default_part(os.environ)))
    chosen = chosen_settings(options.config, options.settings)
    config = follow_first_stage(config, chosen, options.instance_data)
    weights = from_base(config.data.first_stage)
    first_stage = open_first_stage(config.first_stage, weights, options.instance_data)
    process = this_process(options.device)
    first_stage = first_stage.to(process.device)
    leads = process.leads  # alone has a bar: those of several would overwrite each other
    done = encode_latents(config, folder, first_stage, part, options.precision, progress=leads)
    text = "part %d of %d: %d frames written, %d shards were there already"
    log.info(text, *part, done.frames, done.skipped)
    cache = LatentCache(folder)
    if process.count == 1 or not cache.absent_shards():  # of several the last one says it
        _report(cache)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Encode all frames of the training data once, for training with "
        "data.latents=DIR. Run the same command again to go on after a stop. Several processes, "
        "each with its part, share the work."
    )
    add_settings(parser, "realestate10k")
    text = (
        "folder to write; relative paths start where those of settings do (default: data.latents)"
    )
    parser.add_argument("--latents", metavar="DIR", help=text)
    text = "folder of chunks to encode, the same as data.chunks=DIR (default: the videos)"
    parser.add_argument("--chunks", metavar="DIR", help=text)
    text = "the part that this process does, from 1 (default: from a Slurm array or torchrun)"
    parser.add_argument("--part", metavar="I/N", help=text)
    text = "of the arithmetic (default: %(default)s)"
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help=text)
    add_device(parser)
    add_instance_data(parser)
    return parse_with_settings(parser, arguments)


def _report(cache: "LatentCache") -> None:
    """Say how the whole cache stands."""
    absent = cache.absent_shards()
    there = (shard for shard in range(cache.shards) if shard not in absent)
    missing = sum(map(cache.missing, there), Counter())
    if missing:
        names = ", ".join(list(missing)[:10]) + (", ..." if len(missing) > 10 else "")
        text = "%d frames of %d videos could not be read: %s"
        log.warning(text, missing.total(), len(missing), names)
    state = f"{len(absent)} of {cache.shards} shards to go" if absent else "complete"
    log.info("%s: %s", cache.folder, state)
    log.info("standard deviation of the latents: %.3g (denoiser.sigma_data)", cache.deviation())
