"""Work shared by processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2


def in_processes(
    function: Callable[..., Any], tasks: Sequence[tuple], workers: int
) -> Iterator[tuple[tuple, Any]]:
    """(task, function(*task)) of every task, in the order in which they are done.

    So many processes share them; for one, this process does them. After an error, tasks that were
    not begun are left. Raises ValueError if a process dies.
    """
    if workers == 1:
        yield from ((task, function(*task)) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,)) as pool:
        jobs = {pool.submit(function, *task): task for task in tasks}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BrokenProcessPool as error:
            raise ValueError(
                "a process was killed, perhaps for want of memory: run the same command again with "
                "fewer --workers; what is done is kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
