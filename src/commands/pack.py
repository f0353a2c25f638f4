"""The command pack: a split's videos as chunks, few large files for many small ones."""

import argparse
from pathlib import Path

from ..utils.files import BASE
from .options import add_data, add_workers


def main(arguments: list[str] | None = None) -> None:
    """Write the chunks that are not there, and say how the whole stands."""
    options = parse(arguments)
    from ..datasets.layout import Split
    from ..datasets.pack import pack

    folder = options.chunks / options.split
    split = Split(options.data, options.split)
    packed = pack(split, folder, options.frames, options.quality, options.workers)
    print(f"{folder}: {packed.report()}")
    print(f"to train from them: photonvs train data.chunks={folder}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Write the frames and cameras of a split's videos as chunks, in pixelSplat's "
        "format. Training reads them with data.chunks=DIR/SPLIT. Needs the split's poses.npy. "
        "Started again, the command goes on where it was stopped."
    )
    add = parser.add_argument
    add("split", metavar="SPLIT", help="train, test, or another folder's name")
    add_chunks(parser, "folder to write DIR/SPLIT/*.torch to (default: %(default)s)")
    text = "frames of a chunk, at least (default: %(default)s, some 100 MB)"
    add("--frames", type=int, default=1000, metavar="N", help=text)
    text = "of the JPEGs, 1 to 100 (default: %(default)s)"
    add("--quality", type=int, default=95, metavar="N", help=text)
    add_workers(parser)
    add_data(parser)
    options = parser.parse_args(arguments)
    if options.frames < 1:
        raise ValueError(f"--frames {options.frames}: expected at least 1")
    if not 1 <= options.quality <= 100:
        raise ValueError(f"--quality {options.quality}: expected 1 to 100")
    return options


def add_chunks(parser: argparse.ArgumentParser, text: str) -> None:
    """--chunks, the folder of all splits' chunks."""
    default = BASE / "dataset-data" / "chunks"
    parser.add_argument("--chunks", type=Path, default=default, metavar="DIR", help=text)
