"""What the processes of a run agree on, how long they wait, and how they end together."""

import multiprocessing
import os
import socket
import time
from datetime import timedelta

import pytest
import torch

from photonvs.utils import distributed
from photonvs.utils.distributed import join_processes


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def two(work, answering: int | None = None, count: int = 2) -> list[tuple[str, object]]:
    """What `work(process)` returns in each of two processes, or the kind of its error and it.

    answering: how many of them live to say so. count: of processes.
    """
    context = multiprocessing.get_context("fork")
    answers, port = context.Queue(), free_port()

    def run(rank: int) -> None:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
        os.environ["MASTER_PORT"] = str(port)
        torch.set_num_threads(1)  # a forked process has none of its parent's threads
        try:
            with join_processes("cpu") as process:
                answers.put((rank, "done", work(process)))
        except BaseException as error:
            answers.put((rank, type(error).__name__, str(error)))

    processes = [context.Process(target=run, args=(rank,)) for rank in range(count)]
    for one in processes:
        one.start()
    found = sorted(answers.get(timeout=60) for _ in range(answering or count))
    for one in processes:
        one.join()
    return [(kind, text) for _, kind, text in found]


def test_values_of_all_processes_are_known_to_all():
    found = two(lambda process: process.gather([process.rank, "x"]))
    assert found == [("done", [[0, "x"], [1, "x"]])] * 2


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_share_is_raised_in_all_and_they_go_on(failing):
    def fail_or(value, fails):
        if fails:
            raise OSError(28, "No space left on device", f"file-{value}")
        return value

    def work(process):
        rank = process.rank
        with pytest.raises(OSError, match=f"No space left on device: 'file-{failing}'"):
            process.share(lambda: fail_or(rank, rank == failing))
        with pytest.raises((ValueError, SystemExit), match="no data" if process.leads else "1"):
            process.by_first(lambda: int("no data"))
        return process.share(lambda: rank), process.by_first(lambda: f"by {rank}")

    assert two(work) == [("done", ([0, 1], "by 0"))] * 2


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_one_process_ends_all_and_the_first_one_says_it(failing):
    def work(process):
        process.raise_together(None)
        process.raise_together(ValueError("no data") if process.rank == failing else None)

    assert two(work) == [("ValueError", "no data"), ("SystemExit", "1")]


def test_a_process_that_is_gone_is_said_in_one_line():
    def work(process):
        if process.rank == 1:
            os._exit(1)
        process.any(False)

    ((kind, text),) = two(work, answering=1)
    assert kind == "OSError" and text.startswith("another process of this training has ended")


@pytest.mark.parametrize(("longest", "kind"), [(None, "done"), (1.0, "RuntimeError")])
def test_the_longest_wait_is_the_stated_one(monkeypatch, longest, kind):
    """The first process is busy for three seconds, as with a validation."""
    assert timedelta(days=1) <= distributed.LONGEST_WAIT
    if longest:
        monkeypatch.setattr(distributed, "LONGEST_WAIT", timedelta(seconds=longest))

    def work(process):
        if process.leads:
            time.sleep(3)
        return process.any(process.leads)

    assert two(work)[1][0] == kind
