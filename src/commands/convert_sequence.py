"""The command convert-sequence: posed images or a posed video to RealEstate10K's format."""

import argparse
from pathlib import Path

from .options import add_axes, add_data, add_shape, add_unmatched


def main(arguments: list[str] | None = None) -> None:
    """Convert one sequence, and say what was written and what comes next."""
    options = parse(arguments)
    from ..datasets.convert.place import Place
    from ..datasets.convert.sequence import convert_sequence
    from ..datasets.layout import Split

    place = Place(Split(options.data, options.split), options.name)
    converted = convert_sequence(
        place,
        options.poses,
        images=options.images,
        video=options.video,
        rate=options.fps,
        first_number=options.first_number,
        force=options.force,
        shape=options.shape,
        axes=options.axes,
        allow_unmatched=options.allow_unmatched,
    )
    print(f"{options.name}: {converted.done}; video {place.video_id}, poses {place.text}")
    print(
        f"the camera moves {converted.step:.3g} units from pose to pose (median); "
        f"next: extract-poses.py {options.split}"
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Convert posed images or a posed video to RealEstate10K's format, to train on. "
        "Any unit of length will do: it becomes the model's. Lens distortion is undone. Frames are "
        "cropped about the principal point where it is off the centre, and to squares if they are "
        "narrower than high."
    )
    parser.add_argument("split", metavar="SPLIT", help="train, test, or another folder's name")
    text = "name of this sequence; the names of its files follow from it"
    parser.add_argument("--name", required=True, help=text)
    text = (
        "the cameras: a COLMAP folder, transforms.json, or any other file that compute-tsed reads"
    )
    parser.add_argument("--poses", type=Path, required=True, metavar="PATH", help=text)
    footage = parser.add_mutually_exclusive_group(required=True)
    text = "the cameras' images; written as a video, 360 pixels high"
    footage.add_argument("--images", type=Path, metavar="DIR", help=text)
    text = "or a video of the cameras; copied as it is where training can take it"
    footage.add_argument("--video", type=Path, metavar="FILE", help=text)
    text = (
        "frames a second of the written video (default: 10); with --video, of the images that the "
        "poses name"
    )
    parser.add_argument("--fps", type=float, metavar="N", help=text)
    text = (
        "with --video: the number of its first frame in those images' names "
        "(ffmpeg -vf fps=N:round=up starts with 1)"
    )
    parser.add_argument("--first-number", type=int, metavar="N", help=text)
    add_shape(parser)
    add_axes(parser)
    add_unmatched(parser)
    add_data(parser)
    text = "replace a sequence of the same name"
    parser.add_argument("--force", action="store_true", help=text)
    return parser.parse_args(arguments)
