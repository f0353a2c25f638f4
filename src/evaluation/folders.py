"""Folders of anyone's frames: short names that tell them apart, groups, and results among them."""

from collections.abc import Sequence
from pathlib import Path

from ..utils.images import is_image


def shortest_names(folders: Sequence[Path]) -> list[str]:
    """A name for each of different absolute folders: its last parts, as few as tell all apart."""
    for count in range(1, max((len(folder.parts) for folder in folders), default=1)):
        names = ["/".join(folder.parts[-count:]).lstrip("/") for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder).lstrip("/") for folder in folders]


def groups_of(folders: Sequence[Path]) -> list[str]:
    """The name of each folder's parent, where folders are grouped by parents; else "" for each.

    They are if there are several parents, and more folders than parents: ours/a, ours/b, theirs/a.
    """
    parents = list(dict.fromkeys(folder.parent for folder in folders))
    if not 1 < len(parents) < len(folders):
        return [""] * len(folders)
    names = dict(zip(parents, shortest_names(parents), strict=True))
    return [names[folder.parent] for folder in folders]


def without_results(
    images: list[Path], poses: list[Path], true: list[Path]
) -> tuple[list[Path], list[Path], list[Path], list[str]]:
    """The lists without folders that hold an earlier call's results, and a line for each of those.

    A shell's ours/* also gives ours/evaluation, which has no frames. poses and true lose their
    entry as well, if they have one for each of images.
    """
    frames = [place for place in images if not _holds_results(place)]
    if not frames:  # nothing would be left: the folders are what was meant
        return images, poses, true, []
    kept = [place in frames for place in images]
    shorter = (
        [one for one, keep in zip(others, kept, strict=True) if keep]
        if len(others) == len(images)
        else others
        for others in (poses, true)
    )
    lines = [
        f"left out: {place} holds results and no frames" for place in images if place not in frames
    ]
    return frames, *shorter, lines


def _holds_results(folder: Path) -> bool:
    """Whether there are results some levels down, and no image right here."""
    if not folder.is_dir() or any(map(is_image, folder.iterdir())):
        return False
    levels = (f"{'*/' * depth}{name}" for depth in (1, 2) for name in ("tsed.json", "metrics.json"))
    return any(next(folder.glob(pattern), None) is not None for pattern in levels)
