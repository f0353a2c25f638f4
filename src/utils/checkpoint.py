"""Training checkpoints on disk: their names, newest first, whole or not at all."""

import logging
import pickle
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import torch

from .files import atomic_path
from .inert_pickle import RefusedName, is_zip, read_tensors

# Of our checkpoints and safetensors files. A change that older versions cannot read raises it.
FORMAT = 1
# What reading a damaged file, or a pickle without sense, raises.
DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    MemoryError,
    OverflowError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    AssertionError,
    ValueError,
)

_NAME = re.compile(r"(\d{4,})-(\d{8,})\.pth")


def checkpoint_name(epoch: int, iteration: int) -> str:
    """The published naming: the epoch and the iteration in it, for example 2000-00000000.pth."""
    return f"{epoch:04d}-{iteration:08d}.pth"


def list_checkpoints(directory: Path) -> list[Path]:
    """Checkpoints in a folder in the order of their training.

    The order is by step, since an epoch has another length once the data grew. Files that are no
    training of ours (the published weights) or are damaged come first. Other names are left out.
    """
    numbered = [
        (own_step(path) or -1, int(match[1]), int(match[2]), path)
        for path in directory.glob("*.pth")
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for *_, path in sorted(numbered)]


def save_checkpoint(path: Path, state: dict) -> None:
    """Write a checkpoint whole or not at all; raises OSError, such as of a full disk."""
    with atomic_path(path) as temporary, temporary.open("wb", buffering=0) as file:
        output = _Output(file)
        try:
            torch.save(state, output)
        except RuntimeError:
            if output.error is None:
                raise
            raise OSError(output.error.errno, output.error.strerror, str(path)) from output.error


class _Output:
    """A file for torch.save. It keeps the error that torch replaces by one of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            done = self.file.write(data)
            while done < len(data):  # the disk is nearly full
                done += self.file.write(data[done:])
        except OSError as error:
            self.error = error
            raise
        return done

    def flush(self) -> None:
        pass


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The dict in a file of torch.save, on the CPU, mapped from the file where its format allows.

    Nothing named in the file is executed. Where PyTorch's restricted reader refuses a file, it is
    read with placeholders for the objects that aren't weights. Raises FileNotFoundError. Raises
    ValueError (one line) for anything but a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    try:
        content = _read(path)
    except RefusedName as error:
        raise ValueError(f"{path}: {error}") from error
    except DAMAGED as error:
        raise ValueError(
            f"{path}: not a checkpoint, or a damaged one ({first_line(error)}); fetch or copy it "
            "again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a checkpoint (a dict), found {type(content).__name__}")
    return content


def _read(path: Path) -> object:
    """The content of a file of torch.save."""
    try:
        # The warnings are of pickle protocols that torch.save doesn't write.
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip(path))
    except pickle.UnpicklingError:
        return read_tensors(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A training checkpoint of ours.

    Raises as `read_checkpoint`, and ValueError for one without our training state.
    """
    state = read_checkpoint(path)
    if state.get("format") != FORMAT:
        raise ValueError(
            f"checkpoint {path} has no training state of format {FORMAT} (the published weights "
            "have none): training cannot go on from it; move it elsewhere or train with another "
            "--instance-data"
        )
    return state


def load_newest_checkpoint(directory: Path) -> tuple[Path, dict] | None:
    """The newest readable checkpoint of a folder, or None if it has none.

    An unreadable one is named in a warning. Raises ValueError if there are checkpoints, but none
    that training can go on from.
    """
    errors = []
    for path in reversed(list_checkpoints(directory)):
        try:
            return path, load_checkpoint(path)
        except ValueError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None


def prune_checkpoints(directory: Path, keep_last: int, keep_every: int) -> None:
    """Delete older training checkpoints of ours.

    The newest `keep_last` stay, and the steps that `keep_every` divides (0: none). Files that are
    not ours (the published weights) are never touched.
    """
    for path in list_checkpoints(directory)[:-keep_last]:
        step = own_step(path)
        if step is not None and not (keep_every and step % keep_every == 0):
            path.unlink()


def own_step(path: Path) -> int | None:
    """The optimizer step of a training checkpoint of ours; None for other files.

    Its tensors are not read.
    """
    try:
        status = path.stat()
        return _step_of(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:  # a training that runs has deleted it meanwhile
        return None


@cache  # a long training asks often
def _step_of(path: Path, modified: int, size: int) -> int | None:
    """`own_step` of a file; modified and size tell apart files of one name."""
    try:
        state = read_checkpoint(path)
    except ValueError as error:
        logging.getLogger(__name__).warning("%s; it is left alone", error)
        return None
    return state.get("total_iterations") if state.get("format") == FORMAT else None


def first_line(error: BaseException) -> str:
    """What an error says, at most 120 characters of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
