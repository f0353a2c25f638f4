"""The camera paths of make-trajectory: each a subcommand, with a function that builds it."""

import argparse
import inspect
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..cameras import paths as presets
from .options import add_axes, add_instance_data

OPTION_HELP = {
    "frames": (int, "N", "frames of the path, the given one included"),
    "radius": (float, "LENGTH", "of the circle"),
    "distance": (float, "LENGTH", "to travel, or from the point looked at (spin: at the start)"),
    "angle": (float, "DEGREES", "to sweep in all"),
    "height": (float, "LENGTH", "to rise on the way"),
}
UNITS = (
    "Lengths have the unit of the model's training data, a metre for the shipped model. "
    "RealEstate10K's is arbitrary, typically 0.05 to 0.3 from frame to frame. Default lengths "
    "follow what the weights say of their training. Poses are camera-to-world; the camera has x "
    "right, y up and looks along -z."
)


def add_paths(kinds: argparse._SubParsersAction) -> None:
    """A subcommand for each path.

    Its option `build` makes a `CameraPath` of the options and of `motion`, that of the model's
    training pairs or None. `sizes` names the options that make the path more gentle.
    """
    for name, preset in presets.PRESETS.items():
        _add_preset(kinds, name, preset)
    _add_join(kinds)
    _add_keyframes(kinds)
    _add_realestate10k(kinds)
    _add_cameras(kinds)


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
        for option, value in presets.default_sizes(name, _unit(options)).items():
            if getattr(options, option) is None:
                setattr(options, option, value)
        values = {option: getattr(options, option) for option in parameters}
        for option, value in values.items():
            if not math.isfinite(value):
                raise ValueError(f"--{option} {value}: expected a finite number")
        return presets.CameraPath(preset(**values))

    kind.set_defaults(build=build, sizes=tuple(parameters))


def _unit(options: argparse.Namespace) -> float:
    """How many units of the model's poses are a metre."""
    return options.motion.unit if options.motion else 1.0


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

        moves = [parse_move(move, unit=_unit(options)) for move in options.moves]
        return presets.CameraPath(join(moves, options.frames, options.smooth))

    kind.set_defaults(build=build, sizes=("frames",))


def _add_keyframes(kinds: argparse._SubParsersAction) -> None:
    text = (
        "A smooth path through keyframes of your own, or through the cameras of any file. "
        "Keyframes are JSON: a list of objects with a 4x4 `pose`, or with a `position` and a point "
        "to `look_at`, and perhaps a `time`. The given image is seen from the first."
    )
    kind = _add_kind(kinds, "keyframes", text)
    text = "the keyframes, or a file of cameras (a COLMAP model, transforms.json, …)"
    kind.add_argument("file", type=Path, metavar="FILE", help=text)
    text = "frames of the path, the given one included (default: %(default)s)"
    kind.add_argument("--frames", type=int, default=20, metavar="N", help=text)
    text = "even steps, whatever the keyframes' times (default: only where they have none)"
    kind.add_argument("--constant-speed", action="store_true", help=text)

    def build(options: argparse.Namespace) -> presets.CameraPath:
        from ..cameras.files.keyframes import read_keyframes
        from ..cameras.keyframes import keyframe_path

        poses, times = read_keyframes(options.file)
        constant_speed = options.constant_speed or times is None
        return presets.CameraPath(keyframe_path(poses, options.frames, times, constant_speed))

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
    _add_choice(kind)
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


def _add_cameras(kinds: argparse._SubParsersAction) -> None:
    text = (
        "The cameras of any file, with its focal length if there is one: a COLMAP model's folder, "
        "transforms.json (nerfstudio, Blender), camera_path.json, a RealEstate10K text file, "
        "4x4 camera-to-world matrices (.npy, .npz, .json) or another sampling-spec.json."
    )
    kind = _add_kind(kinds, "cameras", text, aliases=["matrices"])
    kind.add_argument("file", type=Path, metavar="FILE", help="the file, or COLMAP's folder")
    add_axes(kind)
    text = "frames of the path (default: all cameras)"
    kind.add_argument("--frames", type=int, metavar="N", help=text)
    _add_choice(kind)

    def build(options: argparse.Namespace) -> presets.CameraPath:
        from ..cameras.files.path import path_of_file

        which = options.frames, options.every, options.start
        return path_of_file(options.file, options.axes, *which)

    kind.set_defaults(build=build)


def _add_choice(kind: argparse.ArgumentParser) -> None:
    """--every and --start."""
    text = "use every N-th pose (default: %(default)s)"
    kind.add_argument("--every", type=int, default=1, metavar="N", help=text)
    text = "number of the first pose, from 0 (default: %(default)s)"
    kind.add_argument("--start", type=int, default=0, metavar="N", help=text)


def _add_kind(
    kinds: argparse._SubParsersAction, name: str, description: str, aliases: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """A subcommand with the options that all have."""
    summary = description.splitlines()[0]
    kind = kinds.add_parser(
        name, help=summary, description=f"{description} {UNITS}", aliases=aliases
    )
    add = kind.add_argument
    text = "folder to write to, relative to --instance-data"
    add("-o", "--output", type=Path, metavar="samples/NAME", help=text)
    text = "given image, kept as it is without --crop; one for each of --given, in that order"
    add("--image", type=Path, nargs="+", metavar="FILE", help=text)
    text = (
        "the square of the photo that is used: centre, left, right, top, bottom, or x,y as "
        "fractions from the top left. Beside the centre the photo is turned, so that the camera "
        "looks at the square's middle (default: centre)"
    )
    add("--crop", metavar="PLACE", help=text)
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
