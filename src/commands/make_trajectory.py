"""The command that writes a camera path as a sampling specification, beside the given image; it can draw it too."""

import argparse
import inspect
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..cameras import paths as presets
from ..cameras.conditioning import conditioning
from ..cameras.files.matrices import matrices
from ..cameras.plot import describe, plot_path
from ..cameras.realestate10k import read_realestate10k_text, sequence_path
from ..cameras.spec import SamplingSpec, write_spec
from ..datasets.poses import find_sequence
from ..datasets.video import sample_images
from ..samples import (
    GIVEN_IMAGES,
    Sample,
    differs,
    numbered_images,
    refuse_overwriting,
)
from ..utils.pictures import IMAGE_SUFFIXES, read_frame
from .options import add_instance_data

OPTION_HELP = {
    "frames": (int, "N", "frames of the path, the given one included"),
    "radius": (float, "LENGTH", "of the circle"),
    "distance": (float, "LENGTH", "to travel, or from the point looked at (spin: at the start)"),
    "angle": (float, "DEGREES", "to sweep in all"),
}
UNITS = (
    "Lengths have the unit of the training data: RealEstate10K's is arbitrary, typically 0.05 to 0.3 from frame to frame. "
    "Poses are camera-to-world; the camera has x right, y up and looks along -z."
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command; raises ValueError or OSError with one line for the user, and then has overwritten no sample."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.output or options.json or options.plot):
        parser.error("nothing to write: give -o samples/NAME, --json FILE or --plot FILE")
    if (options.image or options.video) and not options.output:
        parser.error("images go into a sample's folder: give -o samples/NAME")
    if options.image and options.video:
        parser.error("--image and --video: expected one of them")
    path = options.build(options)
    if options.return_trip:
        path = path.there_and_back()
    spec = _make_spec(options, path)
    if options.plot:
        plot_path(options.plot, spec)
        print(options.plot)
    if options.output:
        given = options.given
        images = (
            sample_images(options.video, path.timestamps, given)
            if options.video
            else _photos(given, options.image or [])
        )
        sample = Sample(options.instance_data / options.output)
        sample.write(spec, images, options.force)
        _print_sample(sample, spec, images)
    if options.json:
        refuse_overwriting([options.json] if differs(options.json, spec) else [], options.force)
        write_spec(options.json, spec)
        print(options.json)
    print(describe(spec))


def _make_spec(options: argparse.Namespace, path: presets.CameraPath) -> SamplingSpec:
    focal_y = path.focal_y
    if options.field_of_view is not None:
        if not 0 < options.field_of_view < 180:
            raise ValueError(
                f"--field-of-view {options.field_of_view:g}: expected more than 0 and less than 180 degrees"
            )
        focal_y = 0.5 / math.tan(math.radians(options.field_of_view) / 2)
    elif options.focal_y is not None:
        focal_y = options.focal_y
    elif focal_y is None:
        focal_y = presets.PAPER_FOCAL_Y
    return SamplingSpec(
        focal_y, path.poses, *conditioning(len(path.poses), options.condition, tuple(options.given))
    )


def _photos(given: list[int], images: list[Path]) -> dict[Path, bytes]:
    """The given images as they are, by where they go in a sample's folder; nothing if there are no images."""
    if images and len(images) != len(given):
        raise ValueError(
            f"{len(images)} images for {len(given)} given frames; expected one for each, in the order of --given"
        )
    photos = {}
    for index, image in zip(given, images, strict=False):
        if not image.is_file():
            raise FileNotFoundError(f"{image}: no such image file")
        if image.suffix.lower() not in IMAGE_SUFFIXES:
            raise ValueError(f"{image}: expected an image file ({' '.join(IMAGE_SUFFIXES)})")
        read_frame(image)  # raises for one that sampling could not read
        photos[GIVEN_IMAGES / f"{index:04d}{image.suffix.lower()}"] = image.read_bytes()
    return photos


def _print_sample(sample: Sample, spec: SamplingSpec, images: dict[Path, bytes]) -> None:
    for folder, count in Counter(image.parent for image in images).items():
        print(f"{sample.directory / folder}: {count} images")
    print(sample.spec_file)
    if not set(spec.given) <= set(numbered_images(sample.given_folder)):
        names = ", ".join(f"{index:04d}.png" for index in spec.given)
        print(f"next: put the given image into {sample.given_folder} as {names} (or jpg, webp, …)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=f"Write a camera path as sampling-spec.json. {UNITS} PATH --help lists the options of each path."
    )
    kinds = parser.add_subparsers(metavar="PATH", required=True, help="one of:")
    for name, preset in presets.PRESETS.items():
        kind = _add_kind(kinds, name, inspect.cleandoc(preset.__doc__))
        parameters = inspect.signature(preset).parameters
        for option, parameter in parameters.items():
            kind_type, unit, text = OPTION_HELP[option]
            text = f"{text} (default: {parameter.default:g})"
            kind.add_argument(
                f"--{option}", type=kind_type, metavar=unit, default=parameter.default, help=text
            )
        kind.set_defaults(
            build=lambda options, preset=preset, names=tuple(parameters): _preset_poses(
                options, preset, names
            )
        )
    _add_realestate10k(kinds)
    kind = _add_kind(
        kinds,
        "matrices",
        "Your own 4x4 camera-to-world matrices, or the poses of another sampling-spec.json.",
    )
    kind.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help=".npy (n, 4, 4), or .json: a list of 4x4 lists, or an object's `poses`",
    )
    text = "of the file's cameras: blender: x right, y up, looking along -z; opencv: x right, y down, looking along +z"
    kind.add_argument(
        "--axes",
        choices=("blender", "opencv"),
        default="blender",
        help=f"{text} (default: blender)",
    )
    kind.set_defaults(build=lambda options: matrices(options.file, options.axes))
    return parser


