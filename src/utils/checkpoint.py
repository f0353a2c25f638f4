"""Training checkpoints on disk: their names, newest first, whole or not at all."""

import logging
import re
import tarfile
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import torch

from .files import atomic_path
from .inert_pickle import RefusedName, read_tensors
from .tensor_archive import DAMAGED, check_archive, is_zip
from .words import first_line

log = logging.getLogger(__name__)

# Of our checkpoints and safetensors files. A change that older versions cannot read raises it.
FORMAT = 1
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


def read_checkpoint(path: str | Path, check_tensors: bool = False) -> dict[str, Any]:
    """The dict in a file of torch.save, on the CPU, mapped from the file where its format allows.

    Nothing named in the file is executed. Placeholders stand for objects that aren't weights.
    check_tensors: compare the tensors with the file's checksums, which reads all of them; the rest
    is compared in any case. Raises FileNotFoundError. Raises ValueError (one line) for anything but
    a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    try:
        content = _read(path, check_tensors)
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


def _read(path: Path, check_tensors: bool) -> object:
    """The content of a file of torch.save."""
    if is_zip(path):
        check_archive(path)
        if check_tensors:
            status = path.stat()
            _check_tensors(path, status.st_mtime_ns, status.st_size)
    elif _is_tar(path):
        raise ValueError("a tar file")  # torch.load would hand it to another reader
    # The warnings are of pickle protocols that torch.save doesn't write.
    with warnings.catch_warnings(action="ignore"):
        return read_tensors(path)


def _is_tar(path: Path) -> bool:
    try:
        tarfile.open(path, "r:").close()
    except tarfile.TarError:
        return False
    return True


@cache  # several readers of one process ask for the same file
def _check_tensors(path: Path, modified: int, size: int) -> None:
    """`check_archive` of a file with its tensors; modified and size tell apart files of a name."""
    check_archive(path, tensors=True)


def is_ours(state: dict[str, Any]) -> bool:
    """Whether the content of a checkpoint is a training's of ours, of this format."""
    return type(state.get("format")) is int and state["format"] == FORMAT


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A training checkpoint of ours.

    Raises as `read_checkpoint`, and ValueError for one without our training state.
    """
    state = read_checkpoint(path, check_tensors=True)
    if not is_ours(state):
        raise ValueError(
            f"checkpoint {path} has no training state of format {FORMAT} (the published weights "
            "have none): training cannot go on from it; move it elsewhere or train with another "
            "--instance-data"
        )
    return state


def load_newest_checkpoint(directory: Path) -> tuple[Path, dict] | None:
    """The newest readable checkpoint of a folder, or None if it has none.

    Raises ValueError if there are checkpoints, but none that training can go on from.
    """
    return _newest(list_checkpoints(directory), load_checkpoint)


def newest_whole(paths: list[Path]) -> Path:
    """The last of these checkpoints, in the order of their training, that can be read.

    Raises ValueError if none can.
    """
    path, _ = _newest(paths, partial(read_checkpoint, check_tensors=True))
    return path


def _newest(paths: list[Path], read: Callable[[Path], dict]) -> tuple[Path, dict] | None:
    """The last file that `read` reads, with its content; a warning names those that it cannot."""
    errors = []
    for path in reversed(paths):
        try:
            return path, read(path)
        except FileNotFoundError:  # a training that runs has deleted it meanwhile
            continue
        except ValueError as error:
            if own_step(path) is not None:  # otherwise that has said so already
                log.warning("%s; the checkpoint before it is taken", error)
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
        log.warning("%s; it is left alone", error)
        return None
    step = state.get("total_iterations")
    return step if is_ours(state) and type(step) is int else None
