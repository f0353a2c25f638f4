"""Readings of damaged files in forked processes, with bounded time and memory."""

import contextlib
import hashlib
import pickle
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from formats import Kind
from jobs import LONGEST, Job

from photonvs.commands import error_line

SLOW = 20.0  # seconds of one reading; more is a hang


@dataclass(frozen=True)
class Reading:
    """What came of reading a file."""

    number: int  # of the damaged copy
    fault: str | None  # None: read, or refused in one line that names the file
    content: object = None  # what was read; None if it was refused


def read_all(kind: Kind, path: Path, copies: list[bytes], folder: Path) -> Iterator[Reading]:
    """Read each damaged copy of a file in its place; a process that dies is replaced."""
    done, answers = 0, folder / "answers"
    while done < len(copies):
        answers.unlink(missing_ok=True)
        job = Job(lambda first=done: _work(kind, path, copies, first, answers), folder / "output")
        started, seen = time.monotonic(), done
        while (outcome := job.poll()) is None:
            time.sleep(0.01)
            now = done + _count(answers)
            if now > seen:
                started, seen = time.monotonic(), now
            if time.monotonic() - started > min(SLOW, LONGEST):
                job.kill()
                break
        found = list(_answers(answers))
        yield from found
        done += len(found)
        if done < len(copies):
            died = "a hang" if outcome is None else f"the process died: {job.wait().text[-500:]}"
            yield Reading(done, died)
            done += 1


def _work(kind: Kind, path: Path, copies: list[bytes], first: int, answers: Path) -> None:
    """Read the copies from `first` on, in this process; one answer for each."""
    with answers.open("wb", buffering=0) as file:
        for number in range(first, len(copies)):
            path.write_bytes(copies[number])
            fault, content = _read(kind, path, answers.parent)
            answer = pickle.dumps((number, fault, content))
            file.write(len(answer).to_bytes(8, "little") + answer)


def _read(kind: Kind, path: Path, folder: Path) -> tuple[str | None, object]:
    try:
        return None, hashlib.sha256(repr(kind.read(path)).encode()).hexdigest()
    except (ValueError, OSError) as error:
        line = error_line(error)
        if str(folder) not in line and path.name not in line:
            return f"a line without the file's name: {line}", None
        return ("more than one line" if "\n" in line else None), None
    except BaseException:
        return traceback.format_exc(limit=-4), None


def _count(answers: Path) -> int:
    return sum(1 for _ in _answers(answers))


def _answers(answers: Path) -> Iterator[Reading]:
    with contextlib.suppress(FileNotFoundError), answers.open("rb") as file:
        while len(size := file.read(8)) == 8:
            answer = file.read(int.from_bytes(size, "little"))
            if len(answer) < int.from_bytes(size, "little"):
                return
            yield Reading(*pickle.loads(answer))  # noqa: S301, of our own process
