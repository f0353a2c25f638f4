"""The command make-rooms: video clips of made-up furnished rooms."""

import argparse
import os
from fractions import Fraction
from pathlib import Path

from ..datasets.rooms.clips import STYLES, Clip, make_clips
from ..datasets.rooms.varied.shots import Shot, make_chunks
from ..utils.files import REPOSITORY


def main(arguments: list[str] | None = None) -> None:
    """The command `make-rooms.py`."""
    options = _parser().parse_args(arguments)
    _check(options)
    if options.chunks is not None:
        _make_chunks(options)
        return
    rate = Fraction(options.fps).limit_denominator(1001)
    shared = options.frames, rate, options.pose_every, options.rooms, options.style
    numbers = range(options.first, options.first + options.clips)
    clips = [Clip(options.split, options.seed, number, *shared) for number in numbers]
    clips.sort(key=lambda clip: clip.room)
    made = make_clips(clips, options.data, options.depth, min(options.workers, options.clips))
    print(f"{options.data}: {made} clips made, {len(clips) - made} were there")


def _make_chunks(options: argparse.Namespace) -> None:
    """Shots of varied rooms as chunks."""
    numbers = range(options.first, options.first + options.clips)
    shots = [
        Shot(options.split, options.seed, number, options.frames, options.size)
        for number in numbers
    ]
    folder = options.chunks / options.split
    workers = min(options.workers, -(-len(shots) // options.chunk_rooms))
    made = make_chunks(folder, shots, options.chunk_rooms, workers)
    print(f"{folder}: {made} rooms made, {len(shots) - made} were there")


def _check(options: argparse.Namespace) -> None:
    """Raise ValueError for values that cannot work."""
    for name, least in (
        ("clips", 1),
        ("first", 0),
        ("rooms", 1),
        ("frames", 2),
        ("pose_every", 1),
        ("workers", 1),
        ("size", 16),
        ("chunk_rooms", 1),
    ):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    if not 1 <= options.fps <= 120:
        raise ValueError(f"--fps {options.fps:g}: expected 1 to 120 frames a second")
    if options.chunks is not None and options.style != "varied":
        raise ValueError("--chunks: holds varied rooms; add --style varied")
    if options.chunks is not None and (options.rooms or options.depth):
        raise ValueError("--chunks: goes without --rooms and --depth; each clip has its own room")


def _parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Make video clips of random furnished rooms, with poses as in RealEstate10K; "
        "or chunks of frames of varied rooms, to train from."
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
    _add_shared_options(parser)
    _add_chunk_options(parser)
    return parser


def _add_shared_options(parser: argparse.ArgumentParser) -> None:
    """Which rooms, what of them, and where to."""
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
    folder = REPOSITORY / "dataset-data" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        default=folder,
        metavar="DIR",
        help="default: the repository's dataset-data/data",
    )


def _add_chunk_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("chunks of varied rooms, a short shot each")
    group.add_argument(
        "--style", choices=STYLES, default="flats", help="of the rooms (default: %(default)s)"
    )
    group.add_argument(
        "--chunks",
        type=Path,
        metavar="DIR",
        help="write square frames to DIR/SPLIT/*.torch; train from them with data.chunks=DIR/SPLIT",
    )
    group.add_argument(
        "--size", type=int, default=128, metavar="PIXELS", help="of a frame (default: 128)"
    )
    group.add_argument(
        "--chunk-rooms", type=int, default=100, metavar="N", help="rooms of a chunk (default: 100)"
    )
