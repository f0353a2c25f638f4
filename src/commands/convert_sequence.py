"""The command convert-sequence: posed images or a posed video of one's own to RealEstate10K's format."""

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..cameras.files.reading import read_cameras
from ..datasets.convert import Place, convert_images, convert_video
from ..datasets.extract import DATA
from ..datasets.pairs import MINIMUM_POSES


def main(arguments: list[str] | None = None) -> None:
    """The command `convert-sequence.py`."""
    options = _parse(arguments)
    rate = None if options.fps is None else Fraction(options.fps).limit_denominator(1001)
    cameras = read_cameras(options.poses)
    if len(cameras) < MINIMUM_POSES:
        raise ValueError(
            f"{options.poses}: {len(cameras)} poses; expected at least {MINIMUM_POSES}"
        )
    place = Place(options.data, options.split, options.name)
    if options.video:
        done = convert_video(
            place, cameras, options.video, rate, options.first_number, options.force
        )
    else:
        done = convert_images(place, cameras, options.images, rate or Fraction(10), options.force)
    positions = np.stack([camera.pose[:3, 3] for camera in cameras])
    step = float(np.median(np.linalg.norm(np.diff(positions, axis=0), axis=1)))
    print(f"{options.name}: {done}; video {place.video_id}, poses {place.text}")
    print(
        f"the camera moves {step:.3g} units from pose to pose (median); next: extract-poses.py {options.split}"
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Convert posed images or a posed video to RealEstate10K's format, to train on. Any unit of length will do: "
        "it becomes the model's. Lens distortion is refused (undistort first), and so are frames narrower than high."
    )
    add = parser.add_argument
    add("split", metavar="SPLIT", help="train, test, or another folder's name")
    add("--name", required=True, help="of this sequence; the names of its files follow from it")
    footage = parser.add_mutually_exclusive_group(required=True)
    footage.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="the cameras' images; written as a video, 360 pixels high",
    )
    footage.add_argument(
        "--video", type=Path, metavar="FILE", help="or a video of the cameras; copied as it is"
    )
    add(
        "--poses",
        type=Path,
        required=True,
        metavar="PATH",
        help="COLMAP folder, transforms.json, sampling-spec.json, *.txt",
    )
    fps = "frames a second: of the written video (default: 10); with --video, of the images that the poses name"
    add("--fps", type=float, help=fps)
    first = "with --video: the number of its first frame in those images' names (ffmpeg -vf fps=N:round=up starts with 1)"
    add("--first-number", type=int, metavar="N", help=first)
    add(
        "--data",
        type=Path,
        default=DATA,
        metavar="DIR",
        help="folder of all data (default: dataset-data/data)",
    )
    add("--force", action="store_true", help="replace a sequence of the same name")
    options = parser.parse_args(arguments)
    if options.fps is not None and not 0.1 <= options.fps <= 240:
        raise ValueError(f"--fps {options.fps:g}: expected 0.1 to 240 frames a second")
    if options.images and options.first_number is not None:
        raise ValueError(
            "--first-number: goes with --video; expected none with --images, which are taken in order"
        )
    return options
