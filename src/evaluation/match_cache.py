"""Matches kept in a file, so that other cameras or thresholds are scored without matching anew."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..utils.arrays import read_arrays
from ..utils.files import atomic_path
from .matching import Frame, Matcher, Matches


class MatchCache:
    """The matches of a sequence's pairs of frames, in a file (npz), or in no file.

    A pair is known by the content of its two files and by the matcher's settings. So changed
    frames, versions or thresholds are matched anew.
    """

    def __init__(self, path: Path | None, matcher: Matcher) -> None:
        self._path = path
        self._settings = json.dumps(matcher.settings(), sort_keys=True)
        self._stored = {} if path is None else _read(path)
        self._used: dict[str, Matches] = {}

    def get(self, frame: Frame, other: Frame, match: Callable[[], Matches]) -> Matches:
        """The matches of two frames, from the file, or from `match` where it has none."""
        text = f"{self._settings} {frame.digest} {other.digest}"
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._used:
            self._used[key] = self._stored[key] if key in self._stored else match()
        return self._used[key]

    def save(self) -> None:
        """If there are new matches, write the file with those asked for, and no others."""
        if self._path is None or self._used.keys() <= self._stored.keys():
            return
        with atomic_path(self._path) as temporary:
            arrays = {key: np.stack(matches) for key, matches in self._used.items()}
            np.savez_compressed(temporary, **arrays)


def _read(path: Path) -> dict[str, Matches]:
    """Stored matches by key; none if the file is missing or damaged, as matching repairs that."""
    try:
        stored = read_arrays(path)
    except (OSError, ValueError):
        return {}
    return {
        key: (both[0], both[1])
        for key, both in stored.items()
        if both.ndim == 3 and both.shape[::2] == (2, 2) and both.dtype.kind == "f"
    }
