"""The command extract-poses: RealEstate10K text files of a split to one poses.npy."""

import argparse
from pathlib import Path

from ..datasets.extract import DATA, LAYOUT, extract


def main(arguments: list[str] | None = None) -> None:
    """Convert one split and report what was skipped; raises ValueError or FileNotFoundError if nothing can be written."""
    parser = argparse.ArgumentParser(
        description="Convert the RealEstate10K text files of a split to DIR/SPLIT/poses.npy. Sequences that cannot be used "
        "(no video, fewer than two poses, a malformed or empty file) are left out, counted and listed in DIR/SPLIT/skipped.txt,"
        " a missing video with the answer that download-videos.py got."
    )
    parser.add_argument(
        "split", metavar="SPLIT", help="train, test, or another folder's name; " + LAYOUT
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA,
        metavar="DIR",
        help="folder of all data (default: dataset-data/data)",
    )
    options = parser.parse_args(arguments)
    extract(options.data, options.split)
