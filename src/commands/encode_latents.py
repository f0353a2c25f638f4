"""The command encode-latents: all frames of a data set encoded once, for training from latents."""

import argparse
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping

from ..config import load_config
from ..datasets.latents import LatentCache
from ..models import open_first_stage
from ..training.latents import PRECISIONS, Encoded, encode_latents, log
from ..utils.distributed import choose_device
from ..utils.files import BASE
from .options import add_instance_data


def default_part(environment: Mapping[str, str]) -> tuple[int, int]:
    """This process's part (i of n, i from 1) of a Slurm array job, of torchrun's processes, or of both together."""
    task, tasks = 0, int(environment.get("SLURM_ARRAY_TASK_COUNT", 1))
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, step = (
            environment.get("SLURM_ARRAY_TASK_MIN", 0),
            environment.get("SLURM_ARRAY_TASK_STEP", 1),
        )
        task = (int(environment["SLURM_ARRAY_TASK_ID"]) - int(first)) // int(step)
    rank, ranks = int(environment.get("RANK", 0)), int(environment.get("WORLD_SIZE", 1))
    return task * ranks + rank + 1, tasks * ranks


def parse_part(text: str) -> tuple[int, int]:
    """`I/N` -> (I, N), 1 <= I <= N; raises ValueError."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"--part {text}: expected I/N with I from 1 to N, for example 1/8")
    return int(match[1]), int(match[2])


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/encode-latents.py."""
    parser = argparse.ArgumentParser(
        description="Encode all frames of the training data once, for training with data.latents=DIR. Run the same command "
        "again to go on after a stop; several processes, each with its part, share the work."
    )
    parser.add_argument(
        "--config",
        default="realestate10k",
        help="a preset's name or a YAML file (default: %(default)s)",
    )
    parser.add_argument(
        "--latents",
        metavar="DIR",
        help="folder to write, relative to the repository (default: data.latents)",
    )
    parser.add_argument(
        "--part",
        metavar="I/N",
        help="the part that this process does, from 1 (default: from a Slurm array or torchrun, else all)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the arithmetic (default: %(default)s)",
    )
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings that replace the preset's"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config, options.settings)
    latents = options.latents or config.data.latents
    if latents is None:
        raise ValueError("nowhere to write: give --latents DIR")
    part = parse_part(options.part or "{}/{}".format(*default_part(os.environ)))
    first_stage = open_first_stage(config, options.instance_data).to(choose_device(options.device))
    done = encode_latents(config, BASE / latents, first_stage, part, options.precision)
    _report(done, LatentCache(BASE / latents), part)


def _report(done: Encoded, cache: LatentCache, part: tuple[int, int]) -> None:
    """Say what this run did, and how the whole cache stands."""
    log.info(
        "part %d of %d: %d frames written, %d shards were there already",
        *part,
        done.frames,
        done.skipped,
    )
    absent = cache.absent_shards()
    missing = sum(
        (cache.missing(shard) for shard in range(cache.shards) if shard not in absent), Counter()
    )
    if missing:
        names = ", ".join(list(missing)[:10]) + (", ..." if len(missing) > 10 else "")
        log.warning(
            "%d frames of %d videos could not be read: %s", missing.total(), len(missing), names
        )
    state = f"{len(absent)} of {cache.shards} shards to go" if absent else "complete"
    log.info("%s: %s", cache.folder, state)
