"""The files that a training logs to: events for TensorBoard, and stats.jsonl."""

import io
import json
import platform
import secrets
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard.summary import image, scalar

from ..utils.files import write_text
from ..utils.reading import MEGABYTE, read_text

STATISTICS = "stats.jsonl"
STATISTICS_BYTES = 1000 * MEGABYTE


class GrowingFile:
    """A file that bytes are added to; what a full disk refuses waits for the next time."""

    def __init__(self, path: Path) -> None:
        self.path, self.waiting = path, b""

    def append(self, more: bytes) -> None:
        """Add bytes at the file's end, after those that wait; raises OSError."""
        self.waiting += more
        with self.path.open("ab", buffering=0) as file:
            while self.waiting:
                try:
                    written = file.write(self.waiting)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, str(self.path)) from error
                self.waiting = self.waiting[written:]


class EventFile:
    """A new file for TensorBoard in a folder.

    step: the first one that this run logs. TensorBoard leaves out what earlier files have from
    there on.
    """

    def __init__(self, folder: Path, step: int) -> None:
        name = f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{secrets.token_hex(4)}"
        self.file = GrowingFile(folder / name)
        self.waiting = [
            Event(file_version="brain.Event:2"),
            Event(step=step, session_log=SessionLog(status=SessionLog.START)),
        ]

    def add(self, step: int, numbers: dict[str, float], pictures: dict[str, Tensor]) -> None:
        """Write numbers and pictures (3, height, width) in [0, 1] of a step; raises OSError."""
        summaries = [scalar(name, value) for name, value in numbers.items()]
        summaries += [image(name, picture, dataformats="CHW") for name, picture in pictures.items()]
        events = [Event(step=step, summary=summary) for summary in summaries]
        records = io.BytesIO()
        for event in (*self.waiting, *events):
            event.wall_time = time.time()
            RecordWriter(records).write(event.SerializeToString())
        self.waiting = []
        self.file.append(records.getvalue())


def statistics_lines(path: Path) -> list[str]:
    """The lines of a stats.jsonl, JSON each; none where there is no file."""
    if not path.is_file():
        return []
    return read_text(path, "JSON lines", STATISTICS_BYTES, "replace").splitlines()


def open_statistics(path: Path, step: int) -> GrowingFile:
    """stats.jsonl, without the steps after this one, which come again.

    A line that a killed process left unfinished goes too.
    """
    lines = statistics_lines(path)
    kept = [line for line in lines if _is_until(line, step)]
    if kept != lines:
        write_text(path, "".join(f"{line}\n" for line in kept))
    return GrowingFile(path)


def _is_until(line: str, step: int) -> bool:
    """Whether a line is whole and of a step up to this one."""
    try:
        return json.loads(line)["step"] <= step
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
