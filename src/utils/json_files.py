"""Values of JSON files, checked: one clear line for what is not as expected."""

import json
import sys
from pathlib import Path


def read_json(path: Path) -> object:
    """The content of a JSON file; raises FileNotFoundError, or ValueError with the line and column of a mistake."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; scripts/make-trajectory.py writes sampling specifications"
        )
    try:
        return json.loads(
            path.read_text(encoding="utf-8-sig")
        )  # a byte order mark, as Windows editors write it, is fine
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error


def list_from_json(value: object, where: str, expected: str) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{where}: {shown(value)}; expected a list ({expected})")
    return value


def number_from_json(value: object, where: str) -> float:
    """A finite float; raises ValueError for any other JSON value."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) <= sys.float_info.max
    ):
        raise ValueError(f"{where}: {shown(value)}; expected a finite number")
    return float(value)


def indices_from_json(value: object, where: str) -> tuple[int, ...]:
    for index in list_from_json(value, where, "pose indices"):
        if isinstance(index, bool) or not isinstance(index, int):
            raise ValueError(f"{where}: {shown(index)}; expected integers (pose indices from 0)")
    return tuple(value)


def shown(value: object) -> str:
    """A JSON value for a message, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"


def joined(items: object) -> str:
    return ", ".join(str(item) for item in items)
