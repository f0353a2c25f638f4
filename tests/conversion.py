"""Images and cameras to convert, for tests of convert-sequence."""

import json

from numbered_video import picture
from PIL import Image
from test_camera_files import transforms

from photonvs.commands.convert_sequence import main
from photonvs.datasets.extract import extract
from photonvs.datasets.layout import Split
from photonvs.datasets.poses import load_poses

COUNT = 12
SIZE = 48, 86  # height, width; at 360 high the width is 645
FOCAL = 0.9  # of the height
NUMBERS = [7 * index + 3 for index in range(COUNT)]  # that the images show


def write_images(folder, numbers=NUMBERS, size=SIZE, name="frame_{}.png"):
    folder.mkdir(exist_ok=True)
    for index, number in enumerate(numbers):
        Image.fromarray(picture(number, size)).save(folder / name.format(index))
    return folder


def write_transforms(path, poses, size=SIZE, **keys):
    pixels = {"w": size[1], "h": size[0], "fl_x": FOCAL * size[0], "fl_y": FOCAL * size[0]}
    path.write_text(json.dumps(transforms(poses, **(pixels | keys))))
    return path


def converter(folder, poses):
    """A function that runs the command on cameras and images of a folder, or on others."""
    write_images(folder / "images", name="r_{}.png")
    write_transforms(folder / "transforms.json", poses)

    def run(*more, images="images", file="transforms.json", name="garden"):
        data = folder / "data"
        source = ["--images", folder / images] if images else []
        arguments = ["--name", name, *source, "--poses", folder / file, "--data", data, *more]
        main(["train", *map(str, arguments)])
        return data

    return run


def written(data):
    """The only video and the only text file."""
    (video,), (text,) = (
        (data / "train" / "videos").iterdir(),
        (data / "RealEstate10K-original" / "train").iterdir(),
    )
    return video, text


def extracted(data):
    extract(Split(data, "train"))
    (sequence,) = load_poses(data / "train" / "poses.npy").values()
    return sequence
