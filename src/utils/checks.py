"""Checks of settings. Each raises ValueError with the key, what was found and what was expected."""

import math
from collections.abc import Iterable


def check_at_least(smallest: float, section: str, settings: object, *names: str) -> None:
    """The settings of these names are numbers from `smallest` up; None passes."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not value >= smallest:
            raise ValueError(f"{section}.{name} {value}: expected at least {smallest}")


def check_above_zero(section: str, settings: object, *names: str) -> None:
    """The settings of these names are finite numbers above 0, or lists of such; None passes."""
    for name in names:
        value = getattr(settings, name)
        numbers = value if isinstance(value, list) else [0 if value is None else value]
        if value is not None and not (numbers and all(0 < one < math.inf for one in numbers)):
            what = "numbers" if isinstance(value, list) else "a number"
            raise ValueError(f"{section}.{name} {value}: expected {what} above 0")


def check_one_of(section: str, settings: object, name: str, allowed: Iterable[str]) -> None:
    """The setting of this name is one of the words `allowed`."""
    value = getattr(settings, name)
    if value not in allowed:
        raise ValueError(f"{section}.{name} {value!r}: expected one of {', '.join(allowed)}")
