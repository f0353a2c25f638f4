"""Nothing that a hostile checkpoint names is run, imported or changed."""

import argparse
import enum
import functools
import logging
import random
import sys
import tarfile
import warnings
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_files import CARRIERS, calling, in_a_zip, persistent, setting_attributes_of, tensor_of
from omegaconf import OmegaConf
from seeded import passing_class

from photonvs.models import load_denoiser, load_first_stage
from photonvs.utils import inert_pickle
from photonvs.utils.checkpoint import read_checkpoint

pytestmark = pytest.mark.filterwarnings(
    "ignore:Detected pickle protocol", "ignore:.torch.jit.*:FutureWarning"
)


def saved(path: Path, content: object, **options) -> Path:
    torch.save(content, path, **options)
    return path


def refused(load, path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.fixture
def canary(tmp_path):
    """A path that must not exist at the end."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


HARMFUL = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("importlib", "import_module"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("builtins", "compile"),
    ("types", "FunctionType"),
    ("types", "CodeType"),
    ("shutil", "rmtree"),
    ("logging.config", "listen"),
    ("pickle", "loads"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch.serialization", "os.system"),
    ("torch._utils", "_import_dotted_name"),
    ("torch.storage", "_load_from_bytes"),
    ("torch.fx.graph_module", "reduce_graph_module"),
    ("torch.distributed.rpc", "rpc_sync"),
    ("numpy", "load"),
    ("numpy", "f2py.os.system"),
    ("collections", "OrderedDict.__init__"),
    ("collections", "_sys.modules"),
    ("functools", "recursive_repr.__globals__"),
    ("random", "_os.system"),
    ("pathlib", "Path.unlink"),
    ("pathlib", "os.system"),
]


@pytest.mark.parametrize(("module", "name"), HARMFUL)
def test_harmful_names_are_refused(tmp_path, canary, module, name):
    for number, carrier in enumerate(CARRIERS):
        for protocol in (2, 4) if "." in name or number == 0 else (2,):
            path = carrier(tmp_path / "x.ckpt", calling(module, name, f"touch {canary}", protocol))
            refused(load_first_stage, path, f"names {module}.{name}, which weights don't need")
            refused(load_denoiser, path, f"names {module}.{name}, which weights don't need")


def test_the_hostile_files_would_work_elsewhere(tmp_path):
    # Without this the test above could pass for files that do nothing anywhere.
    canary = tmp_path / "proof"
    for carrier in CARRIERS[:2]:
        for protocol in (2, 4):
            path = carrier(
                tmp_path / "x.ckpt", calling("os", "system", f"touch {canary}", protocol)
            )
            torch.load(path, weights_only=False)
            canary.unlink()


@pytest.mark.parametrize("carrier", CARRIERS[:2])
@pytest.mark.parametrize("name", ["Callback", "os.system", "__class__.__base__", "eval"])
def test_names_of_other_packages_are_inert(tmp_path, canary, carrier, name):
    # An absent package, and one that is installed but must not be touched.
    for module in (
        "absent_package",
        "absent_package.sub",
        "safetensors.torch",
        "yaml",
        "photonvs.config",
    ):
        path = carrier(tmp_path / "x.ckpt", calling(module, name, f"touch {canary}", 4))
        content = read_checkpoint(path)
        assert type(content["state_dict"]) is inert_pickle.Ignored
        refused(load_first_stage, path, "expected names and tensors, found something else")


LEFT_OVER = [
    ("pathlib._local", "PosixPath"),  # Python 3.13's
    ("typing", "Any"),
    ("builtins", "dict"),
    ("__builtin__", "unicode"),
    ("functools", "partial"),
    ("copyreg", "_reconstructor"),
    ("torch.optim.lr_scheduler", "LambdaLR"),
    ("torch.torch_version", "TorchVersion"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("datetime", "timezone"),
    ("enum", "Outer.Inner"),
]


@pytest.mark.parametrize(("module", "name"), LEFT_OVER)
def test_what_trainings_leave_behind_is_inert(tmp_path, canary, module, name):
    for carrier in CARRIERS[:2]:
        path = carrier(tmp_path / "x.ckpt", calling(module, name, f"touch {canary}", 4))
        assert type(read_checkpoint(path)["state_dict"]) is inert_pickle.Ignored


class Mood(enum.Enum):
    CALM = 1


@pytest.mark.parametrize("new_format", [True, False])
def test_a_training_state_with_everything_in_it_loads(tmp_path, new_format):
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    optimizer = torch.optim.AdamW(module.parameters())
    leftovers = [
        OmegaConf.create({"model": {"widths": [1, 2], "path": "x"}, "any": None}),
        functools.partial(max, 3),
        argparse.Namespace(path=Path("runs"), seeds={1, 2}, when=datetime.now(UTC)),
        np.random.default_rng(1),
        random.Random(2).getstate(),
        Mood.CALM,
        torch.__version__,
        torch.optim.lr_scheduler.LambdaLR(optimizer, functools.partial(max, 1)),
        optimizer,
        *([module] if new_format else []),  # the old format keeps its source code too
        logging.getLogger("training"),
        torch.bfloat16,
    ]
    path = saved(
        tmp_path / "x.ckpt",
        {
            "leftovers": leftovers,
            "state_dict": module.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        _use_new_zipfile_serialization=new_format,
    )
    content = read_checkpoint(path)
    assert content["optimizer"]["param_groups"][0]["lr"] == 1e-3
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(content["state_dict"][name], tensor, rtol=0, atol=0)


def test_nothing_is_imported(tmp_path, monkeypatch):
    (tmp_path / "trap_package.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    read_checkpoint(in_a_zip(tmp_path / "x.ckpt", calling("trap_package", "anything", "")))
    assert "trap_package" not in sys.modules


class Chained:
    """Pickles as calls on the result of a call."""

    def __init__(self, inner):
        self.inner = inner

    def __reduce__(self):
        return self.inner, ("argument",), {"state": 1}, iter([1, 2]), iter([("key", "value")])


@pytest.mark.parametrize("new_format", [True, False])
def test_placeholders_take_every_operation(tmp_path, new_format):
    with passing_class("absent_package", "Thing") as thing:
        thing.__call__ = lambda self, *args: None
        instance = thing()
        instance.attribute = 1
        path = saved(
            tmp_path / "x.ckpt",
            {
                "a": Chained(thing),
                "b": Chained(instance),
                "c": {thing: instance, "nested": [thing, (instance,)]},
                "d": {np.float64(2), "text"},
                "e": torch.nn.Parameter(torch.ones(2)),
                "f": OrderedDict(g=torch.arange(6).reshape(2, 3).T),
                "h": Path("somewhere"),
                "i": np.arange(3),
                "j": torch.device("cpu"),
            },
            _use_new_zipfile_serialization=new_format,
        )
    content = read_checkpoint(path)
    torch.testing.assert_close(content["e"].detach(), torch.ones(2))
    torch.testing.assert_close(content["f"]["g"], torch.arange(6).reshape(2, 3).T)
    assert [key for key, value in content.items() if type(value) is inert_pickle.Ignored] == [
        "a",
        "b",
        "d",
        "h",
        "i",
        "j",
    ]


@pytest.mark.parametrize(
    "name", [*inert_pickle.WEIGHTS, ("absent_package", "thing"), ("torch", "Size")]
)
def test_a_file_cannot_change_what_its_names_stand_for(tmp_path, name):
    made = {
        *inert_pickle.WEIGHTS.values(),
        inert_pickle.Ignored,
        OrderedDict,
        torch._utils._rebuild_tensor_v2,
    }
    before = {thing: dict(vars(thing)) for thing in made}
    with pytest.raises(ValueError, match=r"expected a checkpoint|not a checkpoint"):
        read_checkpoint(in_a_zip(tmp_path / "x.ckpt", setting_attributes_of(*name)))
    assert {thing: dict(vars(thing)) for thing in made} == before


def test_torchscript_and_tar_files_are_refused(tmp_path):
    script = torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1))
    torch.jit.save(script, tmp_path / "x.ckpt")
    with warnings.catch_warnings(action="error"):  # the message is all that a user sees
        refused(load_first_stage, tmp_path / "x.ckpt", "not a checkpoint")
    (tmp_path / "storages").write_bytes(calling("os", "system", "true"))
    with tarfile.open(tmp_path / "x.ckpt", "w") as archive:
        archive.add(tmp_path / "storages", "storages")
    refused(load_first_stage, tmp_path / "x.ckpt", "not a checkpoint")


@pytest.mark.parametrize(
    "identity",
    [("module", "x", "y", "z"), ("module", inert_pickle.Ignored, "a.py", "code"), (), "text"],
)
def test_only_storages_are_found_by_persistent_names(tmp_path, identity):
    # ("module", ...) would make PyTorch compare source code and write a patch file.
    for carrier in CARRIERS[:2]:
        refused(
            read_checkpoint,
            carrier(tmp_path / "x.ckpt", persistent(identity)),
            "persistent object that isn't a storage",
        )


@pytest.mark.parametrize(
    ("count", "size"), [(10**6, (10**6,)), (4, (10**6,)), (4, (2, 10**6)), (-4, (4,))]
)
def test_tensors_larger_than_their_storage_are_refused(tmp_path, count, size):
    refused(
        read_checkpoint,
        in_a_zip(tmp_path / "x.ckpt", tensor_of(count, size)),
        "not a checkpoint, or a damaged one",
    )


def test_a_storage_ends_with_its_file(tmp_path):
    path = in_a_zip(tmp_path / "x.ckpt", tensor_of(10**15, (4,)))
    tensor = read_checkpoint(path)["state_dict"]["x"]
    torch.testing.assert_close(tensor, torch.arange(4.0))
    assert tensor.untyped_storage().nbytes() < path.stat().st_size
