"""The command make-protocol: pin the sequences and frames of an evaluation, by a fixed rule."""

import argparse
from pathlib import Path

from ..evaluation.registry import (
    EVERY,
    FIRST_FRAMES,
    FRAMES,
    MATCHERS,
    METRICS,
    SHORT_TERM,
    T_ERROR,
    T_MATCHES,
)

SETTINGS = (  # options that a protocol's settings of the same name take
    "condition",
    "return_trip",
    "seed",
    "runs",
    "first_frame",
    "matcher",
    "t_error",
    "t_matches",
    "short_term",
)


def main(arguments: list[str] | None = None) -> None:
    """Write a protocol, and say what it has; refuses to replace one, since results refer to it."""
    options = parse(arguments)
    from ..datasets.poses import load_poses
    from ..datasets.video import find_videos
    from ..evaluation.protocol import make_protocol, write_protocol

    protocol = make_protocol(
        load_poses(options.poses),
        options.sequences,
        options.frames,
        options.every,
        find_videos(options.videos) if options.videos else None,
        metrics=tuple(options.metrics),
        **{name: getattr(options, name) for name in SETTINGS},
    )
    write_protocol(options.protocol, protocol)
    count = len(protocol.sequences)
    if count < options.sequences:
        with_video = " and have a video" if options.videos else ""
        print(f"only {count} sequences are long enough{with_video}")
    print(
        f"{options.protocol}: {count} sequences of {options.frames} frames, {options.every} poses "
        "apart"
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Pin which sequences, frames, seed and metrics an evaluation has, as YAML."
    )
    _add_sequences(parser)
    add = parser.add_argument
    text = "as for make-trajectory.py (default: %(default)s)"
    add("--condition", default="previous", metavar="RULE", help=text)
    text = "each path also goes back to its first frame: 2 N - 1 frames"
    add("--return-trip", action="store_true", help=text)
    add("--seed", type=int, default=0, help="of sampling (default: %(default)s)")
    text = "draws of each sequence (default: %(default)s)"
    add("--runs", type=int, default=1, metavar="N", help=text)
    text = (
        "frame 0 of TSED: the given photo's reconstruction by the first stage, or the photo "
        "(default: %(default)s)"
    )
    add("--first-frame", choices=FIRST_FRAMES, default=FIRST_FRAMES[0], help=text)
    add("--matcher", choices=sorted(MATCHERS), default="sift", help="default: %(default)s")
    text = "pixels; 2 suits frames 256 high, 1 suits 128 (default: %(default)s)"
    add("--t-error", type=float, default=T_ERROR, help=text)
    add("--t-matches", type=int, default=T_MATCHES, help="default: %(default)s")
    text = "number of the generated frame of the short-term results (default: %(default)s)"
    add("--short-term", type=int, default=SHORT_TERM, metavar="N", help=text)
    text = "image metrics (default: all)"
    metrics = list(METRICS)
    add("--metrics", nargs="+", choices=metrics, default=metrics, metavar="METRIC", help=text)
    return parser.parse_args(arguments)


def _add_sequences(parser: argparse.ArgumentParser) -> None:
    """Which sequences and frames."""
    add = parser.add_argument
    add("protocol", type=Path, metavar="FILE", help="the protocol's file, .yaml")
    text = "poses.npy of a split that no training saw"
    add("--poses", type=Path, required=True, metavar="FILE", help=text)
    text = "leave out sequences without a video in this folder"
    add("--videos", type=Path, metavar="DIR", help=text)
    text = "sequences at most (default: %(default)s)"
    add("--sequences", type=int, default=100, metavar="N", help=text)
    text = "frames of each, the given one included (default: %(default)s)"
    add("--frames", type=int, default=FRAMES, metavar="N", help=text)
    text = "poses from one frame to the next (default: %(default)s)"
    add("--every", type=int, default=EVERY, metavar="N", help=text)
