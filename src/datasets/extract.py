"""A split's text files -> one `poses.npy`, without the sequences whose video is not there."""

import gc
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..cameras.realestate10k import VideoPoses, read_realestate10k_text
from ..utils.files import write_text
from ..utils.progress import progress_bar
from .download.manifest import MANIFEST, Entry, read_manifest
from .layout import LAYOUT, Split
from .poses import save_poses
from .video import find_videos

NAMES_SHOWN = 5  # of every reason; all are in the file of skipped sequences
FILES_A_TASK = 64


@dataclass(frozen=True)
class Extraction:
    """What came of the text files of a split."""

    texts: int  # files
    sequences: int  # written
    poses: int  # written
    skipped: dict[str, list[str]]  # reason -> one entry a sequence

    def report(self) -> str:
        """One line: how many sequences were skipped, for which reasons, and the first of each."""
        reasons = _reasons(self.skipped)
        return (
            f"skipped {self.texts - self.sequences} of {self.texts} sequences"
            f"{': ' if reasons else ''}{reasons}"
        )


def extract(split: Split) -> Extraction:
    """Write a split's poses.npy and skipped.txt; see `LAYOUT` for what is read.

    Raises FileNotFoundError if a folder is missing, and ValueError if no sequence can be used.
    """
    texts = _find_texts(split.texts)
    try:
        videos = find_videos(split.videos).keys()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; {LAYOUT}") from None
    manifest = read_manifest(split.videos / MANIFEST)
    sequences: dict[str, VideoPoses] = {}
    skipped: dict[str, list[str]] = {}
    with progress_bar(len(texts), split.name, " files") as bar:
        for text, result in _read_all(texts):
            reason, entry = _refusal(text, result, videos, manifest)
            if reason:
                skipped.setdefault(reason, []).append(entry)
            else:
                sequences[text.stem] = result
            bar.update()
    if not sequences:
        raise ValueError(
            f"{split.folder}: no sequence of {len(texts)} can be used: {_reasons(skipped)}; "
            f"{LAYOUT}"
        )
    save_poses(split.poses, sequences)
    _write_skipped(split.skipped, skipped)
    poses = sum(len(sequence) for sequence in sequences.values())
    return Extraction(len(texts), len(sequences), poses, skipped)


def _find_texts(folder: Path) -> list[Path]:
    """The text files of a folder, by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; {LAYOUT}")
    texts = sorted(folder.glob("[!.]*.txt"))
    if not texts:
        raise FileNotFoundError(f"{folder}: holds no .txt file; {LAYOUT}")
    return texts


def _read_all(texts: list[Path]) -> Iterator[tuple[Path, VideoPoses | str]]:
    """Every text file with what `_read` makes of it, in order.

    As many processes read as this one may use cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    # Frames of videos that wait to be freed have threads, which a forked process would await.
    gc.collect()
    with ProcessPoolExecutor(cores) as pool:
        yield from zip(texts, pool.map(_read, texts, chunksize=FILES_A_TASK), strict=True)


def _read(text: Path) -> VideoPoses | str:
    """A text file's sequence, or what is wrong with it."""
    try:
        return read_realestate10k_text(text)
    except ValueError as error:
        return str(error)


def _refusal(
    text: Path, result: VideoPoses | str, videos: set[str], manifest: dict[str, Entry]
) -> tuple[str | None, str]:
    """Why a sequence cannot be used (None if it can), and its entry in the list of those.

    manifest: what download-videos.py was told of each video, by name.
    """
    if isinstance(result, str):
        return ("empty file" if text.stat().st_size == 0 else "malformed line"), result
    if len(result) < 2:
        return "fewer than two poses", text.stem
    if result.video in videos:
        return None, ""
    reason = "video missing"
    answer = manifest.get(result.video)
    if answer is not None and answer.status != "there":  # "there": it was deleted since
        reason += f" ({answer.status})"
    return reason, f"{text.stem} (video {result.video})"


def _reasons(skipped: dict[str, list[str]]) -> str:
    """One line: how many were skipped for each reason, and the first of their names."""
    parts = []
    for reason, entries in sorted(skipped.items()):
        part = f"{len(entries)} {reason}: {', '.join(entries[:NAMES_SHOWN])}"
        if len(entries) > NAMES_SHOWN:
            part += f", and {len(entries) - NAMES_SHOWN} more"
        parts.append(part)
    return "; ".join(parts)


def _write_skipped(path: Path, skipped: dict[str, list[str]]) -> None:
    """One line for each skipped sequence: the reason, a tab, which one."""
    lines = [
        f"{reason}\t{entry}\n" for reason, entries in sorted(skipped.items()) for entry in entries
    ]
    write_text(path, "".join(lines))