def _preset_poses(
    options: argparse.Namespace, preset: Callable[..., np.ndarray], names: tuple[str, ...]
) -> presets.CameraPath:
    arguments = {name: getattr(options, name) for name in names}
    for name, value in arguments.items():
        if not math.isfinite(value):
            raise ValueError(f"--{name} {value}: expected a finite number")
    return presets.CameraPath(preset(**arguments))


def _add_realestate10k(kinds: argparse._SubParsersAction) -> None:
    kind = _add_kind(
        kinds, "realestate10k", "The path of a RealEstate10K sequence, with its focal length."
    )
    kind.add_argument(
        "--sequence", required=True, metavar="FILE|ID", help="its text file, or with --poses its id"
    )
    kind.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help="poses.npy that holds the sequence (extract-poses.py writes it)",
    )
    kind.add_argument(
        "--frames", type=int, default=20, metavar="N", help="frames of the path (default: 20)"
    )
    kind.add_argument(
        "--every", type=int, default=1, metavar="N", help="use every N-th pose (default: 1)"
    )
    kind.add_argument(
        "--start",
        type=int,
        default=0,
        metavar="N",
        help="number of the first pose, from 0 (default: 0)",
    )
    text = "the sequence's video: its frames become the given images, and, in true-ims, what evaluation compares with"
    kind.add_argument("--video", type=Path, metavar="FILE", help=text)
    kind.set_defaults(
        build=lambda options: _realestate10k_path(
            options.sequence, options.poses, options.frames, options.every, options.start
        )
    )


def _realestate10k_path(sequence: str, poses: Path | None, *which: int) -> presets.CameraPath:
    """sequence: a text file, or with `poses`, a poses.npy, an id in it. which: frames, every, start."""
    if poses is not None:
        where = f"sequence {sequence} of {poses}"
        return sequence_path(find_sequence(sequence, poses), where, *which)
    if not Path(sequence).is_file():
        raise FileNotFoundError(
            f"{sequence}: no such RealEstate10K text file; with an id, give its poses.npy by --poses"
        )
    return sequence_path(read_realestate10k_text(Path(sequence)), sequence, *which)


def _add_kind(
    kinds: argparse._SubParsersAction, name: str, description: str
) -> argparse.ArgumentParser:
    """A subcommand with the options that all have."""
    summary = description.splitlines()[0]
    kind = kinds.add_parser(name, help=summary, description=f"{description} {UNITS}")
    kind.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="samples/NAME",
        help="folder to write to, relative to --instance-data",
    )
    kind.add_argument(
        "--image",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="given image, copied as it is; one for each of --given, in that order",
    )
    kind.add_argument(
        "--json", type=Path, metavar="FILE", help="write the specification to this file"
    )
    kind.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the path into this picture, .png, .svg or .pdf (replaced)",
    )
    text = "numbers of the frames that are given, 0 among them (default: 0)"
    kind.add_argument("--given", type=int, nargs="+", default=[0], metavar="N", help=text)
    text = (
        "what each frame is generated from: previous: the one before; last-K: the K before; all: all before; keyframes-K: "
        "first every K-th, each from the keyframe before, then the others, from the keyframes around them (default: previous)"
    )
    kind.add_argument("--condition", default="previous", metavar="RULE", help=text)
    text = "go back along the path as well: 2 N - 1 frames"
    kind.add_argument("--return-trip", action="store_true", help=text)
    focal = kind.add_mutually_exclusive_group()
    text = f"focal length as a fraction of the square frame's height (default: the file's, otherwise {presets.PAPER_FOCAL_Y:.4f})"
    focal.add_argument("--focal-y", type=float, metavar="FRACTION", help=text)
    focal.add_argument(
        "--field-of-view",
        type=float,
        metavar="DEGREES",
        help="vertical, of the square frame; instead of --focal-y",
    )
    kind.set_defaults(video=None)
    kind.add_argument(
        "--force", action="store_true", help="replace a specification or image that differs"
    )
    add_instance_data(kind)
    return kind
