"""Disks without room, for any user: files that cannot grow, and small file systems."""

import resource
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """In the block this process cannot write a file beyond so many bytes ("File too large")."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def on_small_disk(folder: Path, size: str, command: list[str]) -> list[str]:
    """The command line that runs a command where `folder` is a file system of this size (as 1m).

    Other processes don't see that file system.
    """
    mount = f"mount -t tmpfs -o size={size} tmpfs {shlex.quote(str(folder))}"
    return [
        "unshare",
        "--mount",
        "--map-root-user",
        "sh",
        "-c",
        f"{mount} && exec {shlex.join(command)}",
    ]


@cache
def small_disks_can_be_made() -> bool:
    """Whether this machine lets its users do that."""
    try:
        line = on_small_disk(Path("/mnt"), "1m", ["true"])
        return subprocess.run(line, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
