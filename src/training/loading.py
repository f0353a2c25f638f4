"""Loading batches in processes of their own, which end with their use, whatever ends it.

What goes wrong in such a process reaches the user as one line.
"""

import logging
import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..utils.signals import STOP_SIGNALS
from ..utils.words import one_line

log = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")  # where batches wait for the one who asked for them


class NumberedSamples(Dataset):
    """A dataset whose samples carry their number.

    A sample that cannot be loaded is the error itself. Raised in a worker, it would come with a
    traceback as its text. Once `ending` is set, nothing more is loaded.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.ending = multiprocessing.RawValue("b", 0)

    def __getitem__(self, number: int) -> dict[str, Tensor] | Exception:
        if self.ending.value:
            return ValueError(f"sample {number} is not wanted any more")
        try:
            return {**self.dataset[number], "number": torch.tensor(number)}
        except (ValueError, OSError) as error:
            return error


@contextmanager
def numbered_batches(
    dataset: Dataset, numbers: Iterator[range], workers: int, pin_memory: bool
) -> Iterator[Iterator[dict[str, Tensor]]]:
    """The batches of these sample numbers, with `number` (n,); see `loaded`."""
    samples = NumberedSamples(dataset)
    loader = DataLoader(
        samples,
        batch_sampler=numbers,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=2 if workers else None,
        collate_fn=partial(in_shared_memory, _collate),
        worker_init_fn=_leave_signals_to_the_trainer,
    )
    with loaded(loader) as batches:
        try:
            yield batches
        finally:
            samples.ending.value = 1  # so that no worker finishes a batch first


@contextmanager
def loaded(loader: DataLoader) -> Iterator[Iterator]:
    """What a loader loads. Its workers end with the block.

    Raises ValueError or OSError, in one line, for a batch that is an error, and for a worker that
    died. The latter may come anywhere in the block.
    """
    before = multiprocessing.active_children()
    iterator = iter(loader)
    workers = [one for one in multiprocessing.active_children() if one not in before]
    try:
        yield _checked(iterator)
    except RuntimeError as error:
        if (death := _death_of_worker(error)) is None:
            raise
        raise OSError(death) from error
    finally:
        # Torch does it when the iterator is forgotten, but the traceback of an error keeps it.
        getattr(iterator, "_shutdown_workers", lambda: None)()
        for worker in workers:  # that did not hear of it
            worker.kill()


def in_shared_memory(collate: Callable, samples: object) -> object:
    """`collate(samples)`, or the error where there is no shared memory left to hold it."""
    try:
        return collate(samples)
    except RuntimeError as error:
        if "shared memory" not in str(error):
            raise
        return OSError(f"there is no room left for a batch{_advice()}")


def _collate(samples: list[dict[str, Tensor] | Exception]) -> dict[str, Tensor] | Exception:
    """A batch of samples, or the first error among them."""
    error = next((one for one in samples if isinstance(one, Exception)), None)
    return error or default_collate(samples)


def _checked(batches: Iterator) -> Iterator:
    """The batches; a batch that is an error is raised."""
    for batch in batches:
        if isinstance(batch, Exception):
            raise batch
        yield batch


def _death_of_worker(error: RuntimeError) -> str | None:
    """How a worker died and what to do, if that is what torch's error says."""
    text = f"{error} {error.__cause__ or ''}"
    if "DataLoader worker" not in text or "Original Traceback" in text:
        return None
    if "Bus error" in text:
        return f"a process that loads data died of a bus error{_advice()}"
    if "Killed" in text:
        return (
            "a process that loads data was killed, as a system does that runs out of memory: lower "
            "data.workers or training.batch_size, or give it more memory"
        )
    return f"a process that loads data died: {one_line(error, 200)}"


def _advice() -> str:
    """What to do about full shared memory; how large it is."""
    if not SHARED_MEMORY.is_dir():
        return ": lower data.workers"
    size = shutil.disk_usage(SHARED_MEMORY).total / 1e6
    return (
        f": the {size:.0f} MB of {SHARED_MEMORY} are too few for it; give the container more, for "
        "example docker run --shm-size=8g, or lower data.workers or training.batch_size"
    )


def _leave_signals_to_the_trainer(worker: int) -> None:
    """Slurm and terminals signal all processes of a run.

    A worker that died of it would take the trainer along unsaved.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
