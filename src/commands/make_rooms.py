"""The command make-rooms: video clips of made-up rooms, or chunks of frames of varied ones."""

import argparse
from pathlib import Path

from ..datasets.rooms import STYLES
from ..utils.cores import usable_cores
from .options import add_data

LEAST = {
    "clips": 1,
    "first": 0,
    "rooms": 1,
    "frames": 2,
    "pose_every": 1,
    "workers": 1,
    "size": 16,
    "chunk_rooms": 1,
}


def main(arguments: list[str] | None = None) -> None:
    """Make what is not there, and say how much."""
    options = parse(arguments)
    if options.chunks is None:
        _make_clips(options)
    else:
        _make_chunks(options)


def _make_clips(options: argparse.Namespace) -> None:
    from ..datasets.rooms.clips import Clip, make_clips, video_rate

    rate = video_rate(options.fps)
    shared = options.frames, rate, options.pose_every, options.rooms, options.style
    numbers = range(options.first, options.first + options.clips)
    clips = [Clip(options.split, options.seed, number, *shared) for number in numbers]
    workers = min(options.workers, options.clips)
    print(
        f"{options.clips} clips of {options.frames} frames, {workers} at a time; preparing a room "
        "takes some seconds",
        flush=True,
    )
    made = make_clips(clips, options.data, options.depth, workers)
    print(f"{options.data}: {made} clips made, {len(clips) - made} were there")


def _make_chunks(options: argparse.Namespace) -> None:
    from ..datasets.rooms.varied.shots import Shot, make_chunks

    numbers = range(options.first, options.first + options.clips)
    shared = options.frames, options.size
    shots = [Shot(options.split, options.seed, number, *shared) for number in numbers]
    folder = options.chunks / options.split
    workers = min(options.workers, -(-len(shots) // options.chunk_rooms))
    print(
        f"{options.clips} rooms of {options.frames} frames, {workers} chunks at a time", flush=True
    )
    made = make_chunks(folder, shots, options.chunk_rooms, workers)
    print(f"{folder}: {made} rooms made, {len(shots) - made} were there")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Make video clips of random furnished rooms, with poses as in RealEstate10K. "
        "Or make chunks of frames of varied rooms, to train from."
    )
    add = parser.add_argument
    text = "their rooms differ for the same seed"
    add("split", choices=("train", "test"), help=text)
    text = "clips to make (default: %(default)s); those that are there are kept"
    add("--clips", type=int, default=8, metavar="N", help=text)
    text = "number of the first clip (default: %(default)s)"
    add("--first", type=int, default=0, metavar="N", help=text)
    text = "rooms that the clips take turns in (default: each clip has its own)"
    add("--rooms", type=int, metavar="N", help=text)
    text = "frames of a clip (default: %(default)s)"
    add("--frames", type=int, default=60, metavar="N", help=text)
    text = "frames a second (default: %(default)g)"
    add("--fps", type=float, default=30.0, metavar="N", help=text)
    text = "frames from pose to pose (default: %(default)s)"
    add("--pose-every", type=int, default=1, metavar="FRAMES", help=text)
    text = "of the rooms (default: %(default)s)"
    add("--style", choices=STYLES, default="flats", help=text)
    text = "another seed, other rooms (default: %(default)s)"
    add("--seed", type=int, default=0, help=text)
    text = "also write every frame's depth, metres, to SPLIT/depth/*.npz"
    add("--depth", action="store_true", help=text)
    text = "processes (default: one a core)"
    add("--workers", type=int, default=usable_cores(), metavar="N", help=text)
    add_data(parser)
    _add_chunk_options(parser)
    options = parser.parse_args(arguments)
    _check(options)
    return options


def _add_chunk_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("chunks of varied rooms, a short shot each").add_argument
    text = "write square frames to DIR/SPLIT/*.torch; train from them with data.chunks=DIR/SPLIT"
    add("--chunks", type=Path, metavar="DIR", help=text)
    text = "of a frame (default: %(default)s)"
    add("--size", type=int, default=128, metavar="PIXELS", help=text)
    text = "rooms of a chunk (default: %(default)s)"
    add("--chunk-rooms", type=int, default=100, metavar="N", help=text)


def _check(options: argparse.Namespace) -> None:
    """Raise ValueError for values that cannot work."""
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    if options.chunks is not None and options.style != "varied":
        raise ValueError("--chunks: holds varied rooms; add --style varied")
    if options.chunks is not None and (options.rooms or options.depth):
        raise ValueError("--chunks: goes without --rooms and --depth; each clip has its own room")
