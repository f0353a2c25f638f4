"""The command extract-poses: RealEstate10K's text files of a split to one poses.npy."""

import argparse

from ..datasets.layout import LAYOUT, Split
from .options import add_data


def main(arguments: list[str] | None = None) -> None:
    """Convert one split, and report what was skipped."""
    options = parse(arguments)
    from ..datasets.extract import extract

    split = Split(options.data, options.split)
    extraction = extract(split)
    print(f"{split.poses}: {extraction.sequences} sequences, {extraction.poses} poses")
    print(extraction.report())


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Convert the RealEstate10K text files of a split to DIR/SPLIT/poses.npy. "
        "Sequences that cannot be used are left out, counted, and listed in DIR/SPLIT/skipped.txt. "
        "They have no video, fewer than two poses, or a malformed or empty file. For a missing "
        "video, the list has the answer that download-videos.py got."
    )
    text = f"train, test, or another folder's name; {LAYOUT}"
    parser.add_argument("split", metavar="SPLIT", help=text)
    add_data(parser)
    return parser.parse_args(arguments)
