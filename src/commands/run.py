"""The command run: from a photo to a video along a camera path."""

import argparse
import sys
from pathlib import Path

from ..cameras.paths import DISTANCE_LOOKED_AT, PRESETS
from .options import (
    add_compile,
    add_device,
    add_instance_data,
    add_method,
    add_model,
    method_of,
    open_chosen,
)


def main(arguments: list[str] | None = None) -> None:
    """Make the video, and say what was assumed and where it is."""
    options = parse(arguments)
    method = method_of(options)
    if not options.photo.is_file():  # a mistake shall not wait for the weights
        raise FileNotFoundError(f"{options.photo}: no such image file")
    model = open_chosen(options, options.instance_data)
    from ..cameras.motion import describe, warning
    from ..sampling.photo import run_photo

    folder = options.output and options.instance_data / options.output
    distance = options.distance
    if distance is None:
        distance = DISTANCE_LOOKED_AT * (model.motion.unit if model.motion else 1)
    numbers = range(options.runs) if options.run is None else [options.run]
    done = run_photo(
        options.photo,
        model,
        options.path,
        instance_data=options.instance_data,
        folder=folder,
        frames=options.frames,
        distance=distance,
        smooth=options.smooth,
        field_of_view=options.field_of_view,
        condition=options.condition,
        method=method,
        runs=numbers,
        batch_size=options.batch_size,
        frames_per_second=options.fps,
    )
    lens, moves = done.lens, " ".join(options.path)
    print(f"field of view: {lens.field_of_view:.0f} degrees ({lens.source}); --field-of-view")
    print(f"what the photo shows is taken to be {distance:g} units away; --distance")
    print(f"path {moves}: {describe(done.spec)}")
    if model.motion and (text := warning(model.motion, done.spec)):
        print(text, file=sys.stderr)
    for run in done.runs:
        print(f"video: {run.place.video}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Make a video from one photo: the frames that a camera sees on a path that "
        "begins where the photo was taken. Without options the camera moves around what the photo "
        "shows. Started again, the command goes on where it was stopped."
    )
    add = parser.add_argument
    add("photo", type=Path, metavar="PHOTO", help="a picture of any size; its centre square counts")
    text = (
        f"one or more of {', '.join(PRESETS)}, such as orbit, pan:20 or dolly:0.5 pan:20; or a "
        "file of cameras in any format that make-trajectory cameras takes (default: orbit)"
    )
    add("--path", nargs="+", default=["orbit"], metavar="MOVE", help=text)
    text = "frames of the video, the photo included (default: %(default)s)"
    add("--frames", type=int, default=20, metavar="N", help=text)
    text = (
        "to what the photo shows, in the unit of the model's training data, which is a metre for "
        f"the shipped model; the moves grow with it (default: {DISTANCE_LOOKED_AT:g} metres, in "
        "the unit that the weights tell)"
    )
    add("--distance", type=float, metavar="LENGTH", help=text)
    text = "across the photo's centre square (default: by the photo's EXIF, else 55)"
    add("--field-of-view", type=float, metavar="DEGREES", help=text)
    add("--smooth", action="store_true", help="round corners, and begin and end gently")
    text = "what each frame is made from: previous, last-K, all, keyframes-K (default: %(default)s)"
    add("--condition", default="previous", metavar="RULE", help=text)
    text = "folder to write to, relative to --instance-data (default: named after photo and path)"
    add("-o", "--output", type=Path, metavar="samples/NAME", help=text)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--runs", type=int, default=1, metavar="N", help="make so many draws")
    which.add_argument("--run", type=int, metavar="NUMBER", help="make this draw alone")
    text = "frames a second of the video (default: %(default)g)"
    add("--fps", type=float, default=10.0, metavar="N", help=text)
    add_method(parser)
    add_model(parser)
    add_device(parser)
    add_compile(parser)
    add_instance_data(parser)
    return parser.parse_args(arguments)
