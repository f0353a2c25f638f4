"""The command make-trajectory: a camera path as a sampling specification, beside a photo."""

import argparse
import inspect
import math
import sys
from collections import Counter
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import numpy as np

from ..cameras import paths as presets
from .options import add_instance_data

OPTION_HELP = {
    "frames": (int, "N", "frames of the path, the given one included"),
    "radius": (float, "LENGTH", "of the circle"),
    "distance": (float, "LENGTH", "to travel, or from the point looked at (spin: at the start)"),
    "angle": (float, "DEGREES", "to sweep in all"),
}
UNITS = (
    "Lengths have the unit of the model's training data, a metre for the shipped model. "
    "RealEstate10K's is arbitrary, typically 0.05 to 0.3 from frame to frame. Default lengths "
    "follow what the weights say of their training. Poses are camera-to-world; the camera has x "
    "right, y up and looks along -z."
)


def main(arguments: list[str] | None = None) -> None:
    """Write the path, and say what was written; nothing is overwritten without --force."""
    options = parse(arguments)
    from ..cameras.conditioning import conditioning
    from ..cameras.plot import describe, plot_path
    from ..cameras.spec import SamplingSpec, spec_differs, write_spec
    from ..datasets.video import sample_images
    from ..models.motion import motion_to_expect
    from ..samples import Sample, given_photos
    from ..utils.files import refuse_overwriting

    options.motion = motion_to_expect(options.instance_data)
    path, given = _path(options), tuple(options.given)
    order = conditioning(len(path.poses), options.condition, given)
    spec = SamplingSpec(_focal_y(options, path.focal_y), path.poses, *order)
    if options.plot:
        plot_path(options.plot, spec)
        print(options.plot)
    if options.output:
        sample = Sample(options.instance_data / options.output)
        if options.video:
            images = sample_images(options.video, path.timestamps, given)
        else:
            images = given_photos(options.image or [], given)
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


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Write a camera path as sampling-spec.json. "
        f"{UNITS} PATH --help lists the options of each path."
    )
    kinds = parser.add_subparsers(metavar="PATH", required=True, help="one of:")
    for name, preset in presets.PRESETS.items():
        _add_preset(kinds, name, preset)
    _add_join(kinds)
    _add_realestate10k(kinds)
    _add_matrices(kinds)
    options = parser.parse_args(_naming_joins(arguments))
    if not (options.output or options.json or options.plot):
        parser.error("nothing to write: give -o samples/NAME, --json FILE or --plot FILE")
    if (options.image or options.video) and not options.output:
        parser.error("images go into a sample's folder: give -o samples/NAME")
    if options.image and options.video:
        parser.error("--image and --video: expected one of them")
    return options


def _add_preset(
    kinds: argparse._SubParsersAction, name: str, preset: Callable[..., np.ndarray]
) -> None:
    kind = _add_kind(kinds, name, inspect.cleandoc(preset.__doc__))
    parameters = inspect.signature(preset).parameters
    for option, parameter in parameters.items():
        to_type, unit, text = OPTION_HELP[option]
        text = f"{text} (default: {parameter.default:g}{' metres' * (unit == 'LENGTH')})"
        kind.add_argument(f"--{option}", type=to_type, metavar=unit, help=text)

    def build(options: argparse.Namespace) -> presets.CameraPath:
        unit = options.motion.unit if options.motion else 1.0
        for option, value in presets.default_sizes(name, unit).items():
            if getattr(options, option) is None:
                setattr(options, option, value)
        values = {option: getattr(options, option) for option in parameters}
        for option, value in values.items():
            if not math.isfinite(value):
                raise ValueError(f"--{option} {value}: expected a finite number")
        return presets.CameraPath(preset(**values))

    kind.set_defaults(build=build, sizes=tuple(parameters))


