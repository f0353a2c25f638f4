"""Reading PyTorch files that name classes which are not installed.

Published first-stage files hold pickled training callbacks beside their weights. A pickle is a
program: it names any function and calls it. Here nothing that a file names is run or imported.
`Unpickler.find_class` is the only way from a name in the file to an object of this process. It
returns nothing but the inert classes below. None of them keeps what it is given, so neither the
file's arguments nor attributes that it sets reach anything outside the result.
"""

import builtins
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch

from .tensor_archive import is_zip


def read_tensors(path: Path) -> object:
    """The content of a file of torch.save: tensors and plain containers as they are.

    All other objects become placeholders. Tensors are on the CPU and may be mapped from the file.
    Raises RefusedName for a file that names a function or class of Python, PyTorch or NumPy that
    could do harm. Raises pickle.UnpicklingError, RuntimeError, ... for a damaged one.

    The caller has refused TorchScript archives and tar files, which torch.load would hand to other
    readers, and has checked a zip archive.
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
    """Stands for OrderedDict, and is written as one; attributes from a file are dropped."""

    __slots__ = ()

    def __reduce__(self) -> tuple:
        return OrderedDict, (), None, None, iter(self.items())

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
    """Stands for functions that make a parameter of a tensor: the tensor itself will do."""

    def __new__(cls, tensor: object, *extras: object) -> object:
        return tensor


WEIGHTS = {
    ("collections", "OrderedDict"): PlainDict,
    ("torch._utils", "_rebuild_tensor"): RebuiltTensor,
    ("torch._utils", "_rebuild_tensor_v2"): RebuiltTensor,
    ("torch._utils", "_rebuild_parameter"): RebuiltParameter,
    ("torch._utils", "_rebuild_parameter_with_state"): RebuiltParameter,
}


def _types(module: ModuleType) -> set[str]:
    """The names of a module's types, and of PyTorch's and NumPy's kinds of numbers."""
    kinds = type, torch.dtype, torch.layout
    return {name for name, value in vars(module).items() if isinstance(value, kinds)}


_BUILTINS = _types(builtins) | {"abs", "all", "any", "len", "max", "min", "print", "round", "sum"}
# Names of Python, PyTorch and NumPy that training states hold though no weight needs them: values,
# settings, random states, optimizers, modules. They become placeholders, like everything of other
# packages. By module; None: all its names.
HARMLESS = {
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS | {"xrange", "unicode", "long", "basestring"},  # Python 2's
    "types": {"SimpleNamespace", "MappingProxyType", "NoneType", "GenericAlias", "UnionType"},
    "argparse": {"Namespace"},
    "operator": {"itemgetter"},
    "logging": {"Logger", "getLogger"},
    "io": {"BytesIO", "StringIO"},
    "_io": {"BytesIO", "StringIO"},
    "_codecs": {"encode"},
    "copyreg": {"_reconstructor", "__newobj__", "__newobj_ex__"},
    "copy_reg": {"_reconstructor", "__newobj__"},
    "torch": _types(torch),
    "torch._utils": {name for name in vars(torch._utils) if name.startswith("_rebuild_")},
    "torch.storage": {"TypedStorage", "UntypedStorage", "_TypedStorage", "_UntypedStorage"},
    "torch._tensor": {"_rebuild_from_type_v2"},
    "torch.random": {"Generator"},
    "numpy": _types(np),
    "numpy.core.multiarray": {"scalar", "_reconstruct"},
    "numpy._core.multiarray": {"scalar", "_reconstruct"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
}
HARMLESS |= dict.fromkeys(
    (
        *("abc", "array", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions"),
        *("functools", "ipaddress", "itertools", "math", "numbers", "pathlib", "random", "re"),
        *("string", "time", "typing", "uuid", "weakref", "zoneinfo"),
        *("torch.amp", "torch.cuda.amp", "torch.distributed.algorithms"),
        *("torch.distributed.tensor", "torch.distributions", "torch.nn", "torch.optim"),
        *("torch.torch_version", "torch.utils.data", "torch.utils.hooks"),
        *("numpy.dtypes", "numpy.ma", "numpy.random"),
    )
)

# Refused outside that list. As a placeholder nothing could do harm, but a clear message serves
# better.
GUARDED = sys.stdlib_module_names | {"torch", "numpy", "__builtin__", "copy_reg"}


def is_harmless(module: str, name: str) -> bool:
    """Whether a name in a file may become a placeholder, and does not end the reading."""
    parts = name.split(".")
    if module.partition(".")[0] not in GUARDED:
        return True
    # From protocol 4 on, a name can lead through a module's imports: `collections` has `_sys`.
    # Classes within classes begin with a capital.
    if len(parts) > 1 and not all(part[:1].isupper() for part in parts):
        return False
    while module not in HARMLESS:  # pathlib._local is in pathlib
        module, dot, _ = module.rpartition(".")
        if not dot:
            return False
        if HARMLESS.get(module) is not None:  # only some of its own names, none of modules in it
            return False
    return HARMLESS[module] is None or name in HARMLESS[module]


class RefusedName(ValueError):
    """The file names something that weights don't need, and was not loaded."""


class Unpickler(pickle._Unpickler):
    """An unpickler for which every name is one of the inert classes, or an error.

    It is the one written in Python. The other takes as much memory as a file says.
    """

    def find_class(self, module: str, name: str) -> type:
        if (module, name) in WEIGHTS:
            return WEIGHTS[module, name]
        if not is_harmless(module, name):
            raise RefusedName(
                f"names {module}.{name}, which weights don't need, so the file was not loaded; "
                "expected tensors and plain values; a file of the state_dict alone will do"
            )
        return Ignored

    def _refuse(self) -> None:
        raise pickle.UnpicklingError("an operation that weights don't need")

    # A bytearray is made as large as the file says, before there is anything in it.
    dispatch = pickle._Unpickler.dispatch | {pickle.BYTEARRAY8[0]: _refuse}

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
