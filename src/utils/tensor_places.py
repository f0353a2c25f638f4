"""Where tensors lie in a file of torch.save, so that one is read without thousands of others.

Nothing that the file names is imported or run: see `inert_pickle`.
"""

import math
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from .inert_pickle import Ignored, Unpickler

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
DAMAGED = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, zlib.error)
DAMAGED += (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OSError)
DAMAGED += (OverflowError, MemoryError, NotImplementedError, RuntimeError, RecursionError)
LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip entry: lengths of the name and of what is added


class TensorPlace(NamedTuple):
    """A tensor in a file, whose numbers follow each other; offset: the byte it begins at."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, file: BinaryIO) -> np.ndarray:
        """The numbers; raises ValueError if the file ends before."""
        file.seek(self.offset)
        content = file.read(self.size)
        if len(content) != self.size:
            raise ValueError("the file is cut off")
        return np.frombuffer(content, self.dtype).reshape(self.shape)


def locate_tensors(path: str | Path) -> object:
    """What a file of torch.save holds, with a `TensorPlace` for every tensor.

    Raises FileNotFoundError. Raises ValueError for a file that is damaged, compressed, or older
    than PyTorch's zip format.
    """
    try:
        with zipfile.ZipFile(path) as archive, Path(path).open("rb") as file:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            starts = _starts(archive, file, name.removesuffix("data.pkl") + "data/")
            return _Locator(archive.open(name), starts).load()
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path}: not a whole file of tensors as torch.save writes it ({what})"
        ) from error


def _starts(archive: zipfile.ZipFile, file: BinaryIO, folder: str) -> dict[str, tuple[int, int]]:
    """First byte and size of each storage, by its key."""
    starts, end = {}, file.seek(0, 2)
    for entry in archive.infolist():
        if not entry.filename.startswith(folder):
            continue
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError("its tensors are compressed")
        file.seek(entry.header_offset)
        name, added = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        start = entry.header_offset + LOCAL_HEADER.size + name + added
        if start + entry.file_size > end:
            raise ValueError("it is cut off")
        starts[entry.filename.removeprefix(folder)] = start, entry.file_size
    return starts


class _Storage(NamedTuple):
    dtype: np.dtype
    start: int
    size: int


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
        place = TensorPlace(storage.dtype, tuple(shape), storage.start)
        place = place._replace(offset=storage.start + offset * storage.dtype.itemsize)
        if place.offset + place.size > storage.start + storage.size:
            raise ValueError("a tensor larger than its storage")
        return place


class _Locator(Unpickler):
    """The inert unpickler, with places for tensors."""

    def __init__(self, file: BinaryIO, starts: dict[str, tuple[int, int]]) -> None:
        super().__init__(file)
        self._starts = starts

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
        return _Storage(storage.dtype, *self._starts[key])


class _StorageType(Ignored):
    """Stands for a storage's class."""

    dtype = np.dtype("u1")


def _storage_type(name: str) -> type:
    return type(name, (_StorageType,), {"__slots__": (), "dtype": np.dtype(STORAGES[name])})
