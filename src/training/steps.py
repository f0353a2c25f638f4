"""What the optimizer steps of all trainings share."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ..config import TrainingConfig

Scalars = dict[str, Tensor]  # 0-dim; NaN stands for "nothing to log now"
Backward = Callable[[dict[str, Tensor], bool], dict[str, Tensor]]


def rate_factor(settings: TrainingConfig, step: int) -> float:
    """What the learning rate is multiplied by in a step (from 0).

    It is a linear warm-up, and a linear decay to zero before the last step.
    """
    warmup = (step + 1) / max(1, settings.warmup_steps)
    decay = (settings.steps - step) / max(1, settings.decay_steps)
    return min(1.0, warmup, decay)


def accumulate(
    batches: Iterable[dict[str, Tensor]], count: int, backward: Backward
) -> dict[str, Tensor]:
    """Add up the gradients of a step's batch, which comes in `count` parts.

    backward: called with each part, and whether it is the last. It goes backward from the part's
    mean loss divided by `count`, and returns tensors without a gradient. Returns these tensors by
    name, of all parts one after the other.
    """
    rows = [backward(batch, number == count) for number, batch in enumerate(batches, start=1)]
    return {name: torch.cat([torch.atleast_1d(row[name]) for row in rows]) for name in rows[0]}


def check_finite(norm: Tensor, step: int, rate: str) -> None:
    """Raise ValueError if a gradient's norm is not finite; rate: the setting to lower then."""
    if not torch.isfinite(norm):
        raise ValueError(f"the gradient of step {step + 1} is not finite: lower {rate}")
