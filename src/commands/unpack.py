"""The command unpack: chunks back to videos and RealEstate10K's text files."""

import argparse

from .options import add_data, add_workers
from .pack import add_chunks


def main(arguments: list[str] | None = None) -> None:
    """Write what is not there, and say what comes next; ValueError if some videos failed."""
    options = parse(arguments)
    from ..datasets.chunk_files import has_chunks
    from ..datasets.layout import Split
    from ..datasets.unpack import unpack

    folder = options.chunks / options.split
    unpacked = unpack(
        folder if has_chunks(folder) else options.chunks,
        Split(options.data, options.split),
        options.workers,
    )
    if unpacked.failed:
        raise ValueError(f"{folder}: {unpacked.report()}")
    print(f"{folder}: {unpacked.report()}")
    print(f"next: photonvs extract-poses {options.split} --data {options.data}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Write the videos and RealEstate10K's text files of a folder of chunks, such "
        "as preprocessed RealEstate10K. A video has the frames of all its sequences. Started "
        "again, the command goes on where it was stopped."
    )
    parser.add_argument("split", metavar="SPLIT", help="train, test, or another folder's name")
    add_chunks(
        parser, "folder of chunks, or one with a folder SPLIT of them (default: %(default)s)"
    )
    add_workers(parser)
    add_data(parser)
    return parser.parse_args(arguments)
