"""Arrays of `.npy` and `.npz` files, checked. Nothing in them is executed."""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .reading import MEGABYTE, check_file
from .words import one_line

ARRAY_BYTES = 256 * MEGABYTE  # of an array that is read into memory
ARCHIVE_BYTES = 1000 * MEGABYTE  # of all arrays of an archive together, unpacked
# What numpy and zipfile raise for damaged files.
DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_array(path: str | Path, mapped: bool = False) -> np.ndarray:
    """The array in a `.npy` file.

    mapped: leave it in the file, read-only, whatever its size; else it is read. Raises
    FileNotFoundError, or ValueError naming the file for what is no whole array of numbers.
    """
    path = Path(path)
    check_file(path, "a .npy file", None if mapped else ARRAY_BYTES)
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
            raise ValueError(f"{path}: not a .npy file, or cut off at its beginning")
    try:
        # Mapping compares the header's shape with the file's size before memory is asked for.
        array = np.lib.format.open_memmap(path, mode="r")
    except DAMAGED as error:
        raise ValueError(f"{path}: not a whole .npy file ({one_line(error, 120)})") from error
    return array if mapped else np.array(array)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays in a `.npz` file by name; raises as `read_array`."""
    path = Path(path)
    check_file(path, "a .npz file", ARCHIVE_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > ARCHIVE_BYTES:
            raise ValueError(f"{unpacked / MEGABYTE:.0f} MB when unpacked")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, *DAMAGED) as error:
        raise ValueError(f"{path}: not a whole .npz file ({one_line(error, 120)})") from error
