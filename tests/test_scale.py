"""The arithmetic of docs/scale.md, and that the documents show what is counted now."""

import sys

import pytest
import torch
import torch.nn.functional as F
from repository import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import scale
from arithmetic import rows, training_rows
from scale import Cost, FusedAttention, Machine, Traffic


def test_moved_bytes_and_calls_are_counted():
    with torch.device("meta"):
        x, weight = torch.empty(3, 5), torch.empty(5, 7)
        queries = torch.empty(2, 4, 100, 16)
    with Traffic() as traffic:
        (x.view(3, 5) @ weight).relu()
    assert traffic.calls == 2  # a view moves nothing
    assert traffic.bytes == 4 * (3 * 5 + 5 * 7 + 3 * 7) + 4 * (3 * 7 + 3 * 7)
    with FusedAttention(), Traffic() as traffic:
        F.scaled_dot_product_attention(queries, queries, queries)
    assert traffic.calls == 1
    # Queries, keys, values and result; the sums of each row of weights are small beside them.
    assert traffic.bytes == pytest.approx(4 * queries.nbytes, rel=0.05)


def test_a_machine_is_as_fast_as_its_slowest_limit():
    machine = Machine("one", teraflops=10, memory=1e12, element=2, devices=2, network=1e11)
    limits = Cost(teraflops=0.1, gigabytes=8, calls=100).limits(machine)
    assert limits == pytest.approx({"arithmetic": 0.01, "memory": 0.004, "calls": 5e-4})
    assert scale.slowest(limits) == ("arithmetic", pytest.approx(0.01))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00013, "0.13 ms"), (0.2, "200 ms"), (80, "80 s"), (4500, "75 minutes"), (4e7, "460 days")],
)
def test_durations_have_a_fitting_unit(seconds, text):
    assert scale.duration(seconds) == text


@pytest.mark.slow
def test_the_documents_show_what_is_counted():
    text = (ROOT / "docs" / "scale.md").read_text()
    assert scale.renewed(text) == text, "python benchmarks/scale.py --document docs/scale.md"
    training = (ROOT / "docs" / "training.md").read_text()
    steps = {name: count for name, (count, _) in training_rows().items()}
    for name in ("an evaluation, prepared", "encoding a frame", *steps):
        assert f"{(rows() | steps)[name]:.3f} TFLOP" in training


@pytest.mark.slow
def test_a_step_is_shared_by_devices():
    alone, both = (Machine("", 10, 1e12, 4, devices, 1e11) for devices in (1, 2))
    whole, half = scale.step_limits(alone), scale.step_limits(both)
    assert "network" not in whole
    # Each of two sends its gradients once, four bytes a weight, and computes half.
    assert half["network"] == pytest.approx(69.4e6 * 4 / 1e11)
    assert half["arithmetic"] == pytest.approx(whole["arithmetic"] / 2)
    assert half["memory"] > whole["memory"] / 2  # each has Adam's whole step
