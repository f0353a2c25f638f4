"""Folders of anyone's frames: short names that tell them apart, and groups of them."""

from collections.abc import Sequence
from pathlib import Path


def shortest_names(folders: Sequence[Path]) -> list[str]:
    """A name for each of different absolute folders: its last parts, as few as tell all apart."""
    for count in range(1, max((len(folder.parts) for folder in folders), default=1)):
        names = ["/".join(folder.parts[-count:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def groups_of(folders: Sequence[Path]) -> list[str]:
    """The name of each folder's parent, where folders are grouped by parents; else "" for each.

    They are if there are several parents, and more folders than parents: ours/a, ours/b, theirs/a.
    """
    parents = list(dict.fromkeys(folder.parent for folder in folders))
    if not 1 < len(parents) < len(folders):
        return [""] * len(folders)
    names = dict(zip(parents, shortest_names(parents), strict=True))
    return [names[folder.parent] for folder in folders]
