"""The command make-protocol: pin the sequences and frames of an evaluation, from the poses.npy of a split, by a fixed rule."""

import argparse
from pathlib import Path

from ..datasets.poses import load_poses
from ..datasets.video import find_videos
from ..evaluation.image_results import METRICS, SHORT_TERM
from ..evaluation.matching import MATCHERS
from ..evaluation.protocol import EVERY, FRAMES, Protocol, choose_sequences, write_protocol
from ..evaluation.sequences import FIRST_FRAMES
from ..evaluation.tsed import T_ERROR, T_MATCHES


def main(arguments: list[str] | None = None) -> None:
    """Write a protocol; refuses to replace one, since results refer to it."""
    options = _parse(arguments)
    if options.protocol.exists():
        raise ValueError(
            f"{options.protocol}: exists; results refer to it: choose another name, or delete it yourself"
        )
    poses = load_poses(options.poses)
    videos = find_videos(options.videos) if options.videos else None
    chosen = choose_sequences(poses, options.sequences, options.frames, options.every, videos)
    span = (options.frames - 1) * options.every + 1
    rule = (
        f"of the {len(poses)} sequences those with at least {span} poses{' and a video' if videos is not None else ''}, in the "
        f"order of the SHA-256 of their ids, the first {len(chosen)}; of each, every pose whose number from 0 is a multiple of "
        f"{options.every}, {options.frames} in all"
    )
    names = (
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
    settings = {name: getattr(options, name) for name in names}
    write_protocol(
        options.protocol, Protocol(chosen, rule, **settings, metrics=tuple(options.metrics))
    )
    if len(chosen) < options.sequences:
        print(
            f"only {len(chosen)} sequences are long enough{' and have a video' if videos is not None else ''}"
        )
    print(
        f"{options.protocol}: {len(chosen)} sequences of {options.frames} frames, {options.every} poses apart"
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Pin which sequences, frames, seed and metrics an evaluation has, as YAML."
    )
    add = parser.add_argument
    add("protocol", type=Path, metavar="FILE", help="the protocol's file, .yaml")
    add(
        "--poses",
        type=Path,
        required=True,
        metavar="FILE",
        help="poses.npy of a split that no training saw",
    )
    add(
        "--videos",
        type=Path,
        metavar="DIR",
        help="leave out sequences without a video in this folder",
    )
    add(
        "--sequences",
        type=int,
        default=100,
        metavar="N",
        help="sequences at most (default: %(default)s)",
    )
    add(
        "--frames",
        type=int,
        default=FRAMES,
        metavar="N",
        help="frames of each, the given one included (default: %(default)s)",
    )
    add(
        "--every",
        type=int,
        default=EVERY,
        metavar="N",
        help="poses from one frame to the next (default: %(default)s)",
    )
    add(
        "--condition",
        default="previous",
        metavar="RULE",
        help="as for make-trajectory.py (default: %(default)s)",
    )
    add(
        "--return-trip",
        action="store_true",
        help="each path also goes back to its first frame: 2 N - 1 frames",
    )
    add("--seed", type=int, default=0, help="of sampling (default: %(default)s)")
    add(
        "--runs",
        type=int,
        default=1,
        metavar="N",
        help="draws of each sequence (default: %(default)s)",
    )
    text = "frame 0 of TSED: the given photo's reconstruction by the first stage, or the photo (default: %(default)s)"
    add("--first-frame", choices=FIRST_FRAMES, default=FIRST_FRAMES[0], help=text)
    add("--matcher", choices=sorted(MATCHERS), default="sift", help="default: %(default)s")
    add("--t-error", type=float, default=T_ERROR, help="pixels (default: %(default)s)")
    add("--t-matches", type=int, default=T_MATCHES, help="default: %(default)s")
    text = "number of the generated frame of the short-term results (default: %(default)s)"
    add("--short-term", type=int, default=SHORT_TERM, metavar="N", help=text)
    add(
        "--metrics",
        nargs="+",
        choices=METRICS,
        default=METRICS,
        metavar="METRIC",
        help="image metrics (default: all)",
    )
    return parser.parse_args(arguments)
