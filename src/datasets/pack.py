"""Videos of a split -> chunks (`chunk_files`): a hundred thousand files become some hundred.

Which sequences a chunk has follows from the poses and the frames a chunk alone. So a stopped run
goes on, and chunks that are there are kept.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from ..cameras.realestate10k import VideoPoses
from ..utils.leases import lease
from ..utils.parallel import in_processes
from ..utils.progress import progress_bar
from .chunk_files import (
    QUALITY,
    check_square_pixels,
    make_record,
    read_chunk,
    save_chunk,
    save_table,
)
from .layout import Split
from .poses import PoseFile, load_poses
from .video import find_videos, reduce_height
from .video_reader import VideoReader

FRAMES = 1000  # of a chunk, at least: some 100 MB of 360p
DECODED = 8  # frames in memory at once, perhaps of 4K


class Chunk(NamedTuple):
    """A chunk to write: its file, and the numbers of its sequences in the poses file."""

    path: Path
    numbers: range


class Source(NamedTuple):
    """What chunks are made of."""

    poses: Path
    videos: dict[str, Path]  # by name
    quality: int  # of the JPEGs


@dataclass
class Packed:
    """What a run did, and how the whole stands."""

    written: int = 0  # chunks
    there: int = 0  # chunks that were there already
    places: dict[str, str] = field(default_factory=dict)  # sequence -> its chunk's name
    left_out: dict[str, str] = field(default_factory=dict)  # sequence -> why

    def report(self) -> str:
        """One line."""
        done = f"{self.written} chunks written, {self.there} were there"
        reasons = Counter(self.left_out.values())
        left_out = "".join(f"; {count} left out: {why}" for why, count in reasons.most_common(5))
        return f"{done}; {len(self.places)} sequences{left_out}"


def pack(
    split: Split, folder: Path, frames: int = FRAMES, quality: int = QUALITY, workers: int = 1
) -> Packed:
    """Write a split's videos to `folder`/000000.torch and so on, and index.json.

    Frames higher than 360 pixels are reduced to that, as training does. frames: of a chunk, at
    least. quality: of the JPEGs, 1 to 100. A sequence whose video is missing or damaged is left
    out. Raises ValueError for a folder of other chunks, or where no sequence is left.
    """
    poses, videos = load_poses(split.poses), find_videos(split.videos)
    names, tasks = poses.videos(), []
    for chunk in plan_chunks(poses, folder, frames):
        used = {names[number] for number in chunk.numbers} & videos.keys()
        tasks.append((chunk, Source(poses.path, {name: videos[name] for name in used}, quality)))
    done = Packed()
    title = f"packing {split.name}"
    with lease(folder), progress_bar(len(poses), title, " sequences") as bar:
        for (chunk, _), (new, keys, left_out) in in_processes(pack_chunk, tasks, workers):
            done.written += new and bool(keys)
            done.there += not new
            done.places |= dict.fromkeys(keys, chunk.path.name)
            done.left_out |= left_out
            bar.update(len(chunk.numbers))
    if not done.places:
        raise ValueError(
            f"{split.videos}: no sequence of {poses.path} can be packed; {done.report()}"
        )
    save_table(folder, dict(sorted(done.places.items())))
    return done


def plan_chunks(poses: PoseFile, folder: Path, frames: int) -> list[Chunk]:
    """All sequences in their order, in chunks of as few as have `frames` poses together."""
    plan, start, count = [], 0, 0
    for number, length in enumerate(poses.lengths().tolist()):
        count += length
        if count >= frames or number == len(poses) - 1:
            plan.append(Chunk(folder / f"{len(plan):06d}.torch", range(start, number + 1)))
            start, count = number + 1, 0
    return plan


def pack_chunk(chunk: Chunk, source: Source) -> tuple[bool, list[str], dict[str, str]]:
    """Write a chunk unless it is there.

    Returns whether it is new, its sequences, and why others were left out. Raises ValueError for a
    file that holds sequences of another plan.
    """
    poses = load_poses(source.poses)
    wanted = [poses.id_of(number) for number in chunk.numbers]
    if chunk.path.is_file():
        found = [record.key for record in read_chunk(chunk.path)]
        if not set(found) <= set(wanted):
            raise ValueError(
                f"{chunk.path}: holds other sequences than it would now; choose another folder, "
                "or the --frames and the poses of the first time"
            )
        return (
            False,
            found,
            dict.fromkeys(set(wanted) - set(found), "not in a chunk that was there"),
        )
    records, left_out = [], {}
    for key, number in zip(wanted, chunk.numbers, strict=True):
        try:
            records.append(_record(key, poses.sequence(number), source))
        except FileNotFoundError:
            left_out[key] = "its video is missing"
        except (ValueError, OSError) as error:
            left_out[key] = str(error)
    if records:
        save_chunk(chunk.path, records)
    return True, [record["key"] for record in records], left_out


def _record(key: str, sequence: VideoPoses, source: Source) -> dict[str, object]:
    path = source.videos.get(sequence.video)
    if path is None:
        raise FileNotFoundError(sequence.video)
    return make_record(
        key,
        video_url(sequence.video),
        sequence.timestamps,
        sequence.matrices,
        sequence.lenses,
        _frames(path, sequence),
        source.quality,
    )


def _frames(path: Path, sequence: VideoPoses) -> Iterator[np.ndarray]:
    with VideoReader(path) as reader:
        for start in range(0, len(sequence), DECODED):
            frames = reader.read(sequence.timestamps[start : start + DECODED])
            check_square_pixels(frames.shape[2], frames.shape[1], sequence)
            yield from reduce_height(frames)


def video_url(video: str) -> str:
    """The address in text files and chunks from which a video gets its name."""
    return f"https://www.youtube.com/watch?v={quote(video, safe='')}"
