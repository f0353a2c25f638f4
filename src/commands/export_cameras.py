"""The command export-cameras: cameras and frames for other programs, in their formats."""

import argparse
import re
from pathlib import Path

from ..cameras.files.writing import WRITERS
from .options import add_axes, add_instance_data, add_shape, add_unmatched

NO_POINTS = "the model has no points: a splatting tool must begin with random ones"


def main(arguments: list[str] | None = None) -> None:
    """Write the cameras, with their frames if there are any, and say what was read and written."""
    options = parse(arguments)
    from ..cameras.files.export import export_cameras, export_frames
    from ..cameras.files.matching import match_images
    from ..cameras.files.reading import read_cameras
    from ..samples import Sample
    from ..utils.words import plural

    poses, images = options.poses, options.images
    if options.output:
        sample = Sample(options.instance_data / options.output)
        run = sample.run(options.run)
        poses, images = run.spec_file, run.images
    cameras = read_cameras(poses, images, options.axes, distorted=True, lens=False)
    if images is None:
        export_cameras(cameras, options.format, options.target, options.size, options.force)
        print(f"{options.target}: {plural(len(cameras), 'camera')}")
        return
    matching = match_images(cameras, images)
    print(matching)
    if matching.fault and not options.allow_unmatched:
        raise ValueError(f"{images}: {matching.fault}; expected one for each, or --allow-unmatched")
    used = matching.without_missing()
    frames = options.shape, options.force
    export_frames(used, images, options.format, options.target, *frames)
    print(f"{options.target}: {plural(len(used.cameras), 'camera')} with images")
    if options.format.startswith("colmap"):
        print(NO_POINTS)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Write cameras for other programs, or convert them from format to format. With "
        "frames, OUT becomes a folder for a splatting tool: images/, and the cameras in the "
        "format's usual place. Without, OUT is the file itself, or the folder of COLMAP's model."
    )
    add = parser.add_argument
    add("target", type=Path, metavar="OUT", help="file or folder to write")
    text = ". ".join(f"{name}: {writer.about}" for name, writer in WRITERS.items())
    add("--format", choices=WRITERS, required=True, metavar="FORMAT", help=text)
    text = "a sample's folder in the instance data; its frames are written too"
    add("-o", "--output", type=Path, metavar="samples/ID", help=text)
    add("--run", type=int, default=0, metavar="N", help="number of the run in it (default: 0)")
    text = "instead of -o: cameras in any format (docs/own-data.md)"
    add("--poses", type=Path, metavar="FILE", help=text)
    add("--images", type=Path, metavar="DIR", help="the frames of --poses")
    text = "of the images, where no file says it; instead of what --poses says"
    add("--size", type=_size, metavar="WIDTHxHEIGHT", help=text)
    add_axes(parser)
    add_shape(parser)
    add_unmatched(parser)
    add("--force", action="store_true", help="replace what is there")
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.output) == bool(options.poses):
        parser.error("expected either -o or --poses")
    if options.output and options.images:
        parser.error("--images: expected with --poses; -o has its own frames")
    if options.size and (options.output or options.images):
        parser.error("--size: expected with --poses alone, as images know their size")
    return options


def _size(text: str) -> tuple[int, int]:
    """(height, width) of text such as 640x360."""
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"found {text}, expected for example 640x360")
    return int(match[2]), int(match[1])
