"""Checks of settings. Each raises ValueError with the key, what was found and what was expected."""

import math
from collections.abc import Iterable
from dataclasses import fields


def check_at_least(smallest: float, section: str, settings: object, *names: str) -> None:
    """The settings of these names are numbers from `smallest` up; None passes."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not value >= smallest:
            raise ValueError(f"{section}.{name} {value}: expected at least {smallest}")


def check_between(
    smallest: float, largest: float, section: str, settings: object, *names: str
) -> None:
    """The settings of these names are numbers from `smallest` to `largest`; None passes."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not smallest <= value <= largest:
            raise ValueError(f"{section}.{name} {value}: expected {smallest:g} to {largest:g}")


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


def differences(section: str, found: object, wanted: object) -> str:
    """The settings that differ between two dataclasses of one kind, with both values.

    found: those of a file. wanted: those of the settings.
    """
    pairs = [
        (one.name, getattr(found, one.name), getattr(wanted, one.name)) for one in fields(found)
    ]
    return ", ".join(
        f"{section}.{name} is {there} in the file and {here} in the settings"
        for name, there, here in pairs
        if there != here
    )
