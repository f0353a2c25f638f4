"""A COLMAP model's text files.

cameras.txt has a line for each lens. images.txt has two for each image, of which the second lists
points and may be empty. Hand-made files often leave the second lines out, or have other empty
lines, so lines are told apart by what they hold.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ...utils.reading import check_file
from .colmap_records import ColmapImage, ColmapLens, ColmapModel

IMAGE_FIELDS = 10  # number, quaternion, translation, lens, name


def read_lenses(path: Path) -> dict[int, ColmapLens]:
    """The lenses of cameras.txt by their number. Raises ValueError naming the line."""
    lenses = {}
    for number, line in _lines(path):
        key, *rest = line.split()
        try:
            model, width, height, *parameters = rest
            numbers = tuple(float(value) for value in parameters)
            lenses[int(key)] = ColmapLens(model, int(width), int(height), numbers)
        except ValueError:
            raise ValueError(
                f"line {number}: found {line[:60]!r}; expected a number, a model, width, height "
                "and parameters"
            ) from None
    return lenses


def read_images(path: Path) -> list[ColmapImage]:
    """The images of images.txt. Raises ValueError naming the line."""
    images: list[ColmapImage] = []
    points_may_follow, said = False, None
    for number, line in _lines(path, comments=True):
        if line.startswith("#"):
            said = re.match(r"# Number of images: (\d+)", line) or said
        elif points_may_follow and _lists_points(line):
            points_may_follow = False
        else:
            images.append(_image(number, line))
            points_may_follow = True
    if said and int(said[1]) != len(images):
        raise ValueError(
            f"{len(images)} images, where its comment says {said[1]}; expected a whole file "
            "(delete the comment if it is)"
        )
    return images


def _image(number: int, line: str) -> ColmapImage:
    try:
        # A name may have spaces.
        _, *pose, lens, name = line.split(maxsplit=IMAGE_FIELDS - 1)
        if len(pose) != 7:
            raise ValueError
        return ColmapImage(tuple(float(value) for value in pose), int(lens), name.rstrip())
    except ValueError:
        raise ValueError(
            f"line {number}: found {line[:60]!r}; expected an image's number, quaternion, "
            "translation, camera and name"
        ) from None


def _lists_points(line: str) -> bool:
    """Whether a line is points, each x, y and a whole number; an image has one field more."""
    fields = line.split()
    if len(fields) % 3:
        return False
    whole = all(re.fullmatch(r"-?\d+", field) for field in fields[2::3])
    return whole and all(_is_number(field) for field in fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(path: Path, comments: bool = False) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that hold something. A model may have gigabytes of points."""
    check_file(path, "a file of a COLMAP model")
    # A byte order mark, as Windows editors write it, is fine.
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip() and (comments or not line.startswith("#")):
                yield number, line.rstrip("\n")


def contents(model: ColmapModel) -> dict[str, bytes]:
    """The files of a model without points, by name. Numbers are kept to the last bit."""
    lenses = [f"# Number of cameras: {len(model.lenses)}"]
    for key, lens in model.lenses.items():
        lenses.append(_line(key, lens.model, lens.width, lens.height, *lens.parameters))
    images = [f"# Number of images: {len(model.images)}"]
    for index, image in enumerate(model.images, start=1):
        images += [_line(index, *image.pose, image.lens, image.name), ""]
    points = ["# Number of points: 0"]
    files = {"cameras.txt": lenses, "images.txt": images, "points3D.txt": points}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in files.items()}


def _line(*values: object) -> str:
    return " ".join(str(value) for value in values)
