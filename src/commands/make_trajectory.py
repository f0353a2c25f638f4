"""The command make-trajectory: a camera path as a sampling specification, beside a photo."""

import argparse
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ..cameras import paths as presets
from .path_options import UNITS, add_paths

if TYPE_CHECKING:
    from ..cameras.crop import Crop


def main(arguments: list[str] | None = None) -> None:
    """Write the path, and say what was written; nothing is overwritten without --force."""
    options = parse(arguments)
    from ..cameras.conditioning import conditioning
    from ..cameras.motion import describe
    from ..cameras.spec import SamplingSpec, spec_differs, write_spec
    from ..datasets.video import sample_images
    from ..models.motion import motion_to_expect
    from ..samples import GIVEN_IMAGES, Sample, given_photos
    from ..utils.files import refuse_overwriting
    from ..utils.pictures import png_bytes

    options.motion = motion_to_expect(options.instance_data)
    path, given = _path(options), tuple(options.given)
    for note in path.notes:
        print(note)
    order = conditioning(len(path.poses), options.condition, given)
    images = given_photos(options.image or [], given)
    focal_y = _focal_y(options, path.focal_y)
    crop = _cropped(options, focal_y)
    spec = SamplingSpec(crop.focal_y if crop else focal_y, path.poses, *order)
    if options.plot:
        from ..cameras.plot import plot_path

        plot_path(options.plot, spec)
        print(options.plot)
    if options.output:
        sample = Sample(options.instance_data / options.output)
        if options.video:
            images = sample_images(options.video, path.timestamps, given)
        elif crop:
            images = {GIVEN_IMAGES / "0000.png": png_bytes(crop.image)}
        sample.write(spec, images, options.force)
        _print_sample(sample, spec, images)
    if options.json:
        refuse_overwriting(
            [options.json] if spec_differs(options.json, spec) else [], options.force
        )
        write_spec(options.json, spec)
        print(options.json)
    print(describe(spec))
    _warn(options, spec)


def _path(options: argparse.Namespace) -> presets.CameraPath:
    path = options.build(options)
    return path.there_and_back() if options.return_trip else path


def _warn(options: argparse.Namespace, spec: object) -> None:
    """One line where the path goes beyond what the model learnt, with what would fit."""
    from ..cameras.conditioning import conditioning
    from ..cameras.motion import fitting_options, warning
    from ..cameras.spec import SamplingSpec

    def spec_of(**changed: float) -> SamplingSpec:
        poses = _path(argparse.Namespace(**vars(options) | changed)).poses
        order = conditioning(len(poses), options.condition, tuple(options.given))
        return SamplingSpec(spec.focal_y, poses, *order)

    motion = options.motion
    if motion and motion.excess(spec) > 1:
        sizes = {name: value for name in options.sizes if (value := getattr(options, name))}
        print(warning(motion, spec, fitting_options(motion, spec_of, sizes)), file=sys.stderr)


def _print_sample(sample: object, spec: object, images: dict[Path, bytes]) -> None:
    for folder, count in Counter(image.parent for image in images).items():
        print(f"{sample.directory / folder}: {count} images")
    print(sample.spec_file)
    missing = sample.missing_photos(spec)
    if missing:
        names = ", ".join(f"{index:04d}.png" for index in missing)
        print(f"next: put the given image into {sample.given_folder} as {names} (or jpg, webp, …)")


def _focal_y(options: argparse.Namespace, of_path: float | None) -> float:
    """The focal length asked for, else the path's own, else the photo's, else the paper's."""
    from ..cameras.photo import focal_y_of, lens_of_photo

    if options.field_of_view is not None:
        return focal_y_of(options.field_of_view)
    if options.focal_y is not None:
        return options.focal_y
    if of_path is not None:
        return of_path
    if not options.image:
        return presets.PAPER_FOCAL_Y
    lens = lens_of_photo(options.image[0])
    print(
        f"field of view: {lens.field_of_view:.0f} degrees ({lens.source}); --field-of-view DEGREES"
    )
    return lens.focal_y


def _cropped(options: argparse.Namespace, focal_y: float) -> "Crop | None":
    """The picture that --crop makes of the photo; None: the photo itself, of its centre square.

    Says which part of a photo is used.
    """
    from ..cameras.crop import crop_photo, place_of
    from ..utils.images import image_size, read_frame

    place = place_of(options.crop or "centre")
    if not options.image:
        return None
    height, width = image_size(options.image[0])
    if place == (0.5, 0.5):
        if height != width:
            other = "left or right" if width > height else "top or bottom"
            print(f"photo of {width} x {height}: its centre square is used; --crop {other}")
        return None
    crop = crop_photo(read_frame(options.image[0]), focal_y, place)
    print(
        f"photo of {width} x {height}: the square at {options.crop}, as a camera sees it that is "
        f"turned by {crop.turned:.0f} degrees, with a field of view of {crop.field_of_view:.0f}"
    )
    return crop


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Write a camera path as sampling-spec.json. "
        f"{UNITS} PATH --help lists the options of each path."
    )
    kinds = parser.add_subparsers(metavar="PATH", required=True, help="one of:")
    add_paths(kinds)
    options = parser.parse_args(_naming_joins(arguments))
    if not (options.output or options.json or options.plot):
        parser.error("nothing to write: give -o samples/NAME, --json FILE or --plot FILE")
    if (options.image or options.video) and not options.output:
        parser.error("images go into a sample's folder: give -o samples/NAME")
    if options.image and options.video:
        parser.error("--image and --video: expected one of them")
    if options.crop and len(options.image or []) != 1:
        parser.error("--crop: needs one photo, by --image")
    return options


def _naming_joins(arguments: list[str] | None) -> list[str]:
    """The arguments, with `join` before several moves such as `dolly:1 pan:40`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    moves = list(takewhile(lambda word: word.partition(":")[0] in presets.PRESETS, arguments))
    is_join = len(moves) > 1 or any(":" in move for move in moves)
    return ["join", *arguments] if is_join else arguments
