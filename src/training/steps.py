"""What the optimizer steps of all trainings share."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..utils.distributed import Process

log = logging.getLogger(__name__)

FUSED = "cpu", "cuda", "mps"  # devices where Adam is one kernel
SKIPS_IN_A_ROW = 10  # end a training: then it is not a sample, but the learning rate
FRAMES = "target_frame", "cond_frame", "frame"  # of a sample, whichever it has
NAMED = 8  # samples of a skipped step that are named

Scalars = dict[str, Tensor]  # 0-dim; NaN stands for "nothing to log now"
Backward = Callable[[dict[str, Tensor], bool], dict[str, Tensor]]


def adam(
    parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Adam:
    """Adam, in one pass over the weights where their device can: three times as fast on a CPU.

    A saved state brings its numbers. This device decides how they are computed.
    """
    parameters = list(parameters)
    fused = parameters[0].device.type in FUSED

    def with_own_way(_: torch.optim.Optimizer, state: dict) -> dict:
        groups = [{**group, "fused": fused, "foreach": None} for group in state["param_groups"]]
        return {**state, "param_groups": groups}

    optimizer = torch.optim.Adam(parameters, rate, betas, fused=fused)
    optimizer.register_load_state_dict_pre_hook(with_own_way)
    return optimizer


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


@contextmanager
def memory_errors_in_words(samples: int, accumulation: int) -> Iterator[None]:
    """In the block, a GPU's error that its memory is not enough becomes a ValueError of one line.

    samples: of each part of a step's batch. accumulation: the parts.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"the device's memory is not enough for {samples} samples at once: use a larger "
            f"training.accumulation (now {accumulation}), or training.precision=bfloat16"
        ) from error


class Skips:
    """Skips the steps whose gradient is not finite, and says so; several in a row are an error.

    A gradient is the same in all processes, and so they skip the same steps. What a skipped step
    changes is nothing but the number of steps and samples.
    """

    def __init__(self, process: Process, rate: str, name: Callable[..., str]) -> None:
        """rate: the setting to lower when steps are skipped again and again.

        name: `FramePairs.name`.
        """
        self.process, self.rate, self.name = process, rate, name
        self.total = self.in_a_row = 0  # of this process's run

    def skips(
        self, norm: Tensor, step: int, losses: Tensor, batches: list[dict[str, Tensor]]
    ) -> bool:
        """Whether to skip a step (from 0), by its gradient's norm.

        losses: (n,), of this process's samples. batches: what they came in. Raises ValueError
        after SKIPS_IN_A_ROW.
        """
        if torch.isfinite(norm):
            self.in_a_row = 0
            return False
        self.total += 1
        self.in_a_row += 1
        everywhere = self.process.gather(self._names(~losses.isfinite(), batches))
        if self.process.leads:
            text = "step %d is skipped, as its gradient is not finite (%d skipped so far); %s"
            log.warning(text, step + 1, self.total, _said(everywhere))
        error = None
        if self.in_a_row >= SKIPS_IN_A_ROW:
            error = ValueError(
                f"the gradients of {self.in_a_row} steps in a row, up to step {step + 1}, are not "
                f"finite: lower {self.rate}"
            )
        self.process.raise_together(error)
        return True

    def _names(self, chosen: Tensor, batches: list[dict[str, Tensor]]) -> list[str]:
        """What to call the chosen (n,) of this process's samples."""
        keys = ["sequence", *(key for key in FRAMES if key in batches[0])]
        columns = [torch.cat([batch[key] for batch in batches]).tolist() for key in keys]
        rows = list(zip(*columns, strict=True))
        return [self.name(*rows[index]) for index in chosen.nonzero()[:, 0].tolist()]


def _said(everywhere: list[list[str]]) -> str:
    """The samples whose loss is not finite, of all processes, in words."""
    suspects = [name for names in everywhere for name in names]
    if not suspects:
        return "the losses of its samples are finite"
    more = f" and {len(suspects) - NAMED} more" if len(suspects) > NAMED else ""
    return f"the loss is not finite for {', '.join(suspects[:NAMED])}{more}"
