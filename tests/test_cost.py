"""Operations of a training step."""

import re

import pytest
import torch
import torch.nn.functional as F
import training_task
from torch import nn

from photonvs.config import load_config
from photonvs.training import trainer
from photonvs.training.cost import operations
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint


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


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("cost") / "data")


def test_training_says_it_and_goes_on_as_without(footage, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")

    def trained(name: str, batch: int) -> tuple[float, list[torch.Tensor]]:
        """The operations that it says, and the weights that it ends with."""
        caplog.clear()
        settings = training_task.settings(footage, f"training.batch_size={batch}")
        checkpoints = train(
            load_config("realestate10k", [*settings, "training.steps=2"]), tmp_path / name
        )
        (said,) = re.findall(r"batch \d+; (\S+) floating-point operations a step", caplog.text)
        return float(said), load_checkpoint(list_checkpoints(checkpoints)[-1])["ema"][
            "shadow_params"
        ]

    cost, weights = trained("a", 8)
    assert trained("b", 16)[0] == pytest.approx(2 * cost, rel=0.1) and cost > 1e6
    monkeypatch.setattr(trainer, "operations", lambda *_: 0)
    assert all(map(torch.equal, weights, trained("c", 8)[1]))
