"""Leases: one process at a time works on a run, a folder of checkpoints, a shard, …

A lease is a small file beside what it guards, `.NAME.lease`. It says who holds it: machine, process
and command. It is removed when the work ends. A process that dies leaves it behind, so whoever
comes next looks whether the holder still lives. On the same machine the system tells at once. From
another machine, over a network file system, the holder's sign of life is awaited. It renews the
file's time every few seconds. Without a renewal in LAPSE seconds the lease is void.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .files import temporary_beside

HEARTBEAT = 5.0  # seconds between two signs of life
LAPSE = 60.0  # seconds without one, as seen from another machine, after which a lease is void
POLL = 0.5  # seconds between two looks at another one's lease
KEYS = {"machine", "process", "started", "command", "token"}  # of a lease's content


class HeldElsewhereError(ValueError):
    """Another process works there; the message says which."""


class _Seen(NamedTuple):
    """A lease file as it was read."""

    content: dict  # {} where it could not be read, or is not written yet
    renewed: int  # nanoseconds, by the file system's clock


@contextmanager
def lease(*paths: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold files or folders, which need not be there, for the length of the block.

    wait: seconds to wait for another holder, where the work is short. Raises HeldElsewhereError,
    which names the holder. A process that held a lease and lost it ends at once. That happens if it
    stood still for longer than LAPSE and another machine has taken over.
    """
    mine, held = _myself(), []
    done = threading.Event()
    if paths:
        threading.Thread(target=_keep, args=(held, mine, done), daemon=True).start()
    try:
        for path in paths:
            whole = path.resolve()
            place = whole.with_name(f".{whole.name}.lease")
            place.parent.mkdir(parents=True, exist_ok=True)
            _acquire(path, place, mine, wait)
            held.append(place)
        yield
    finally:
        done.set()
        for place in held:
            # A forked process leaves its parent's lease alone.
            if mine["process"] == os.getpid() and _token(_look(place)) == mine["token"]:
                place.unlink(missing_ok=True)


def _myself() -> dict[str, object]:
    """What a lease of this process says."""
    return {
        "machine": _machine(),
        "process": os.getpid(),
        "started": _start_of(os.getpid()),
        "command": Path(sys.argv[0]).name or "python",
        "token": secrets.token_hex(8),
    }


def _machine() -> str:
    """Where process numbers mean the same: the host, and in it the container."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return socket.gethostname()


def _start_of(process: int) -> str | None:
    """When a process began, in the system's words, as numbers of processes come again.

    None for one that is dead; "" where the system does not tell.
    """
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it is there, and somebody else's
        return ""
    return ""


def _acquire(path: Path, place: Path, mine: dict[str, object], wait: float) -> None:
    """Write the lease's file, once nobody living holds it."""
    text = json.dumps(mine).encode()
    until = time.monotonic() + wait
    while not _create(place, text):
        seen = _look(place)
        if seen is None:  # released meanwhile
            continue
        # Windows has no way to ask without harm.
        if seen.content.get("machine") == mine["machine"] and os.name == "posix":
            void = _start_of(seen.content["process"]) != seen.content["started"]
        else:
            void = _lapses(path, place, seen)
        if void:
            _remove(place, seen)
        elif _token(_look(place)) != _token(seen):  # released while we looked
            continue
        elif time.monotonic() >= until:
            raise HeldElsewhereError(f"{path}: {_holder(seen)}; wait until it ends")
        else:
            time.sleep(POLL)


def _create(place: Path, text: bytes) -> bool:
    """Write the file; False if there is one."""
    try:
        file = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(file, text)
    except OSError as error:
        place.unlink(missing_ok=True)
        error.filename = str(place)
        raise
    finally:
        os.close(file)
    return True


def _look(place: Path) -> _Seen | None:
    """The lease that is there; None without one."""
    try:
        # Opening asks a network file system anew, while a mere stat may be minutes old.
        with place.open("rb") as file:
            text, renewed = file.read(10_000), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None
    try:
        content = json.loads(text)
        whole = isinstance(content["process"], int) and content.keys() >= KEYS
    except (ValueError, TypeError, LookupError, RecursionError):
        whole = False
    return _Seen(content if whole else {}, renewed)


def _lapses(path: Path, place: Path, seen: _Seen) -> bool:
    """Whether a holder on another machine gives no sign of life for LAPSE seconds."""
    logging.getLogger(__name__).info("%s: %s; looking whether it lives", path, _holder(seen))
    until = time.monotonic() + LAPSE
    while time.monotonic() < until:
        time.sleep(POLL)
        if _look(place) != seen:
            return False
    return True


def _remove(place: Path, seen: _Seen) -> None:
    """Remove a void lease, and not one that somebody quicker has put in its place."""
    aside = temporary_beside(place)
    try:
        place.rename(aside)
    except FileNotFoundError:
        return
    if _token(_look(aside)) != _token(seen):
        with contextlib.suppress(OSError):
            os.link(aside, place)
    aside.unlink()


def _keep(places: list[Path], mine: dict[str, object], done: threading.Event) -> None:
    """Give signs of life until the work is done; end the process if a lease is another's.

    places: of the leases held, which may grow.
    """
    while not done.wait(HEARTBEAT):
        for place in places.copy():
            with contextlib.suppress(OSError):  # the network may come back
                now = _look(place)
                if now is not None and _token(now) not in (None, mine["token"]):
                    print(
                        f"{place}: lost, as this process stood still; {_holder(now)}; ended here",
                        file=sys.stderr,
                        flush=True,
                    )
                    os._exit(1)  # nothing may be written any more; files are whole at any moment
                os.utime(place)


def _token(seen: _Seen | None) -> object:
    return None if seen is None else seen.content.get("token")


def _holder(seen: _Seen) -> str:
    """Who holds a lease, for people."""
    if not seen.content:
        return "in use by another process"
    machine = str(seen.content["machine"]).partition(" ")[0]
    return f"in use by {seen.content['command']}, process {seen.content['process']} on {machine}"
