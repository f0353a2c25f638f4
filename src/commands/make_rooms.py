"""The command make-rooms: video clips of made-up furnished rooms."""

import argparse
import os
from fractions import Fraction
from pathlib import Path

from ..datasets.rooms.clips import Clip, make_clips
from ..utils.files import BASE


def main(arguments: list[str] | None = None) -> None:
    """The command `make-rooms.py`."""
    parser = argparse.ArgumentParser(
        description="Make video clips of random furnished rooms, with poses as in RealEstate10K."
    )
    parser.add_argument(
        "split", choices=["train", "test"], help="their rooms differ for the same seed"
    )
    parser.add_argument(
        "--clips",
        type=int,
        default=8,
        help="clips to make (default: 8); those that are there are kept",
    )
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="number of the first clip (default: 0)"
    )
    parser.add_argument(
        "--rooms",
        type=int,
        help="rooms that the clips take turns in (default: each clip has its own)",
    )
    parser.add_argument("--frames", type=int, default=60, help="frames of a clip (default: 60)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default: 30)")
    parser.add_argument(
        "--pose-every",
        type=int,
        default=1,
        metavar="FRAMES",
        help="frames from pose to pose (default: 1)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed, other rooms (default: 0)"
    )
    parser.add_argument(
        "--depth",
        action="store_true",
        help="also write every frame's depth, metres, to SPLIT/depth/*.npz",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)"
    )
    folder = BASE / "dataset-data" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        default=folder,
        metavar="DIR",
        help="default: the repository's dataset-data/data",
    )
    options = parser.parse_args(arguments)
    for name, least in (
        ("clips", 1),
        ("first", 0),
        ("rooms", 1),
        ("frames", 2),
        ("pose_every", 1),
        ("workers", 1),
    ):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    if not 1 <= options.fps <= 120:
        raise ValueError(f"--fps {options.fps:g}: expected 1 to 120 frames a second")
    rate = Fraction(options.fps).limit_denominator(1001)
    shared = options.frames, rate, options.pose_every, options.rooms
    numbers = range(options.first, options.first + options.clips)
    clips = [Clip(options.split, options.seed, number, *shared) for number in numbers]
    clips.sort(key=lambda clip: clip.room)
    made = make_clips(clips, options.data, options.depth, min(options.workers, options.clips))
    print(f"{options.data}: {made} clips made, {len(clips) - made} were there")
