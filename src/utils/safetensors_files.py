"""Opening safetensors files, whose tensors and metadata are read as they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from .words import first_line


@contextmanager
def open_safetensors(path: Path) -> Iterator[Any]:
    """An open file of weights, as `safe_open` gives it.

    Raises FileNotFoundError, or ValueError for another file or a damaged one, in the block too.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(
            f"{path}: not a safetensors file, or a damaged one ({first_line(error)})"
        ) from error
