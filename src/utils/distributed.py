"""One program on one process or on many: torchrun's processes, what they agree on, and who writes.

Alone (no torchrun) everything here is a plain call: no process group exists. With torchrun, tensors
of a GPU travel by NCCL and plain values by gloo, so that agreement never waits for a GPU.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .words import first_line

# One process waits for another so long at most. The first one may wait for room on a full disk, and
# one's share of a validation may take longer. A wait of the backends' own, ten minutes for NCCL,
# would end the training then.
LONGEST_WAIT = timedelta(days=2)
# What the backends say when a process is not there any more.
CONNECTION_LOST = "Connection closed by peer", "Connection reset by peer", "remote process exited"

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """This process among those of the run."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes: checkpoints, logs, pictures."""
        return self.rank == 0

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes.

        All begin with the first one's weights.
        """
        if self.count == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def averaging(self, module: nn.Module, now: bool) -> AbstractContextManager:
        """A context for a backward pass.

        With `now` false, gradients stay this process's own until a later pass averages.
        """
        return nullcontext() if now or self.count == 1 else module.no_sync()

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in any process; every process must call it."""
        if self.count == 1:
            return flag
        flags = torch.tensor([int(flag)])
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def sum(self, values: Tensor) -> Tensor:
        """The sum of a CPU tensor over the processes; every process must call it."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def from_first(self, value: object) -> object:
        """The first process's plain value, in every process; every process must call it."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def gather(self, value: object) -> list:
        """Every process's plain value, in all of them; every process must call it."""
        values = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(values, value)
        return values

    def share(self, work: Callable[[], T]) -> list[T]:
        """What `work()` returns in each process, a plain value, in all of them.

        Every process must call it. A ValueError or OSError of one is raised in all.
        """
        value = error = None
        try:
            value = work()
        except (ValueError, OSError) as caught:
            error = caught
        if error := self._first_error(error):
            raise error
        return self.gather(value)

    def by_first(self, work: Callable[[], T]) -> T:
        """What `work()` returns in the first process, a plain value, in all of them.

        Every process must call it. A ValueError or OSError ends all, as `raise_together` does.
        """
        value = error = None
        if self.leads:
            try:
                value = work()
            except (ValueError, OSError) as caught:
                error = caught
        self.raise_together(error)
        return self.from_first(value)

    def raise_together(self, error: Exception | None) -> None:
        """End all processes if one has an error; every process must call it.

        The first process raises it, whosesoever it is. The others end without a word.
        """
        first = self._first_error(error)
        if first and not self.leads:
            raise SystemExit(1)
        if first:
            raise error or first

    def _first_error(self, error: Exception | None) -> Exception | None:
        """The error of the first process that has one, in all; every process must call it."""
        if not self.any(error is not None):
            return None
        return next(one for one in self.gather(error) if one)


def choose_device(name: str | None = None) -> torch.device:
    """The named device, or else a GPU if there is one, or else the CPU.

    Each of torchrun's processes has a GPU of its own. Raises ValueError for a device that cannot
    be used.
    """
    if name is None:
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch without CUDA
        raise ValueError(
            f"device {name!r} cannot be used ({first_line(error)}); use for example cpu or cuda"
        ) from error


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights are; the CPU for one without any."""
    return next(iter(module.state_dict().values()), torch.empty(0)).device


def this_process(device: str | None = None) -> Process:
    """This process's place among those that torchrun started, where none waits for another.

    They share work by `rank` and `count`, and agree on nothing. device: as for `choose_device`.
    """
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    return Process(choose_device(device), rank, count)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device. A GPU fetches it by itself, while this process goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def join_processes(device: str | None = None) -> Iterator[Process]:
    """This process's place among those that torchrun started, for the length of the block.

    device: cpu or cuda; by default a GPU of its own if there is one.
    """
    chosen = choose_device(device)
    count = int(os.environ.get("WORLD_SIZE", 1))
    if count == 1:
        yield Process(chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=LONGEST_WAIT)
    try:
        yield Process(chosen, dist.get_rank(), count)
    except RuntimeError as error:
        if not any(word in str(error) for word in CONNECTION_LOST):
            raise
        raise OSError(
            "another process of this training has ended; its own message says why"
        ) from error
    finally:
        dist.destroy_process_group()
