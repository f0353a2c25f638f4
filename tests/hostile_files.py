"""Checkpoints that name what weights do not need."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from seeded import passing_class


def in_a_zip(path: Path, pickled: bytes) -> Path:
    """A file of torch.save whose pickle is the given one."""
    buffer = io.BytesIO()
    torch.save({"state_dict": {"x": torch.arange(4.0)}}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for item in source.infolist():
            target.writestr(
                item.filename, pickled if item.filename.endswith("data.pkl") else source.read(item)
            )
    return path


def in_an_old_file(path: Path, pickled: bytes) -> Path:
    """The format before zip: a header of three pickles, the content, the storages' names."""
    header = [
        pickle.dumps(part, 2)
        for part in (torch.serialization.MAGIC_NUMBER, 1001, {"little_endian": True})
    ]
    path.write_bytes(b"".join(header) + pickled + pickle.dumps([], 2))
    return path


def as_the_header_of_an_old_file(path: Path, pickled: bytes) -> Path:
    path.write_bytes(pickled + pickle.dumps(1001, 2))
    return path


def calling(module: str, name: str, argument: str, protocol: int = 2) -> bytes:
    """A pickle that calls module.name(argument) and puts the result into a checkpoint's dict."""
    if protocol >= 4:
        texts = [
            pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode() for text in (module, name)
        ]
        function = b"".join(texts) + pickle.STACK_GLOBAL
    else:
        function = pickle.GLOBAL + f"{module}\n{name}\n".encode()
    text = pickle.BINUNICODE + struct.pack("<I", len(argument.encode())) + argument.encode()
    key = pickle.BINUNICODE + struct.pack("<I", 10) + b"state_dict"
    call = function + text + pickle.TUPLE1 + pickle.REDUCE
    return (
        pickle.PROTO
        + bytes([protocol])
        + pickle.EMPTY_DICT
        + key
        + call
        + pickle.SETITEM
        + pickle.STOP
    )


CARRIERS = [in_a_zip, in_an_old_file, as_the_header_of_an_old_file]


def setting_attributes_of(module: str, name: str) -> bytes:
    """A pickle that sets attributes on what it names, as for objects with __slots__."""
    attributes = pickle.dumps(
        (None, {"update": 1, "__new__": 2, "__call__": 3, "__defaults__": 4}), 2
    )[2:-1]
    return (
        pickle.PROTO
        + b"\x02"
        + pickle.GLOBAL
        + f"{module}\n{name}\n".encode()
        + attributes
        + pickle.BUILD
        + pickle.STOP
    )


def persistent(identity: tuple) -> bytes:
    """A pickle of {"state_dict": <what the identity finds>}.

    It names an absent class too, so that PyTorch's own reader refuses it.
    """
    body = pickle.dumps(identity, 2)[2:-1] + pickle.BINPERSID
    key = pickle.dumps("state_dict", 2)[2:-1]
    absent = pickle.GLOBAL + b"absent_package\nThing\n" + pickle.POP
    return (
        pickle.PROTO
        + b"\x02"
        + absent
        + pickle.EMPTY_DICT
        + key
        + body
        + pickle.SETITEM
        + pickle.STOP
    )


def tensor_of(count: int, size: tuple[int, ...]) -> bytes:
    """A pickle of a tensor of this size, in a storage of 4 numbers that claims `count`.

    It names an absent class too, so that PyTorch's own reader refuses it.
    """
    storage, buffer = object(), io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            return ("storage", torch.FloatStorage, "0", "cpu", count) if item is storage else None

    class Claimed:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (
                storage,
                0,
                size,
                (1,) * len(size),
                False,
                OrderedDict(),
            )

    with passing_class("absent_package", "Thing") as thing:
        Pickler(buffer, 2).dump({"x": thing, "state_dict": {"x": Claimed()}})
    return buffer.getvalue()
