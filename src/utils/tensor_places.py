"""Where tensors lie in a file of torch.save, so that one is read without thousands of others.

Nothing that the file names is imported or run: see `inert_pickle`.
"""

import io
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from .inert_pickle import Ignored, Unpickler
from .tensor_archive import DAMAGED, check_entries, has_sums
from .words import one_line

STORAGES = {
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
}
DAMAGED_TENSOR = "the file is damaged: its bytes do not have their checksum"
LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip entry: lengths of the name and of what is added


class TensorPlace(NamedTuple):
    """A tensor in a file, whose numbers follow each other.

    offset: the byte it begins at. checksum: CRC-32 of its bytes; None: not known.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    checksum: int | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def summed(self, file: BinaryIO) -> "TensorPlace":
        """The same place with its checksum known, by reading it where the file does not say."""
        if self.checksum is not None:
            return self
        return self._replace(checksum=zlib.crc32(self.read(file).tobytes()))

    def read(self, file: BinaryIO) -> np.ndarray:
        """The numbers; raises ValueError if the file ends before, or these bytes have changed."""
        file.seek(self.offset)
        content = file.read(self.size)
        if len(content) != self.size:
            raise ValueError("the file is cut off")
        if self.checksum is not None and zlib.crc32(content) != self.checksum:
            raise ValueError(DAMAGED_TENSOR)
        return np.frombuffer(content, self.dtype).reshape(self.shape)


def locate_tensors(path: str | Path) -> object:
    """What a file of torch.save holds, with a `TensorPlace` for every tensor.

    Raises FileNotFoundError. Raises ValueError for a file that is damaged, compressed, or older
    than PyTorch's zip format.
    """
    try:
        with zipfile.ZipFile(path) as archive, Path(path).open("rb") as file:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            entries = _find(archive, file, name.removesuffix("data.pkl"))
            start, size, checksum = entries["data.pkl"]
            pickled = TensorPlace(np.dtype("u1"), (size,), start, checksum).read(file)
            return _Locator(io.BytesIO(pickled.tobytes()), entries).load()
    except OSError as error:
        if error.filename:  # it is not the content that is wrong
            raise
        raise ValueError(f"{path}: cannot be read ({error})") from error
    except DAMAGED as error:
        raise ValueError(
            f"{path}: not a whole file of tensors as torch.save writes it ({one_line(error)})"
        ) from error


class _Entry(NamedTuple):
    """The bytes of a storage: the first one, how many, and their CRC-32 if there is one."""

    start: int
    size: int
    checksum: int | None


def _find(archive: zipfile.ZipFile, file: BinaryIO, folder: str) -> dict[str, _Entry]:
    """Where each entry of a folder in the archive lies."""
    found, end = {}, file.seek(0, 2)
    infos = check_entries(archive)
    summed = has_sums(infos)
    for info in infos:
        if not info.filename.startswith(folder):
            continue
        file.seek(info.header_offset)
        name, added = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        start = info.header_offset + LOCAL_HEADER.size + name + added
        if start + info.file_size > end:
            raise ValueError("it is cut off")
        key = info.filename.removeprefix(folder)
        found[key] = _Entry(start, info.file_size, info.CRC if summed else None)
    return found


class _Storage(NamedTuple):
    dtype: np.dtype
    entry: _Entry


class _Placed(Ignored):
    """Stands for the function that makes a tensor of a storage."""

    def __new__(
        cls, storage: object, offset: int, shape: tuple, stride: tuple, *extras: object
    ) -> TensorPlace:
        if not isinstance(storage, _Storage) or min(offset, *shape, 0) < 0:
            raise ValueError("a tensor without a storage")
        steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        if any(n > 1 and step != own for n, step, own in zip(shape, stride, steps, strict=True)):
            raise ValueError("a tensor whose numbers do not follow each other")
        start, size, checksum = storage.entry
        place = TensorPlace(storage.dtype, tuple(shape), start + offset * storage.dtype.itemsize)
        if place.offset + place.size > start + size:
            raise ValueError("a tensor larger than its storage")
        return place._replace(checksum=checksum) if place.size == size else place


class _Locator(Unpickler):
    """The inert unpickler, with places for tensors."""

    def __init__(self, file: BinaryIO, entries: dict[str, _Entry]) -> None:
        super().__init__(file)
        self._entries = entries

    def find_class(self, module: str, name: str) -> type:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Placed
        if module == "torch" and name in STORAGES:
            return _storage_type(name)
        return super().find_class(module, name)

    def persistent_load(self, saved: object) -> _Storage:
        """A storage: its type, key, device and length."""
        kind, storage, key = saved[:3]
        if kind != "storage" or not issubclass(storage, _StorageType):
            raise ValueError("a persistent object that isn't a storage")
        return _Storage(storage.dtype, self._entries[f"data/{key}"])


class _StorageType(Ignored):
    """Stands for a storage's class."""

    dtype = np.dtype("u1")


def _storage_type(name: str) -> type:
    return type(name, (_StorageType,), {"__slots__": (), "dtype": np.dtype(STORAGES[name])})
