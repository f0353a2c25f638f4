"""Damaged copies of a file, and reading them with a bound on time and memory."""

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

SECONDS = 20  # for one file; a few milliseconds are usual
MEGABYTES = 1000  # more than before, at most


def mutants(whole: bytes, count: int, seed: int, place: slice = slice(None)) -> Iterator[bytes]:
    """So many damaged contents: cut off, bytes changed, a part zeroed, doubled, left out or moved.

    place: where damage falls, two times in three; then anywhere.
    """
    rng = np.random.default_rng(seed)
    described = range(len(whole))[place]
    for number in range(count):
        where = described if number % 3 else range(len(whole))
        start = where[int(rng.integers(len(where)))]
        end = min(len(whole), start + int(rng.integers(1, 200)))
        part = whole[start:end]
        match number % 6:
            case 0:
                yield whole[:start]
            case 1 | 2:
                yield (
                    whole[:start]
                    + bytes([whole[start] ^ int(rng.integers(1, 256))])
                    + (whole[start + 1 :])
                )
            case 3:
                yield whole[:start] + bytes(len(part)) + whole[end:]
            case 4:
                yield whole[:start] + part + whole[start:]
            case 5:
                yield whole[:start] + whole[end:]


def judge(read: Callable[[Path], object], path: Path, contents: Iterable[bytes]) -> list[object]:
    """What `read` makes of `path` with each content: its result, or the line it was refused with.

    It runs in another process. Raises AssertionError for an error that is not one line with the
    file's name, for a file that takes longer than `SECONDS`, or for more than `MEGABYTES`.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(read, path, theirs))
    process.start()
    try:
        return [_ask(ours, path, content) for content in contents]
    finally:
        process.kill()
        process.join()


def _ask(pipe: object, path: Path, content: bytes) -> object:
    path.write_bytes(content)
    pipe.send(True)
    assert pipe.poll(SECONDS), f"hangs, or its process died: {path}"
    result, megabytes = pipe.recv()
    assert megabytes < MEGABYTES, f"{megabytes:.0f} MB for {len(content)} bytes"
    return result


def _serve(read: Callable[[Path], object], path: Path, pipe: object) -> None:
    torch.set_num_threads(1)
    before = _peak()
    while pipe.recv():
        start = time.monotonic()
        try:
            result = read(path)
        except (ValueError, OSError) as error:
            result = str(error)
            assert str(path) in result and "\n" not in result, result
        assert time.monotonic() - start < SECONDS
        pipe.send((result, _peak() - before))


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
