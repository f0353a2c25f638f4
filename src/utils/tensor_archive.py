"""The zip archive that a file of torch.save is: whether it is whole, and its checksums.

PyTorch reads tensors of an archive where they lie. It looks at no checksum, and takes compressed
bytes for numbers. So archives are checked here before PyTorch sees them.
"""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path

# What reading a damaged file, or a pickle without sense, raises.
DAMAGED = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, zlib.error)
DAMAGED += (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, AssertionError)
DAMAGED += (OverflowError, MemoryError, RuntimeError)  # NotImplementedError, RecursionError

BLOCK = 1 << 20  # bytes read at once


def is_zip(path: Path) -> bool:
    """Whether a file of torch.save has its present format, a zip archive, which can be mapped."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def check_archive(path: Path, tensors: bool = False) -> None:
    """Raise one of `DAMAGED` for an archive that is cut off, damaged, compressed or TorchScript.

    tensors: also hold the tensors to their checksums, which reads the whole file. The rest is held
    to its own in any case.
    """
    with zipfile.ZipFile(path) as archive:
        entries = check_entries(archive)
        for entry in entries if has_sums(entries) else ():
            if tensors or "/data/" not in entry.filename:
                with archive.open(entry) as content:
                    while content.read(BLOCK):  # its end compares the sums
                        pass


def check_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries of an archive, none of them compressed; raises one of `DAMAGED`."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    # Two archives in one file, or two entries of one name: which of them is meant?
    if min((entry.header_offset for entry in entries), default=0) or len(names) < len(entries):
        raise zipfile.BadZipFile("more than one archive or entry of a name")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise zipfile.BadZipFile(
            "its content is compressed, which torch.save never does: unpack it with unzip and "
            "pack it with zip -0 -r"
        )
    if any(name.endswith("/constants.pkl") for name in names):
        raise pickle.UnpicklingError("a TorchScript archive")
    return entries


def has_sums(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether the archive has checksums; set_crc32_options(False) of PyTorch leaves them out."""
    return any(entry.CRC for entry in entries)
