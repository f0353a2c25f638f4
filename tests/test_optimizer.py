"""The trainings' optimizer: Adam as torch has it, whoever saved its state."""

import pytest
import torch
from torch.optim import Adam

from photonvs.training.steps import adam

BETAS = 0.5, 0.9


def weights() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(size)) for size in ((5, 3), (7,))]


def move(optimizer: Adam, *steps: int) -> None:
    """Steps with gradients that belong to their numbers."""
    for step in steps:
        source = torch.Generator().manual_seed(step)
        for one in optimizer.param_groups[0]["params"]:
            one.grad = torch.randn(one.shape, generator=source)
        optimizer.step()


def as_published(state: dict) -> dict:
    """Numbers of steps as plain integers, and no setting that is newer."""
    numbers = {key: one | {"step": int(one["step"])} for key, one in state["state"].items()}
    known = "lr", "betas", "eps", "weight_decay", "amsgrad", "params"
    groups = [{key: group[key] for key in known} for group in state["param_groups"]]
    return {"state": numbers, "param_groups": groups}


def in_one_pass(state: dict) -> dict:
    """As a training on a GPU saves it."""
    return state | {"param_groups": [one | {"fused": True} for one in state["param_groups"]]}


@pytest.mark.parametrize("saved", [dict, as_published, in_one_pass])
@pytest.mark.parametrize("first, then", [(Adam, adam), (adam, Adam), (adam, adam)])
def test_saved_states_go_on(saved, first, then):
    expected = weights()
    move(Adam(expected, 0.1, BETAS), 1, 2, 3)
    found = weights()
    earlier = first(found, 0.1, BETAS)
    move(earlier, 1, 2)
    later = then(found, 0.7, (0.1, 0.2))
    later.load_state_dict(saved(earlier.state_dict()))
    move(later, 3)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_state_that_was_saved_otherwise_does_not_slow_it():
    slow, quick = Adam(weights(), 0.1), adam(weights(), 0.1)
    move(slow, 1)
    quick.load_state_dict(as_published(slow.state_dict()))
    assert quick.param_groups[0]["fused"]
    assert {one["step"].dtype for one in quick.state.values()} == {torch.float32}
