"""Exponential moving average of a module's weights, as the published system has it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Averages of the trainable parameters, in `module.parameters()` order.

    In update n (from 1) the average moves by 1 - min(decay, (1 + n) / (10 + n)) towards the
    weights. So early averages follow the young weights quickly.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self.shadow_params = [parameter.detach().clone() for parameter in _trainable(module)]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the averages towards the module's present weights, once after an optimizer step."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        torch._foreach_lerp_(self.shadow_params, _trainable(module), 1 - decay)

    @contextmanager
    def applied_to(self, module: nn.Module) -> Iterator[None]:
        """In the block the module has the averaged weights; afterwards its own again."""
        parameters = _trainable(module)
        own = [parameter.detach().clone() for parameter in parameters]
        _copy(parameters, self.shadow_params)
        try:
            yield
        finally:
            _copy(parameters, own)

    def state_dict(self) -> dict:
        """`decay`, `num_updates` and the list `shadow_params`, as in published checkpoints."""
        return {
            "decay": self.decay,
            "num_updates": self.num_updates,
            "shadow_params": self.shadow_params,
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over a saved average; the decay stays this object's own."""
        self.num_updates = state["num_updates"]
        _copy(self.shadow_params, state["shadow_params"])


def _trainable(module: nn.Module) -> list[Tensor]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
