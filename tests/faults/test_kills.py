"""A killed command loses nothing, leaves nothing damaged, and goes on when it is typed again."""

import os
import random
import tempfile
import time
from pathlib import Path

import pytest
from jobs import Job
from world import COMMANDS, Command, Reference, fresh, visible

from photonvs.datasets.video import read_frames
from photonvs.utils.arrays import read_array, read_arrays
from photonvs.utils.checkpoint import read_checkpoint
from photonvs.utils.files import TEMPORARY
from photonvs.utils.images import read_frame
from photonvs.utils.json_files import read_json

AT_RANDOM = 3  # kills of each command at random moments
MOST_SIGHTS = 40  # kills of one command at most
# What a command may write anew while it goes on, and reads nobody's results from.
PROGRESS = ("contact-sheet.png", "config.yaml")


def read_video(path: Path) -> None:
    """Decode a frame in a process of its own: a decoder's threads must not be there at a fork."""
    with tempfile.NamedTemporaryFile() as output:
        outcome = Job(lambda: read_frames(path, [0]), Path(output.name)).wait()
    assert outcome.code == 0, outcome.text


READERS = {
    ".mp4": read_video,
    ".json": read_json,
    ".npy": read_array,
    ".npz": read_arrays,
    ".png": read_frame,
    ".pth": read_checkpoint,
    ".ckpt": read_checkpoint,
}


def temporaries(world: Path, command: Command) -> set[str]:
    """What the temporary files that are there are to become."""
    tops = {(world / name).parent if "." in name else world / name for name in command.writes}
    # Folders may go while we look.
    inside = (names for top in tops for _, *both in os.walk(top) for names in both)
    return {
        name[len(TEMPORARY) + 9 :]
        for names in inside
        for name in names
        if name.startswith(TEMPORARY)
    }


def kill_at_sight(job: Job, world: Path, command: Command, spared: set[str]) -> str | None:
    """Kill a command at the first sight of a temporary file for none of the spared names.

    Returns its name; None if the command has ended before.
    """
    while (outcome := job.poll()) is None:
        if sighted := temporaries(world, command) - spared:
            job.kill()
            return min(sighted)
    assert outcome.fault(world.parent) is None, outcome.text
    return None


def check_whole(world: Path, command: Command, reference: Reference) -> None:
    """Every file with a name of its own is as an undisturbed command leaves it, or can be read."""
    for place, digest in visible(world, command).items():
        if place.endswith(PROGRESS) or reference.files.get(place) in (digest, None):
            READERS.get(Path(place).suffix, Path.read_bytes)(world / place)
        else:
            raise AssertionError(f"{place}: neither whole nor absent after a kill")


def check_finished(world: Path, command: Command, reference: Reference) -> None:
    """The command, typed again, ends with the files of an undisturbed one."""
    outcome = command.start(world).wait()
    refused = command.again and command.again in outcome.last
    assert outcome.code == 0 or refused, outcome.text
    found = visible(world, command)
    assert found.keys() == reference.files.keys()
    changed = [place for place, one in reference.files.items() if one not in (None, found[place])]
    assert not changed, f"other results after a kill: {changed}"


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_the_sight_of_each_temporary_file(name, world, tmp_path, references, counts):
    command, reference = COMMANDS[name], references(name)
    copy, spared = fresh(world, tmp_path / "world"), set()
    for _ in range(MOST_SIGHTS):
        sighted = kill_at_sight(command.start(copy), copy, command, spared)
        if sighted is None:
            break
        spared.add(sighted)
        counts["kills at sight"] += 1
        check_whole(copy, command, reference)
    check_finished(copy, command, reference)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments(name, world, tmp_path, references, counts, seed):
    command, reference = COMMANDS[name], references(name)
    moments = random.Random(f"{seed} {name}")
    copy = fresh(world, tmp_path / "world")
    for _ in range(AT_RANDOM):
        job = command.start(copy)
        until = time.monotonic() + moments.random() * reference.seconds
        while time.monotonic() < until and job.poll() is None:
            time.sleep(0.001)
        job.kill()
        counts["kills at random"] += 1
        check_whole(copy, command, reference)
    check_finished(copy, command, reference)
