"""Work shared by processes: all of it once, and a process that dies is one line."""

import os
import signal

import pytest

from photonvs.utils.parallel import in_processes


def square(number: int) -> int:
    return number * number


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers):
    found = dict(in_processes(square, [(number,) for number in range(5)], workers))
    assert found == {(number,): number * number for number in range(5)}


def test_a_process_that_dies_is_one_line():
    with pytest.raises(ValueError, match="a process was killed, .* fewer --workers"):
        list(in_processes(die, [(1,), (2,)], 2))
