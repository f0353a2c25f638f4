"""Seeded weights for the published networks, and files of them in the published layouts.

How weights are drawn is fixed: the outputs in data/network.npz were computed with these.
"""

import json
import math
import sys
import types
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from repository import DATA
from torch import Tensor

SALT = "photonvs-visible"


@lru_cache
def published(part: str) -> list[tuple[str, list[int], str]]:
    """(name, shape, kind) of every tensor of a published file, in file order.

    part: score_sde_model or first_stage.
    """
    return json.loads((DATA / "published-checkpoints.json").read_text())[part]


@lru_cache
def reference(name: str = "network") -> dict[str, np.ndarray]:
    """What the published code computes: `network` with the seeded weights, or `geometry`."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return dict(arrays)


def seeded_tensor(key: str, shape: list[int] | tuple[int, ...]) -> Tensor:
    """Standard normal numbers that depend on the key alone, float32."""
    seed = zlib.crc32((SALT + key).encode())
    # The reference's numbers come from this generator: numpy.random.default_rng would draw others.
    return torch.from_numpy(
        np.random.RandomState(seed).standard_normal(tuple(shape)).astype(np.float32)
    )


def seeded_weight(name: str, shape: list[int]) -> Tensor:
    """A weight of about the size that a trained network's has."""
    numbers = seeded_tensor(name, shape)
    if len(shape) > 1:
        return numbers / math.sqrt(shape[0] if name.endswith(".W") else math.prod(shape[1:]))
    if name == "score_model.temb_modules.0.W":
        return numbers
    return 1 + 0.1 * numbers if name.endswith("weight") else 0.1 * numbers


def seeded_denoiser_state() -> dict[str, Tensor]:
    """Weights of the published denoiser, names without `module.`.

    `score_model.sigmas` is the ascending table.
    """
    sigmas = torch.linspace(math.log(0.01), math.log(378), 2000, dtype=torch.float64).exp().float()
    rows = published("score_sde_model")
    return {
        name: sigmas if name == "score_model.sigmas" else seeded_weight(name, shape)
        for name, shape, _ in rows
    }


def seeded_first_stage_state() -> dict[str, Tensor]:
    """Weights of the published first stage."""
    return {name: seeded_weight(name, shape) for name, shape, _ in published("first_stage")}


def write_published_pth(path: Path) -> Path:
    """The denoiser's file. The EMA has the seeded weights; raw ones that it also has are 0.01."""
    state = seeded_denoiser_state()
    trained = [name for name, _, kind in published("score_sde_model") if kind == "parameter"]
    raw = dict(state) | {name: torch.full((1,), 0.01).expand(state[name].shape) for name in trained}
    torch.save(
        {
            "epoch": 2000,
            "total_iterations": 2_100_000,
            "optimizer": {"state": {}, "param_groups": [{"lr": 2e-4, "params": []}]},
            "score_sde_model": {
                name.replace("model.", "model.module.", 1).replace(
                    "sampler.", "sampler.module.", 1
                ): tensor
                for name, tensor in raw.items()
            },
            "training_data_sampler": {"index": 0, "epoch": 2000},
            "ema": {
                "decay": 0.999,
                "num_updates": 2_100_000,
                "shadow_params": [state[name] for name in trained],
            },
        },
        path,
    )
    return path


@contextmanager
def passing_class(module: str, name: str) -> Iterator[type]:
    """A class of a module that is not installed: pickle can write it, and nothing can read it."""
    holder = types.ModuleType(module)
    made = type(name, (), {"__module__": module, "__qualname__": name})
    setattr(holder, name, made)
    sys.modules[module] = holder
    try:
        yield made
    finally:
        del sys.modules[module]


def write_published_ckpt(path: Path) -> Path:
    """The first stage's file.

    It holds weights, the training's discriminator, and state of a class that is not installed.
    """
    state = OrderedDict(seeded_first_stage_state())
    state["loss.discriminator.main.0.weight"] = torch.zeros(4, 3, 4, 4)
    with passing_class("absent_lightning", "ModelCheckpoint") as callback:
        instance = callback()
        instance.best_model_score = torch.tensor(0.5)
        content = {
            "epoch": 10,
            "global_step": 1000,
            "pytorch-lightning_version": "1.0.8",
            "callbacks": {
                callback: {
                    "best_model_score": torch.tensor(0.5),
                    "best": np.float64(0.5),
                    "callback": instance,
                }
            },
            "optimizer_states": [],
            "state_dict": state,
        }
        torch.save(content, path)
    return path