def _naming_joins(arguments: list[str] | None) -> list[str]:
    """The arguments, with `join` before several moves such as `dolly:1 pan:40`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    moves = list(takewhile(lambda word: word.partition(":")[0] in presets.PRESETS, arguments))
    is_join = len(moves) > 1 or any(":" in move for move in moves)
    return ["join", *arguments] if is_join else arguments


def _add_join(kinds: argparse._SubParsersAction) -> None:
    text = (
        "Several moves one after the other, such as dolly:1 pan:40 orbit:radius=2,angle=30. A "
        "number alone is the distance to travel, or the angle. The word join may be left out."
    )
    kind = _add_kind(kinds, "join", text)
    kind.add_argument("moves", nargs="+", metavar="MOVE", help=f"of {', '.join(presets.PRESETS)}")
    text = "frames of the whole path, the given one included (default: %(default)s)"
    kind.add_argument("--frames", type=int, default=20, metavar="N", help=text)
    text = "round the corners, and begin and end gently"
    kind.add_argument("--smooth", action="store_true", help=text)

    def build(options: argparse.Namespace) -> presets.CameraPath:
        from ..cameras.joining import join, parse_move

        unit = options.motion.unit if options.motion else 1.0
        moves = [parse_move(move, unit) for move in options.moves]
        return presets.CameraPath(join(moves, options.frames, options.smooth))

    kind.set_defaults(build=build, sizes=("frames",))


def _add_realestate10k(kinds: argparse._SubParsersAction) -> None:
    text = "The path of a RealEstate10K sequence, with its focal length."
    kind = _add_kind(kinds, "realestate10k", text)
    text = "its text file, or with --poses its id"
    kind.add_argument("--sequence", required=True, metavar="FILE|ID", help=text)
    text = "poses.npy that holds the sequence (extract-poses.py writes it)"
    kind.add_argument("--poses", type=Path, metavar="FILE", help=text)
    text = "frames of the path (default: %(default)s)"
    kind.add_argument("--frames", type=int, default=20, metavar="N", help=text)
    text = "use every N-th pose (default: %(default)s)"
    kind.add_argument("--every", type=int, default=1, metavar="N", help=text)
    text = "number of the first pose, from 0 (default: %(default)s)"
    kind.add_argument("--start", type=int, default=0, metavar="N", help=text)
    text = (
        "the sequence's video: its frames become the given images, and, in true-ims, what "
        "evaluation compares with"
    )
    kind.add_argument("--video", type=Path, metavar="FILE", help=text)
    kind.set_defaults(build=_realestate10k_path)


def _realestate10k_path(options: argparse.Namespace) -> presets.CameraPath:
    from ..cameras.realestate10k import read_realestate10k_text, sequence_path
    from ..datasets.poses import find_sequence

    name, which = options.sequence, (options.frames, options.every, options.start)
    if options.poses is not None:
        found, where = find_sequence(name, options.poses), f"sequence {name} of {options.poses}"
    elif Path(name).is_file():
        found, where = read_realestate10k_text(name), name
    else:
        raise FileNotFoundError(
            f"{name}: no such RealEstate10K text file; with an id, give its poses.npy by --poses"
        )
    return sequence_path(found, where, *which)


def _add_matrices(kinds: argparse._SubParsersAction) -> None:
    text = "Your own 4x4 camera-to-world matrices, or the poses of another sampling-spec.json."
    kind = _add_kind(kinds, "matrices", text)
    text = ".npy (n, 4, 4), or .json: a list of 4x4 lists, or an object's `poses`"
    kind.add_argument("file", type=Path, metavar="FILE", help=text)
    text = (
        "of the file's cameras. blender: x right, y up, looking along -z. opencv: x right, y down, "
        "looking along +z (default: %(default)s)"
    )
    kind.add_argument("--axes", choices=("blender", "opencv"), default="blender", help=text)

    def build(options: argparse.Namespace) -> presets.CameraPath:
        from ..cameras.files.matrices import matrices

        return matrices(options.file, options.axes)

    kind.set_defaults(build=build)


def _add_kind(
    kinds: argparse._SubParsersAction, name: str, description: str
) -> argparse.ArgumentParser:
    """A subcommand with the options that all have."""
    summary = description.splitlines()[0]
    kind = kinds.add_parser(name, help=summary, description=f"{description} {UNITS}")
    add = kind.add_argument
    text = "folder to write to, relative to --instance-data"
    add("-o", "--output", type=Path, metavar="samples/NAME", help=text)
    text = "given image, copied as it is; one for each of --given, in that order"
    add("--image", type=Path, nargs="+", metavar="FILE", help=text)
    add("--json", type=Path, metavar="FILE", help="write the specification to this file")
    text = "draw the path into this picture, .png, .svg or .pdf (replaced)"
    add("--plot", type=Path, metavar="FILE", help=text)
    text = "numbers of the frames that are given, 0 among them (default: 0)"
    add("--given", type=int, nargs="+", default=[0], metavar="N", help=text)
    text = (
        "what each frame is generated from. previous: the one before. last-K: the K before. all: "
        "all before. keyframes-K: first every K-th, each from the keyframe before, then the "
        "others, from the keyframes around them (default: %(default)s)"
    )
    add("--condition", default="previous", metavar="RULE", help=text)
    text = "go back along the path as well: 2 N - 1 frames"
    add("--return-trip", action="store_true", help=text)
    focal = kind.add_mutually_exclusive_group()
    text = (
        "focal length as a fraction of the square frame's height (default: the path's, else the "
        f"photo's by its EXIF, else 55 degrees; without a photo {presets.PAPER_FOCAL_Y:.4f})"
    )
    focal.add_argument("--focal-y", type=float, metavar="FRACTION", help=text)
    text = "of the square frame; instead of --focal-y"
    focal.add_argument("--field-of-view", type=float, metavar="DEGREES", help=text)
    text = "replace a specification or image that differs"
    add("--force", action="store_true", help=text)
    add_instance_data(kind)
    kind.set_defaults(video=None, sizes=())
    return kind
