"""A COLMAP model's binary files: little-endian numbers, without any padding."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...utils.reading import check_file
from .colmap_records import BY_NAME, BY_NUMBER, ColmapImage, ColmapLens, ColmapModel

COUNT = struct.Struct("<Q")
LENS = struct.Struct("<iiQQ")  # number, model, width, height; then the parameters
IMAGE = struct.Struct("<i7di")  # number, quaternion and translation, lens; then the name
LONGEST_NAME = 4096  # bytes
POINT_BYTES = 24  # of an image's point: x, y and the number of its 3D point


class _Records:
    """A file of records, read from the front; points are skipped, as a model may have gigabytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Iterator[int]:
        """As many numbers as the file says it has records; at the end nothing may be left."""
        yield from range(self.numbers(COUNT)[0])
        if self.file.tell() < self.size:
            raise ValueError(
                f"damaged: {self.size - self.file.tell()} bytes behind the last record"
            )

    def numbers(self, layout: struct.Struct) -> tuple:
        self._check(layout.size)
        return layout.unpack(self.file.read(layout.size))

    def text(self) -> str:
        """Up to a zero byte."""
        name = bytearray()
        while (byte := self.file.read(1)) != b"\0":
            if not byte or len(name) == LONGEST_NAME:
                raise ValueError("damaged: a name does not end")
            name += byte
        return name.decode()

    def skip(self, count: int) -> None:
        self._check(count)
        self.file.seek(count, os.SEEK_CUR)

    def _check(self, count: int) -> None:
        end = self.file.tell() + count
        if end > self.size:
            raise ValueError(f"damaged: {self.size} bytes; expected at least {end}")


@contextmanager
def _records(path: Path) -> Iterator[_Records]:
    size = check_file(path, "a file of a COLMAP model")
    with path.open("rb") as file:
        yield _Records(file, size)


def read_lenses(path: Path) -> dict[int, ColmapLens]:
    """The lenses of cameras.bin by their number. Raises ValueError for a damaged file."""
    lenses = {}
    with _records(path) as records:
        for _ in records:
            key, number, width, height = records.numbers(LENS)
            if number not in BY_NUMBER:
                raise ValueError(f"camera {key}: no model {number}; expected COLMAP's, 0 to 11")
            model = BY_NUMBER[number]
            parameters = records.numbers(struct.Struct(f"<{model.parameters}d"))
            lenses[key] = ColmapLens(model.name, width, height, parameters)
    return lenses


def read_images(path: Path) -> list[ColmapImage]:
    """The images of images.bin. Raises ValueError for a damaged file."""
    images = []
    with _records(path) as records:
        for _ in records:
            _, *pose, lens = records.numbers(IMAGE)
            images.append(ColmapImage(tuple(pose), lens, records.text()))
            records.skip(POINT_BYTES * records.numbers(COUNT)[0])
    return images


def contents(model: ColmapModel) -> dict[str, bytes]:
    """The files of a model without points, by name."""
    lenses, images = [COUNT.pack(len(model.lenses))], [COUNT.pack(len(model.images))]
    for key, lens in model.lenses.items():
        number = BY_NAME[lens.model].number
        lenses.append(LENS.pack(key, number, lens.width, lens.height))
        lenses.append(struct.pack(f"<{len(lens.parameters)}d", *lens.parameters))
    for index, image in enumerate(model.images, start=1):
        images.append(IMAGE.pack(index, *image.pose, image.lens))
        images.append(image.name.encode() + b"\0" + COUNT.pack(0))
    return {
        "cameras.bin": b"".join(lenses),
        "images.bin": b"".join(images),
        "points3D.bin": COUNT.pack(0),
    }
