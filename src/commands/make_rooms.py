"""The command make-rooms: video clips of made-up furnished rooms."""

import argparse
import os

from .options import add_data

LEAST = {"clips": 1, "first": 0, "rooms": 1, "frames": 2, "pose_every": 1, "workers": 1}


def main(arguments: list[str] | None = None) -> None:
    """Make the clips that are not there, and say how many."""
    options = _parse(arguments)
    from ..datasets.rooms.clips import Clip, make_clips, video_rate

    rate = video_rate(options.fps)
    shared = options.frames, rate, options.pose_every, options.rooms
    numbers = range(options.first, options.first + options.clips)
    clips = [Clip(options.split, options.seed, number, *shared) for number in numbers]
    made = make_clips(clips, options.data, options.depth, min(options.workers, options.clips))
    print(f"{options.data}: {made} clips made, {len(clips) - made} were there")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Make video clips of random furnished rooms, with poses as in RealEstate10K."
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
    text = "another seed, other rooms (default: %(default)s)"
    add("--seed", type=int, default=0, help=text)
    text = "also write every frame's depth, metres, to SPLIT/depth/*.npz"
    add("--depth", action="store_true", help=text)
    text = "processes (default: one a core)"
    add("--workers", type=int, default=os.cpu_count(), metavar="N", help=text)
    add_data(parser)
    options = parser.parse_args(arguments)
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    return options
