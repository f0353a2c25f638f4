"""Writing files whole or not at all, and finding the repository's folders."""

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from .reading import check_file

TEMPORARY = ".photonvs-"  # how names of temporary files begin
DAY = 24 * 60 * 60.0  # seconds


def find_base(module: Path, current: Path) -> Path:
    """The clone that the file `module` lies in, else the one around `current`, else `current`."""
    folders = [module.parents[2], current, *current.parents]
    return next((one for one in folders if (one / "custom-trajectories").is_dir()), current)


# Where default folders and the relative paths of settings start.
BASE = find_base(Path(__file__).resolve(), Path.cwd())


def from_base(path: str | None) -> Path | None:
    """The path that settings give, from BASE if it is relative; None for none."""
    return None if path is None else BASE / path


def instance_data_option(folder: Path) -> str:
    """What a command line needs after it to use this folder of instance data: nothing by default.

    The option has a space in front, and the folder as short as it can be said from here.
    """
    if folder.resolve() == BASE / "instance-data":
        return ""
    here = Path.cwd()
    near = folder.resolve().is_relative_to(here)
    return f" --instance-data {folder.resolve().relative_to(here) if near else folder}"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends without an error.

    Readers see the old file or the complete new one, never a part. The new content is flushed to
    the disk before it takes the name. On an error the temporary file is removed and `path` stays
    as it was. An OSError of the block names the file, as in `naming`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep_once(path.parent)
    temporary = temporary_beside(path)
    try:
        with naming(path, temporary):
            temporary.touch(exist_ok=False)
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Make an OSError of the block name `path`, if it names no file or the temporary one.

    A full disk does not say what it is full for.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None and not error.filename:
            raise OSError(f"{path}: could not be written ({error})") from error
        if error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def temporary_beside(path: Path) -> Path:
    """A name for a temporary file or folder in the same folder, that nothing has yet.

    It ends in the same suffix, since writers of videos and images choose the format by it. Nothing
    that lists frames, videos or texts takes a name with a dot in front.
    """
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}")


def sweep(folder: Path, name: str | None = None, age: float = DAY) -> None:
    """Remove what killed processes left of their temporary files in a folder.

    name: of the file that they were to become; None for any. age: seconds since anything was
    written to them. What was written lately may be of a process that runs.
    """
    end = "*" if name is None else glob.escape(name)
    for left in folder.glob(f"{TEMPORARY}{'[0-9a-f]' * 8}-{end}"):
        with suppress(OSError):  # another process sweeps, too
            if time.time() - left.stat().st_mtime >= age:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@lru_cache(maxsize=1000)  # a command writes many files into one folder
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def claim_space(file: IO, size: int) -> None:
    """Have the disk set aside `size` bytes for an open file that is to be mapped into memory.

    Writing to mapped memory on a full disk kills the process without a word. Raises OSError.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # file systems that cannot do it
            raise


def refuse_overwriting(paths: list[Path], force: bool) -> None:
    """Raise ValueError naming files that would be lost, unless `force`."""
    if paths and not force:
        names = ", ".join(str(path) for path in paths)
        raise ValueError(
            f"{names}: exists with another content, which would be lost; choose another name, "
            "or --force to replace it"
        )


def natural_order(path: Path | str) -> list[tuple[int, str]]:
    """A sort key in which frame_2 comes before frame_10."""
    parts = re.split(r"(\d+)", str(path))
    # Of two whole numbers the longer one is larger, and of two equally long ones the later one.
    # Python makes no number of thousands of digits.
    numbers = [part.lstrip("0") if part.isdigit() else None for part in parts]
    return [
        (-1, part) if number is None else (len(number), number)
        for part, number in zip(parts, numbers, strict=True)
    ]


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    check_file(path, "a file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
