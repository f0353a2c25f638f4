"""Work shared by processes, which may tell how far they are."""

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from typing import Any

import cv2

SECONDS = 0.2  # between two looks at what the processes tell

# In a process that works: takes what it reports.
_listener: Callable[[Any], None] | None = None


def report(news: Any) -> None:
    """Tell whoever called `in_processes` what a task is doing; elsewhere nobody listens."""
    if _listener is not None:
        _listener(news)


def in_processes(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    workers: int,
    listen: Callable[[Any], None] | None = None,
) -> Iterator[tuple[tuple, Any]]:
    """(task, function(*task)) of every task, in the order in which they are done.

    So many processes share them; for one, this process does them. listen: called here with what the
    tasks `report`, soon after. After an error, tasks that were not begun are left. Raises
    ValueError if a process dies.
    """
    if workers == 1:
        _listen(listen)
        try:
            yield from ((task, function(*task)) for task in tasks)
        finally:
            _listen(None)
        return
    context = multiprocessing.get_context("spawn")
    news = context.Queue() if listen else None
    with ProcessPoolExecutor(workers, context, _begin, (news,)) as pool:
        jobs = {pool.submit(function, *task): task for task in tasks}
        waiting = set(jobs)
        try:
            while waiting:
                done, waiting = wait(waiting, SECONDS if listen else None, FIRST_COMPLETED)
                _tell(news, listen)
                yield from ((jobs[job], job.result()) for job in done)
        except BrokenProcessPool as error:
            raise ValueError(
                "a process was killed, perhaps for want of memory: run the same command again with "
                "fewer --workers; what is done is kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    _tell(news, listen)  # what came with the last task


def _begin(news: Queue | None) -> None:
    """What a process does first."""
    cv2.setNumThreads(1)
    if news is not None:
        news.cancel_join_thread()  # after an error nobody may be listening any more
        _listen(news.put)


def _listen(listener: Callable[[Any], None] | None) -> None:
    global _listener
    _listener = listener


def _tell(news: Queue | None, listen: Callable[[Any], None] | None) -> None:
    """Pass on all that has come."""
    try:
        while news is not None:
            listen(news.get_nowait())
    except queue.Empty:
        return
