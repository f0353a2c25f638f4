"""Commands in forked processes: everything is imported already, so that one costs milliseconds."""

import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import cv2
from tqdm import tqdm

from photonvs.commands import COMMANDS, command_module, run_main

# What commands import when they run, so that it is there before they are forked.
for module in (
    *(f"photonvs.commands.{name.replace('-', '_')}" for name in COMMANDS),
    "photonvs.cameras.plot",
    "photonvs.datasets.download.fetching",
    "photonvs.sampling.photo",
    "photonvs.viewer.gallery",
    "yt_dlp",
    "photonvs.datasets.convert.sequence",
    "photonvs.datasets.extract",
    "photonvs.datasets.rooms.clips",
    "photonvs.evaluation.protocol_run",
    "photonvs.models.export",
    "photonvs.training.first_stage",
    "photonvs.training.score",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
):
    import_module(module)
cv2.setNumThreads(1)

LONGEST = 120.0  # seconds of a command; more is a hang
HANG = -1000  # in place of a status
MEMORY = 1_000_000_000  # bytes that a process may ask for beyond what it has


@dataclass(frozen=True)
class Outcome:
    """How a process ended."""

    code: int  # -9: killed; or HANG
    text: str  # all that it printed

    @property
    def last(self) -> str:
        """The last line."""
        return self.text.rstrip().rpartition("\n")[2]

    def fault(self, folder: Path) -> str | None:
        """What is wrong with the ending; None for success, and for one line that names a file."""
        if self.code == HANG:
            return "a hang"
        if self.code not in (0, 1) or "Traceback" in self.text:
            return f"status {self.code}, a traceback or worse"
        if self.code == 1 and ": error: " not in self.last:
            return "no line that says what is wrong"
        about = self.text if self.last.endswith("as said above") else self.last
        if self.code == 1 and str(folder) not in about:
            return "a line without a file's name"
        return None


def limit_memory() -> None:
    """Let this process ask for MEMORY more than it has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))


class Job:
    """A forked process that runs a function with what it prints in a file."""

    def __init__(self, function: Callable[[], object], output: Path) -> None:
        self._output = output
        output.touch()  # it may be killed before it has printed or even begun
        self._started = time.monotonic()
        self._ended: Outcome | None = None
        sys.stdout.flush()
        self.number = os.fork()
        if self.number == 0:
            _child(function, output)

    def kill(self) -> Outcome:
        """End it, and the processes that it started, at once, unless it has ended."""
        if self.poll() is None:
            try:
                os.killpg(self.number, signal.SIGKILL)
            except ProcessLookupError:  # it has not begun yet to lead a group
                os.kill(self.number, signal.SIGKILL)
        return self.wait()

    def poll(self) -> Outcome | None:
        """Its outcome once it has ended; one that takes too long is a hang, and killed."""
        if self._ended is None:
            late = time.monotonic() - self._started > LONGEST
            if late:
                os.killpg(self.number, signal.SIGKILL)
            ended, status = os.waitpid(self.number, 0 if late else os.WNOHANG)
            if ended:
                code = HANG if late else os.waitstatus_to_exitcode(status)
                self._ended = Outcome(code, self._output.read_text(errors="replace"))
        return self._ended

    def wait(self) -> Outcome:
        """Its outcome."""
        while (outcome := self.poll()) is None:
            time.sleep(0.005)
        return outcome


def command(words: list[str], output: Path, prepare: Callable[[], object] = lambda: None) -> Job:
    """A command of photonvs, such as ["extract-poses", "train"], as a user's shell would run it.

    prepare: is called in its process first.
    """
    name, *arguments = words

    def run() -> None:
        prepare()
        sys.argv = [f"photonvs {name}", *arguments]
        run_main(command_module(name).main)

    return Job(run, output)


def _child(function: Callable[[], object], output: Path) -> None:
    """Run the function in this process, which pytest does not know of, and end it."""
    code = 70
    try:
        os.setsid()
        file = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        for number in (1, 2):
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        logging.root.handlers.clear()
        # Forks share tqdm's own lock: one killed while it holds that would stop all others.
        tqdm.set_lock(threading.RLock())
        limit_memory()
        function()
        code = 0
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
