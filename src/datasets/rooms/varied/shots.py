"""Short shots of varied rooms, one a room, written as chunks of many rooms.

A shot follows from the split, the seed and its number alone (and from how many frames it has).
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....utils.random import generator
from ...chunk_files import make_record, read_chunk, save_chunk, save_table
from ..progress import render, rendered
from .builder import furnished
from .paths import Path as CameraPath
from .paths import walk
from .plan import Plan
from .render import Renderer

STYLE = 1  # another number, other rooms: to be raised when the rooms change
SECOND = 1_000_000  # microseconds; a shot's frames are one apart


@dataclass(frozen=True)
class Shot:
    """What makes a shot: equal values give equal pictures."""

    split: str
    seed: int
    number: int
    frames: int
    size: int  # pixels, square

    def digest(self) -> bytes:
        """32 bytes that differ between shots."""
        values = STYLE, self.split, self.seed, self.number, self.frames, self.size
        return hashlib.sha256(f"varied/{'/'.join(map(str, values))}".encode()).digest()

    @property
    def video(self) -> str:
        """The video's identifier, 11 characters."""
        return "rv" + base64.urlsafe_b64encode(self.digest()[:9]).decode()[:9]

    @property
    def key(self) -> str:
        """The sequence's identifier, 16 hexadecimal digits."""
        return self.digest()[9:17].hex()


def make_scene(shot: Shot) -> tuple[Plan, CameraPath]:
    """The room of a shot and the path through it: the first room in which a path was found."""
    rng = generator(STYLE, "varied room", shot.split, shot.seed, shot.number)
    while True:
        plan = furnished(rng)
        path = walk(plan, shot.frames, rng)
        if path is not None:
            return plan, path


def pictures(shot: Shot) -> tuple[CameraPath, Iterator[np.ndarray]]:
    """The path of a shot and its frames, (size, size, 3) uint8 each, made as they are asked for."""
    plan, path = make_scene(shot)
    renderer, size = Renderer(plan), (shot.size, shot.size)
    return path, (renderer.render(pose, path.focal_y, size)[0] for pose in path.poses)


def make_record_of(shot: Shot) -> dict[str, object]:
    """The shot as an entry of a chunk."""
    path, frames = pictures(shot)
    url = f"https://made-up-rooms.invalid/watch?v={shot.video}"
    times = SECOND * np.arange(shot.frames)
    lens = path.focal_y, path.focal_y, 0.5, 0.5
    return make_record(shot.key, url, times, path.poses, lens, frames)


def make_chunk(path: Path, shots: list[Shot]) -> int:
    """Write a chunk of these shots; how many were made: none if the chunk was there.

    A chunk with the first of them only is made again. ValueError: it holds others.
    """
    keys = [shot.key for shot in shots]
    if path.is_file():
        found = [record.key for record in read_chunk(path)]
        if found == keys:
            rendered(len(shots))
            return 0
        if found != keys[: len(found)]:
            raise ValueError(
                f"{path}: holds other rooms than asked for; remove it, or choose another folder"
            )
    records = []
    for shot in shots:
        records.append(make_record_of(shot))
        rendered(1)
    save_chunk(path, records)
    return len(shots)


def make_chunks(folder: Path, shots: list[Shot], per_chunk: int, workers: int = 1) -> int:
    """Write shots to `folder`/000000.torch and so on, and index.json; how many were made.

    Several chunks at a time, in processes of their own. A chunk is there whole or not at all, so a
    stopped run goes on.
    """
    parts = [shots[start : start + per_chunk] for start in range(0, len(shots), per_chunk)]
    paths = [folder / f"{number:06d}.torch" for number in range(len(parts))]
    tasks = list(zip(paths, parts, strict=True))
    made = render(make_chunk, tasks, workers, len(shots), "room")
    index = {shot.key: path.name for path, part in zip(paths, parts, strict=True) for shot in part}
    save_table(folder, index)
    return made
