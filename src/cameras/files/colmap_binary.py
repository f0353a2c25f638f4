"""A COLMAP model's binary files: little-endian numbers, without any padding."""

import struct
from collections.abc import Iterator
from pathlib import Path

from .colmap_records import BY_NAME, BY_NUMBER, ColmapImage, ColmapLens, ColmapModel

COUNT = struct.Struct("<Q")
LENS = struct.Struct("<iiQQ")  # number, model, width, height; then the parameters
IMAGE = struct.Struct("<i7di")  # number, quaternion and translation, lens; then the name
POINT_BYTES = 24  # of an image's point: x, y and the number of its 3D point


class _Bytes:
    """The content of a file, read from the front."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def numbers(self, layout: struct.Struct) -> tuple:
        self.skip(layout.size)
        return layout.unpack_from(self.content, self.position - layout.size)

    def text(self) -> str:
        """Up to a zero byte."""
        end = self.content.find(b"\0", self.position)
        start, self.position = self.position, end + 1
        if end < 0:
            raise ValueError("damaged: a name does not end")
        return self.content[start:end].decode()

    def skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.content):
            raise ValueError(
                f"damaged: {len(self.content)} bytes; expected at least {self.position}"
            )

    def records(self) -> Iterator[int]:
        """As many numbers as the file says it has records; at the end nothing may be left."""
        yield from range(self.numbers(COUNT)[0])
        if self.position < len(self.content):
            left = len(self.content) - self.position
            raise ValueError(f"damaged: {left} bytes behind the last record")


def read_lenses(path: Path) -> dict[int, ColmapLens]:
    """The lenses of cameras.bin by their number. Raises ValueError for a damaged file."""
    file, lenses = _Bytes(path.read_bytes()), {}
    for _ in file.records():
        key, number, width, height = file.numbers(LENS)
        if number not in BY_NUMBER:
            raise ValueError(f"camera {key}: no model {number}; expected COLMAP's, 0 to 11")
        model = BY_NUMBER[number]
        parameters = file.numbers(struct.Struct(f"<{model.parameters}d"))
        lenses[key] = ColmapLens(model.name, width, height, parameters)
    return lenses


def read_images(path: Path) -> list[ColmapImage]:
    """The images of images.bin. Raises ValueError for a damaged file."""
    file, images = _Bytes(path.read_bytes()), []
    for _ in file.records():
        _, *pose, lens = file.numbers(IMAGE)
        images.append(ColmapImage(tuple(pose), lens, file.text()))
        file.skip(POINT_BYTES * file.numbers(COUNT)[0])
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
