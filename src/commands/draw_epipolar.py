"""The command draw-epipolar: two frames side by side with their matches and epipolar lines."""

import argparse
from pathlib import Path

from ..evaluation.registry import MATCHERS, open_matcher
from ..utils.files import atomic_path
from .options import add_axes, add_instance_data, add_shape


def main(arguments: list[str] | None = None) -> None:
    """Draw one pair of frames and say where the picture is."""
    options = parse(arguments)
    from ..cameras.files.matching import match_images
    from ..cameras.files.reading import read_cameras
    from ..evaluation.epipolar import draw_pair
    from ..samples import Sample

    if options.output:
        run = Sample(options.instance_data / options.output).run(options.run)
        poses, images, results = run.spec_file, run.images, run.results.folder
    else:
        poses, images, results = options.poses, options.images, Path()
    cameras = read_cameras(poses, images, options.axes, distorted=True)
    matching = match_images(cameras, images)
    if options.images:  # our own frames are those of their cameras
        print(matching)
    paths = matching.images
    first, second = options.frames
    if not {first, second} <= set(range(len(cameras))) or first == second:
        raise ValueError(
            f"frames {first} and {second}: expected two different ones from 0 to "
            f"{len(cameras) - 1} ({poses})"
        )
    figure = draw_pair(
        (paths[first], paths[second]),
        (cameras[first], cameras[second]),
        open_matcher(options.matcher),
        options.lines,
        options.shape,
    )
    target = options.figure or results / f"epipolar-{first:04d}-{second:04d}.png"
    with atomic_path(target) as temporary:
        figure.savefig(temporary, dpi=120)
    print(target)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="A picture of two frames, their matches and the matches' epipolar lines."
    )
    add = parser.add_argument
    text = "folder samples/<id> in the instance data"
    add("-o", "--output", type=Path, metavar="DIR", help=text)
    add("--run", type=int, default=0, help="number of the run in it (default: 0)")
    text = "instead of -o: a folder of anyone's frames"
    add("--images", type=Path, metavar="DIR", help=text)
    text = "the cameras of --images, as for compute-tsed.py"
    add("--poses", type=Path, metavar="FILE", help=text)
    add_shape(parser)
    add_axes(parser)
    text = "positions on the path (default: 0 1)"
    add("--frames", type=int, nargs=2, default=(0, 1), metavar="N", help=text)
    text = "as for compute-tsed.py (default: sift)"
    add("--matcher", choices=sorted(MATCHERS), default="sift", help=text)
    text = "matches whose lines are drawn at most (default: 30)"
    add("--lines", type=int, default=30, metavar="N", help=text)
    text = (
        "picture to write (default: epipolar-NNNN-NNNN.png, with -o in "
        "samples/<id>/evaluation/<run>)"
    )
    add("--figure", type=Path, metavar="FILE", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.output) == bool(options.images) or bool(options.images) != bool(options.poses):
        parser.error("expected either -o, or --images and --poses")
    return options
