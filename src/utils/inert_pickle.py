"""Reading PyTorch files that name classes which are not installed.

Published first-stage files hold pickled training callbacks beside their weights. A pickle is a
program: it names any function and calls it. Here nothing that a file names is run or imported.
`Unpickler.find_class` is the only way from a name in the file to an object of this process. It
returns nothing but the inert classes below. None of them keeps what it is given, so neither the
file's arguments nor attributes that it sets reach anything outside the result.
"""

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import torch


def is_zip(path: Path) -> bool:
    """Whether a file of torch.save has its present format, a zip archive, which can be mapped."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read_tensors(path: Path) -> object:
    """The content of a file of torch.save: tensors and plain containers as they are.

    All other objects become placeholders. Tensors are on the CPU and may be mapped from the file.
    Raises RefusedName for a file that names a function or class of Python, PyTorch or NumPy that
    weights don't need. Raises pickle.UnpicklingError, RuntimeError, ... for a damaged one.

    The file must have failed `torch.load(weights_only=True)` with UnpicklingError. That call
    refuses TorchScript archives and tar files with RuntimeError; torch.load would hand these two
    to other readers.
    """
    # Without weights_only, here alone: PyTorch's restricted reader has no placeholders.
    return torch.load(
        path,
        map_location="cpu",
        pickle_module=PICKLE_MODULE,
        weights_only=False,
        mmap=is_zip(path),
    )


class Ignored:
    """Stands for any object that isn't a weight: takes whatever pickle does to it, does nothing.

    The methods are static so that they catch pickle operations on the class itself too, which is
    what `find_class` returns.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Ignored":
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> "Ignored":
        return self

    def __setitem__(self, key: object, value: object) -> None:
        pass

    @staticmethod
    def _nothing(*args: object) -> None:
        pass

    __setstate__ = append = extend = add = _nothing


class PlainDict(dict):
    """Stands for OrderedDict; attributes that a file gives it are dropped."""

    __slots__ = ()

    @staticmethod
    def __setstate__(*args: object) -> None:
        pass


class RebuiltTensor(Ignored):
    """Stands for the functions that make a tensor of a storage; hooks and the like are dropped."""

    def __new__(
        cls, storage: object, offset: int, size: tuple, stride: tuple, *extras: object
    ) -> torch.Tensor:
        if not isinstance(storage, torch.storage.TypedStorage):
            raise pickle.UnpicklingError("a tensor without a storage")
        return torch.empty(0, dtype=storage.dtype).set_(storage, offset, size, stride)


class RebuiltParameter(Ignored):
    """Stands for the function that makes a parameter of a tensor: the tensor itself will do."""

    def __new__(cls, tensor: object, *extras: object) -> object:
        return tensor


WEIGHTS = {
    ("collections", "OrderedDict"): PlainDict,
    ("torch._utils", "_rebuild_tensor"): RebuiltTensor,
    ("torch._utils", "_rebuild_tensor_v2"): RebuiltTensor,
    ("torch._utils", "_rebuild_parameter"): RebuiltParameter,
}

_BUILTINS = {"set", "frozenset", "complex", "bytearray", "slice", "object"}
# By module, plain values that training states hold and that no weight needs.
# They become placeholders, like everything of other packages.
VALUES = {
    "builtins": _BUILTINS | {"range"},
    "__builtin__": _BUILTINS | {"xrange"},  # Python 2's
    "collections": {"defaultdict", "deque", "Counter"},
    "datetime": {"datetime", "date", "time", "timedelta"},
    "pathlib": {"PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath", "Path"},
    "argparse": {"Namespace"},
    "_codecs": {"encode"},
    "torch": {"device", "Size", "float32", "float16", "float64", "int64", "Tensor"},
    "torch.nn.parameter": {"Parameter"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"scalar", "_reconstruct"},
    "numpy._core.multiarray": {"scalar", "_reconstruct"},
}

# Refused outside the lists above: what could do harm if it were called. As a placeholder it could
# not, but a clear message serves better.
REFUSED = sys.stdlib_module_names | {"torch", "numpy", "__builtin__", "copy_reg"}


class RefusedName(ValueError):
    """The file names something that weights don't need, and was not loaded."""


class Unpickler(pickle.Unpickler):
    """A `pickle.Unpickler` for which every name is one of the inert classes, or an error."""

    def find_class(self, module: str, name: str) -> type:
        if (module, name) in WEIGHTS:
            return WEIGHTS[module, name]
        if name not in VALUES.get(module, ()) and module.partition(".")[0] in REFUSED:
            raise RefusedName(
                f"names {module}.{name}, which weights don't need, so the file was not loaded; "
                "expected tensors and plain values"
            )
        return Ignored

    def __setattr__(self, name: str, value: object) -> None:
        """torch.load sets `persistent_load`, which finds storages.

        Its other use, which compares source code and writes files, is taken away.
        """
        super().__setattr__(name, _storages_only(value) if name == "persistent_load" else value)


def _storages_only(persistent_load: object) -> object:
    def load(saved: object) -> object:
        if not isinstance(saved, tuple) or not saved or saved[0] not in ("storage", b"storage"):
            raise pickle.UnpicklingError("a persistent object that isn't a storage")
        return persistent_load(saved)

    return load


def _load(file: object, **options: object) -> object:
    return Unpickler(file, **options).load()


# What torch.load asks of a pickle module. `load` reads the header of files older than zip.
PICKLE_MODULE = SimpleNamespace(__name__=__name__, Unpickler=Unpickler, load=_load)
