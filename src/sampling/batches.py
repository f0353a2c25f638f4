"""Frames that are drawn together: which, and what of them is drawn after an interruption.

The last bits of a frame depend on the batch that it is drawn in. So batches depend on the paths
alone, and not on what is there already: a drawing that goes on ends with the same bits as one in
one go.
"""

from collections.abc import Iterator, Sequence, Set

from .drawing import Drawing, Frame
from .method import Method


def batches(drawings: Sequence[Drawing], method: Method, batch_size: int) -> Iterator[list[Frame]]:
    """The batches to draw; frames that exist already are drawn again in one of them at most.

    That is the last one that has been begun: some of its frames were not stored any more. Of
    others, which nothing but changes by hand leave incomplete, only what is missing is drawn.
    """
    waiting = [Frame(one, index) for one in drawings for index in one.spec.generation_order]
    there = {Frame(one, index) for one in drawings for index in one.spec.given}
    begun = sum(frame.exists for frame in waiting)
    while waiting:
        batch = next_batch(waiting, there, method, batch_size)
        there.update(batch)
        waiting = [frame for frame in waiting if frame not in there]
        missing = [frame for frame in batch if not frame.exists]
        begun -= len(batch) - len(missing)
        if missing:
            yield batch if begun == 0 else missing


def next_batch(
    waiting: Sequence[Frame], there: Set[Frame], method: Method, batch_size: int
) -> list[Frame]:
    """The first of `waiting` whose views are all `there`.

    They make at most `batch_size` pairs an evaluation, but there is always one frame.
    """
    batch: list[Frame] = []
    room = batch_size
    for frame in waiting:
        pairs = method.pairs(len(frame.views))
        fits = pairs <= room or not batch
        if fits and all(Frame(frame.drawing, view) in there for view in frame.views):
            batch.append(frame)
            room -= pairs
        if room <= 0:
            break
    return batch
