"""Work in processes that tell how far they are, and that may die."""

import os
import signal

import pytest

from photonvs.utils.parallel import in_processes, report


def task(number: int) -> int:
    for step in range(3):
        report((number, step))
    if number == 9:
        raise ValueError("nine")
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_all_is_done_and_all_news_come(workers):
    news = []
    results = dict(in_processes(task, [(1,), (2,), (3,)], workers, news.append))
    assert results == {(1,): 1, (2,): 4, (3,): 9}
    assert sorted(news) == [(number, step) for number in (1, 2, 3) for step in range(3)]
    report("nobody listens any more")
    assert len(news) == 9


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through(workers):
    with pytest.raises(ValueError, match="nine"):
        list(in_processes(task, [(9,), (1,)], workers, lambda news: None))


def test_nobody_needs_to_listen():
    assert [made for _, made in in_processes(task, [(4,)], 1)] == [16]


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_one_line():
    with pytest.raises(ValueError, match=r"a process was killed, .* fewer --workers"):
        list(in_processes(die, [(1,), (2,)], 2))
