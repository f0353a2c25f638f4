"""When a training should save and end."""

import logging
import time
from pathlib import Path

from ..utils.signals import StopSignal

log = logging.getLogger(__name__)

STOP_FILE = "stop"  # in the checkpoints' folder: its presence asks the run to save and end
STOP_FILE_SECONDS = 2.0  # between two looks for it


class StopRequest:
    """True once this process should save and end.

    That is after a signal or the time limit, or when the stop file is there. minutes: the time
    limit, None for none. file: the stop file, None for a process that does not look for it.
    """

    def __init__(self, minutes: float | None, file: Path | None) -> None:
        self.signal, self.started = StopSignal(), time.monotonic()
        self.minutes, self.file = minutes, file
        self.looked, self.found = -STOP_FILE_SECONDS, False

    def __bool__(self) -> bool:
        now = time.monotonic()
        if self.minutes is not None and now - self.started >= 60 * self.minutes:
            return True
        if self.file and now - self.looked >= STOP_FILE_SECONDS:
            self.looked = now
            if self.file.exists():
                log.info("%s is there: saving and ending", self.file)
                self.file.unlink()
                self.found = True
        if self.found:
            return True
        return bool(self.signal)
