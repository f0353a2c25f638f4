"""A full disk: one line that names the file, nothing damaged, and all is well once there is room.

The disk is a small tmpfs, which only root may mount.
"""

import os
import subprocess
from pathlib import Path

import pytest
from test_kills import check_finished, check_whole
from world import COMMANDS, fresh

PAGE = 4096
# Of the space that a command needs: how much of it there is.
SHARES = (0.0, 0.4, 0.9)


def mount(place: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["mount", *options, "-t", "tmpfs", "tmpfs", str(place)], capture_output=True, text=True
    )


def used(place: Path) -> int:
    """Bytes of a file system that are taken."""
    status = os.statvfs(place)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 GB, whose size can be changed by mounting it again."""
    place = tmp_path / "disk"
    place.mkdir()
    done = mount(place, "-o", "size=1g")
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here, which takes root: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(name, world, disk, references, counts):
    command, reference = COMMANDS[name], references(name)
    copy = fresh(world, disk / "world")
    for share in SHARES:
        room = used(disk) + int(share * reference.size) // PAGE * PAGE
        assert mount(disk, "-o", f"remount,size={room}").returncode == 0
        outcome = command.start(copy, disk.parent).wait()
        counts["full disks"] += outcome.code != 0
        fault = outcome.fault(disk)
        assert fault is None, f"{fault}, {share:.0%} of the space:\n{outcome.text}"
        check_whole(copy, command, reference)
    assert mount(disk, "-o", "remount,size=1g").returncode == 0
    check_finished(copy, command, reference)
