"""Operations of a training step."""

import json
import re

import pytest
import torch
import torch.nn.functional as F
import training_task
from torch import nn

from photonvs.config import load_config
from photonvs.training import trainer
from photonvs.training.cost import Arithmetic, operations, product_rate
from photonvs.training.meter import Meter
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint
from photonvs.utils.distributed import Process

CPU = torch.device("cpu")


def test_products_are_counted_both_ways():
    layer = nn.Linear(5, 7, bias=False)
    # Three samples: 2 * 3 * 5 * 7 forward, and as many for the weights' gradient.
    assert operations(lambda: layer(torch.zeros(3, 5)).sum(), layer) == 2 * (2 * 3 * 5 * 7)
    assert layer.weight.grad is None


def test_attention_counts():
    x = nn.Parameter(torch.zeros(1, 2, 6, 4))  # heads, positions, channels
    holder = nn.ParameterList([x])
    # Queries by keys and weights by values, 2 * 2 * 6 * 6 * 4 each; backward twice as much.
    counted = operations(lambda: F.scaled_dot_product_attention(x, x, x).sum(), holder)
    assert counted == 3 * 2 * (2 * 2 * 6 * 6 * 4)


def test_the_rate_of_products_is_measured_without_a_training_noticing():
    before = torch.get_rng_state()
    rate = product_rate(CPU, "float32")
    # From a core of a phone to a machine of many cores.
    assert 1e8 < rate < 1e14
    assert torch.equal(torch.get_rng_state(), before)


def test_the_log_says_how_much_of_the_device_is_used(tmp_path):
    meter = Meter(tmp_path, Process(CPU), 0, 0, Arithmetic(operations=2 * 10**9, rate=1e12))
    meter.add(1, 8, {"loss": torch.tensor(0.5)})
    meter.report()
    row = json.loads((tmp_path / "stats.jsonl").read_text())
    speed = row["training/samples_per_second"]
    assert row["training/teraflops_per_second"] == pytest.approx(speed * 0.002)
    assert row["training/model_flops_utilization"] == pytest.approx(speed * 0.002)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("cost") / "data")


def test_training_says_it_and_goes_on_as_without(footage, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")

    def trained(name: str, batch: int, *more: str) -> tuple[float, list[torch.Tensor]]:
        """The operations that it says, and the weights that it ends with."""
        caplog.clear()
        settings = training_task.settings(footage, f"training.batch_size={batch}", *more)
        checkpoints = train(
            load_config("realestate10k", [*settings, "training.steps=2"]), tmp_path / name
        )
        (said,) = re.findall(r"batch \d+; (\S+) floating-point operations a step", caplog.text)
        return float(said), load_checkpoint(list_checkpoints(checkpoints)[-1])["ema"][
            "shadow_params"
        ]

    cost, weights = trained("a", 8)
    assert trained("b", 16)[0] == pytest.approx(2 * cost, rel=0.1) and cost > 1e6
    # What activation checkpointing computes twice is no more of a training.
    thrifty = trained("d", 8, "training.activation_checkpointing=true")
    assert thrifty[0] == cost and all(map(torch.equal, weights, thrifty[1]))
    monkeypatch.setattr(trainer, "operations", lambda *_: 0)
    assert all(map(torch.equal, weights, trained("c", 8)[1]))
