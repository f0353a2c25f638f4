"""Frames are stored in a thread, while the next ones are drawn."""

import errno
import threading
from concurrent.futures import Future

import numpy as np
import pytest
import torch
from sampling_task import LATENT, GaussianDenoiser, contents, sample

from photonvs.sampling import writer
from photonvs.sampling.runs import Run
from photonvs.sampling.writer import Writer

IMAGE = np.zeros((16, 16, 3), np.uint8)


class Slow:
    """A run whose frames are written when the test says so."""

    def __init__(self):
        self.written, self.may_write = [], threading.Semaphore(0)

    def write_frame(self, index, latent, image, frames_per_second):
        assert self.may_write.acquire(timeout=60)
        if index == 3:
            raise OSError(errno.ENOSPC, "No space left on device", "0003.npy")
        self.written.append((index, threading.current_thread()))


class AtOnce:
    """In the place of a thread that is quicker than anything."""

    def __init__(self, *_):
        pass

    def submit(self, call, *arguments):
        future = Future()
        try:
            future.set_result(call(*arguments))
        except OSError as error:
            future.set_exception(error)
        return future

    def shutdown(self):
        pass


def test_frames_are_stored_in_order_and_told_in_the_callers_thread():
    run, told = Slow(), []
    with Writer(10.0, lambda *made: told.append((made[1], threading.current_thread()))) as frames:
        for index in (5, 2, 4):
            frames.put(run, index, torch.zeros(LATENT), IMAGE)
        assert told == [] and run.written == []  # `put` did not wait
        run.may_write.release(3)
        frames.tell(most=0)
        assert [index for index, _ in told] == [5, 2, 4]
    assert [index for index, _ in run.written] == [5, 2, 4]
    here = threading.current_thread()
    assert all(thread is here for _, thread in told)
    assert all(thread is not here for _, thread in run.written)


def test_no_frame_is_stored_after_one_that_cannot_be():
    run, told = Slow(), []
    frames = Writer(10.0, lambda run, index, image: told.append(index))
    with pytest.raises(OSError, match="No space left"), frames:
        for index in (1, 3, 4):
            frames.put(run, index, torch.zeros(LATENT), IMAGE)
        run.may_write.release(3)
    assert told == [1] and [index for index, _ in run.written] == [1]


def test_frames_that_are_drawn_are_stored_though_drawing_ends_by_an_error():
    run = Slow()
    with pytest.raises(KeyboardInterrupt), Writer(10.0, lambda *made: None) as frames:
        for index in (1, 2):
            frames.put(run, index, torch.zeros(LATENT), IMAGE)
        run.may_write.release(2)
        raise KeyboardInterrupt
    assert [index for index, _ in run.written] == [1, 2]


def test_drawing_waits_for_storing_that_falls_behind(monkeypatch):
    monkeypatch.setattr(writer, "MOST_WAITING", 2)
    run, told = Slow(), []
    with Writer(10.0, lambda run, index, image: told.append(index)) as frames:
        for index in (1, 2):
            frames.put(run, index, torch.zeros(LATENT), IMAGE)
        threading.Timer(0.05, run.may_write.release, [3]).start()
        frames.put(run, 6, torch.zeros(LATENT), IMAGE)  # waits for the first
        assert told[0] == 1
    assert told == [1, 2, 6]


def test_a_full_disk_ends_drawing_in_the_frame_after(make_task, monkeypatch):
    whole = Run.write_image

    def write_image(run, index, frame):
        if index == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "0002.png")
        whole(run, index, frame)

    monkeypatch.setattr(Run, "write_image", write_image)
    monkeypatch.setattr(writer, "ThreadPoolExecutor", AtOnce)
    directory, denoiser = make_task(), GaussianDenoiser()
    with pytest.raises(OSError, match=r"No space left on device: '0002\.png'"):
        sample(directory, denoiser=denoiser)
    assert len(denoiser.batches) == 9  # a step of frame 3
    folder = directory / "samples/00000000"
    assert sorted(contents(folder, "latents/*")) == [f"latents/000{k}.npy" for k in (0, 1, 2)]
    monkeypatch.undo()
    (run,) = sample(directory)
    assert run.made == {2, 3, 4} and not (folder.parent / ".00000000.lease").exists()


def test_frames_are_told_while_the_next_one_is_drawn(make_task, monkeypatch):
    monkeypatch.setattr(writer, "ThreadPoolExecutor", AtOnce)
    told, seen = [], []
    sample(
        make_task(),
        watch=lambda now: seen.append((now.frames[0].index, [*told])),
        stored=lambda run, index, image: told.append((index, run.has_image(index))),
    )
    assert told == [(index, True) for index in (1, 2, 3, 4)]
    assert seen == [(index, told[: index - 1]) for index in (1, 2, 3, 4) for _ in range(4)]
