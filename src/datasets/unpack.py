"""Chunks (`chunk_files`) -> the videos and text files of a split, as `extract-poses` reads them."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..cameras.realestate10k import VideoPoses, realestate10k_text
from ..utils.files import atomic_path, write_text
from ..utils.leases import lease
from ..utils.parallel import in_processes
from ..utils.progress import progress_bar
from ..utils.video_writing import encode_timed_h264
from .chunks import ChunkIndex, ChunkVideo
from .layout import Split
from .pack import video_url
from .video import find_videos

DECIMALS = 9  # of RealEstate10K's numbers; those of chunks have fewer digits


@dataclass
class Unpacked:
    """What a run did."""

    written: int = 0  # videos
    there: int = 0  # videos that were there already
    texts: int = 0  # written
    failed: dict[str, str] = field(default_factory=dict)  # video -> why

    def report(self) -> str:
        """One line."""
        reasons = Counter(self.failed.values())
        failed = "".join(f"; {count} failed: {why}" for why, count in reasons.most_common(5))
        return (
            f"{self.written} videos written, {self.there} were there; "
            f"{self.texts} text files written{failed}"
        )


def unpack(folder: Path, split: Split, workers: int = 1) -> Unpacked:
    """Write each video of a folder of chunks to the split, and a text file for each sequence.

    A video has the frames of all its sequences, at the times of their poses. Files that are there
    are kept, so a stopped run goes on. Raises ValueError or FileNotFoundError for a folder whose
    chunks cannot be read.
    """
    numbers = defaultdict(list)
    for number, video in enumerate(ChunkIndex(folder).poses.videos()):
        numbers[video].append(number)
    split.videos.mkdir(parents=True, exist_ok=True)
    there = find_videos(split.videos)
    tasks = [(folder, split, video, own, video in there) for video, own in numbers.items()]
    done = Unpacked()
    with lease(split.videos), progress_bar(len(tasks), f"unpacking {folder}", " videos") as bar:
        for (*_, video, _, was_there), (texts, error) in in_processes(unpack_video, tasks, workers):
            done.texts += texts
            done.there += was_there
            done.written += not was_there and not error
            if error:
                done.failed[video] = error
            bar.update()
    return done


def unpack_video(
    folder: Path, split: Split, video: str, numbers: list[int], there: bool
) -> tuple[int, str]:
    """Write a video, unless it is there, and then the texts of its sequences that are not.

    numbers: of its sequences in the index. Returns the number of texts written, and what was wrong.
    """
    chunks = _index(folder)
    try:
        if not there:
            with atomic_path(split.videos / f"{video}.mp4") as temporary:
                encode_timed_h264(temporary, _frames(ChunkVideo(chunks, numbers)))
        texts = 0
        for number in numbers:
            texts += _write_text(split, chunks.poses.id_of(number), chunks.poses.sequence(number))
    except (ValueError, OSError) as error:
        return 0, str(error)
    return texts, ""


@lru_cache(maxsize=1)
def _index(folder: Path) -> ChunkIndex:
    return ChunkIndex(folder)


def _frames(video: ChunkVideo) -> Iterator[tuple[int, np.ndarray]]:
    return ((time, video.read([time])[0]) for time in video.times())


def _write_text(split: Split, key: str, sequence: VideoPoses) -> bool:
    """Write a sequence's text; False if it is there."""
    path = split.texts / f"{key}.txt"
    if path.is_file():
        return False
    url, times = video_url(sequence.video), sequence.timestamps.tolist()
    text = realestate10k_text(url, times, sequence.lenses, sequence.matrices, DECIMALS)
    write_text(path, text)
    return True
