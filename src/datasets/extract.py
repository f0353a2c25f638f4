"""RealEstate10K text files of a split -> one `poses.npy`, without the sequences whose video is not there."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm import tqdm

from ..cameras.realestate10k import VideoPoses, read_realestate10k_text
from ..utils.files import BASE, atomic_path
from .download.manifest import MANIFEST, Entry, read_manifest
from .poses import save_poses
from .video import find_videos

DATA = BASE / "dataset-data" / "data"
LAYOUT = "expected DIR/RealEstate10K-original/SPLIT/*.txt and DIR/SPLIT/videos/<video>.mp4 (or .mkv, .webm)"
NAMES_SHOWN = 5  # of every reason; all are in the file of skipped sequences
FILES_A_TASK = 64


def extract(data: Path, split: str) -> None:
    """Write `data`/`split`/poses.npy and skipped.txt, and print a summary; see `LAYOUT` for what is read."""
    texts = _find_texts(data / "RealEstate10K-original" / split)
    try:
        videos = find_videos(data / split / "videos").keys()
        manifest = read_manifest(data / split / "videos" / MANIFEST)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; {LAYOUT}") from None
    sequences: dict[str, VideoPoses] = {}
    skipped: dict[str, list[str]] = {}  # reason -> one entry a sequence
    for text, result in tqdm(_read_all(texts), total=len(texts), desc=split, unit=" files"):
        reason, entry = _refusal(text, result, videos, manifest)
        if reason:
            skipped.setdefault(reason, []).append(entry)
        else:
            sequences[text.stem] = result
    report = _report(skipped)
    if not sequences:
        raise ValueError(
            f"{data / split}: no sequence of {len(texts)} can be used: {report}; {LAYOUT}"
        )
    save_poses(data / split / "poses.npy", sequences)
    _write_skipped(data / split / "skipped.txt", skipped)
    poses = sum(len(sequence) for sequence in sequences.values())
    print(f"{data / split / 'poses.npy'}: {len(sequences)} sequences, {poses} poses")
    print(
        f"skipped {len(texts) - len(sequences)} of {len(texts)} sequences{': ' + report if report else ''}"
    )


def _find_texts(folder: Path) -> list[Path]:
    """The text files of a folder, by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; {LAYOUT}")
    texts = sorted(folder.glob("*.txt"))
    if not texts:
        raise FileNotFoundError(f"{folder}: holds no .txt file; {LAYOUT}")
    return texts


def _read_all(texts: list[Path]) -> Iterator[tuple[Path, VideoPoses | str]]:
    """Every text file with what `_read` makes of it, in order, read by as many processes as there are cores."""
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    ) as pool:
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
    """Why a sequence cannot be used, and its entry in the list of those; None if it can.

    manifest: what download-videos.py was told of each video, by name.
    """
    if isinstance(result, str):
        return ("empty file" if text.stat().st_size == 0 else "malformed line"), result
    if len(result) < 2:
        return "fewer than two poses", text.stem
    if result.video not in videos:
        answer = manifest.get(result.video)
        told = answer is not None and answer.status != "there"
        return (
            f"video missing ({answer.status})" if told else "video missing",
            f"{text.stem} (video {result.video})",
        )
    return None, ""


def _report(skipped: dict[str, list[str]]) -> str:
    """One line: how many were skipped for each reason, and the first of their names."""
    parts = []
    for reason, entries in sorted(skipped.items()):
        rest = f", and {len(entries) - NAMES_SHOWN} more" if len(entries) > NAMES_SHOWN else ""
        parts.append(f"{len(entries)} {reason}: {', '.join(entries[:NAMES_SHOWN])}{rest}")
    return "; ".join(parts)


def _write_skipped(path: Path, skipped: dict[str, list[str]]) -> None:
    """One line for each skipped sequence: the reason, a tab, which one."""
    lines = [
        f"{reason}\t{entry}\n" for reason, entries in sorted(skipped.items()) for entry in entries
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
