"""Writing files whole or not at all, and finding the repository's folders."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_base(module: Path, current: Path) -> Path:
    """The clone that the file `module` lies in, else the one around `current`, else `current`."""
    folders = [module.parents[2], current, *current.parents]
    return next((one for one in folders if (one / "custom-trajectories").is_dir()), current)


# Where default folders and the relative paths of settings start.
BASE = find_base(Path(__file__).resolve(), Path.cwd())


def from_base(path: str | None) -> Path | None:
    """The path that settings give, from BASE if it is relative; None for none."""
    return None if path is None else BASE / path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends without an error.

    Readers see the old file or the complete new one, never a part. The new content is flushed to
    the disk before it takes the name. On an error the temporary file is removed and `path` stays
    as it was. The temporary name ends in the same suffix, since writers of videos and images
    choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
