"""The command gallery: one page of many samples."""

import argparse
import sys
from pathlib import Path

from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """Write the page, and say where it is and what was left out."""
    options = parse(arguments)
    from ..samples import find_samples
    from ..viewer.gallery import write_gallery

    folders = [options.instance_data / name for name in options.samples]
    samples = [sample for folder in folders for sample in find_samples(folder)]
    path = options.page or options.instance_data / "gallery.html"
    for line in write_gallery(path, samples, options.title):
        print(f"left out: {line}", file=sys.stderr)
    print(path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Write one page of many samples, with their videos as loops, their consistency "
        "(TSED, where compute-tsed measured it) and their settings. It is a single file for any "
        "browser, and needs no server."
    )
    add = parser.add_argument
    text = (
        "folders samples/ID in the instance data, or a folder of such folders; all runs of each "
        "are shown (default: samples)"
    )
    add("-o", "--output", dest="samples", nargs="+", type=Path, metavar="DIR", help=text)
    text = "file to write; it is replaced (default: gallery.html in the instance data)"
    add("--page", type=Path, metavar="FILE", help=text)
    add("--title", default="photonvs", help="of the page (default: %(default)s)")
    add_instance_data(parser)
    parser.set_defaults(samples=[Path("samples")])
    return parser.parse_args(arguments)
