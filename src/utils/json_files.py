"""Values of JSON files, checked: one clear line for what is not as expected."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from .reading import check_nesting, read_text

ITEMS = 20  # of a list that a message names
MOST_DIGITS = 20  # of whole numbers; 64 bits have 20


def read_json(path: Path) -> object:
    """The content of a JSON file.

    Raises FileNotFoundError, or ValueError with the line and column of a mistake.
    """
    return parse_json(read_text(path, "a JSON file"), str(path))


def parse_json(text: str, where: str) -> object:
    """JSON of a file or of a part of one, checked; raises ValueError that begins with `where`."""
    try:
        content = json.loads(text, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{where}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON: {error}") from error
    check_nesting(content, where)
    return content


def _whole_number(digits: str) -> int | float:
    """Beyond MOST_DIGITS the nearest float, which may be infinite: no array holds more."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def list_from_json(value: object, where: str, expected: str) -> list:
    """A list; raises ValueError for any other JSON value. expected: what it should hold."""
    if not isinstance(value, list):
        raise ValueError(f"{where}: {shown(value)}; expected a list ({expected})")
    return value


def number_from_json(value: object, where: str) -> float:
    """A finite float; raises ValueError for any other JSON value."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{where}: {shown(value)}; expected a finite number")
    return float(value)


def indices_from_json(value: object, where: str) -> tuple[int, ...]:
    """Integers; raises ValueError for any other JSON value."""
    for index in list_from_json(value, where, "pose indices"):
        if isinstance(index, bool) or not isinstance(index, int):
            raise ValueError(f"{where}: {shown(index)}; expected integers (pose indices from 0)")
    return tuple(value)


def shown(value: object) -> str:
    """A JSON value for a message, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"


def joined(items: Iterable) -> str:
    """Items for a message; the first ITEMS of many."""
    names = [str(item) for item in items]
    more = f" and {len(names) - ITEMS} more" if len(names) > ITEMS else ""
    return ", ".join(names[:ITEMS]) + more
