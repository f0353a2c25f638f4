"""The entrance of every file that is read: a regular file, no larger than its kind ever is.

`json_files`, `yaml_files` and `arrays` read their formats through here, and add limits of their
own. A file comes from anywhere: a pipe would be waited for without end, and a large one would fill
the memory.
"""

import stat
from pathlib import Path

MEGABYTE = 1_000_000
TEXT_BYTES = 32 * MEGABYTE  # a path of 60,000 poses has 20


def check_file(path: Path, expected: str, most_bytes: int | None = None) -> int:
    """The size of a regular file, in bytes.

    expected: what it should be, for messages. most_bytes: None for no limit, where the file is
    mapped or read piece by piece. Raises FileNotFoundError, or ValueError for a folder, a pipe, a
    device, or a file that is too large.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{path}: no such file; expected {expected}") from error
    except ValueError as error:  # a name that no file can have
        raise ValueError(f"{path!s}: {error}; expected {expected}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ValueError(f"{path}: {kind}; expected {expected}")
    if most_bytes is not None and status.st_size > most_bytes:
        raise ValueError(
            f"{path}: {status.st_size / MEGABYTE:.0f} MB; expected {expected}, of at most "
            f"{most_bytes / MEGABYTE:g} MB"
        )
    return status.st_size


def read_bytes(path: Path, expected: str, most_bytes: int = TEXT_BYTES) -> bytes:
    """The content of a file; raises as `check_file`."""
    check_file(path, expected, most_bytes)
    return path.read_bytes()


def read_text(
    path: Path, expected: str, most_bytes: int = TEXT_BYTES, errors: str = "strict"
) -> str:
    """The content of a text file in UTF-8, with or without a byte order mark.

    errors: as for `bytes.decode`. Raises as `check_file`, and ValueError for other encodings.
    """
    content = read_bytes(path, expected, most_bytes)
    try:
        text = content.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no UTF-8 text ({error.reason}); expected {expected}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_nesting(content: object, where: str, deepest: int = 100, most: int | None = None) -> None:
    """Raise ValueError for lists and dicts that are nested too deep, or too many of them.

    What walks through a deep value calls itself as often, and Python ends such calls. most: None
    for no limit, where the file's size is one.
    """
    level, depth, count = [content], 0, 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth, count = depth + 1, count + len(level)
        if depth > deepest:
            raise ValueError(f"{where}: nested more than {deepest} levels deep")
        if most is not None and count > most:
            raise ValueError(f"{where}: more than {most:,} lists and groups")
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
