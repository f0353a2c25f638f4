"""What a file of weights is and where it comes from, in words."""

import time
from pathlib import Path
from typing import Any

from ..utils.checkpoint import is_ours, read_checkpoint
from ..utils.words import duration
from .places import SHIPPED

# A training checkpoint with less behind it is young: its frames are still noise, or nearly so.
YOUNG_STEPS = 1000  # after the warm-up
YOUNG_SAMPLES = 5000


def provenance(path: Path) -> str:
    """Whether a file of weights is shipped, exported, published or a training checkpoint.

    Of a checkpoint it says the step, the samples, the time since it was written, and if it is
    young. Raises as `read_checkpoint`.
    """
    if path.resolve().parent == SHIPPED.resolve():
        return "the shipped small model of made-up rooms"
    if path.suffix == ".safetensors":
        return "exported weights"
    state = read_checkpoint(path)
    if not is_ours(state):
        return "weights in the published layout"
    return training_state(state, path)


def training_state(state: dict[str, Any], path: Path) -> str:
    """How far the training in a checkpoint of ours is, of any network."""
    step, samples = (_count(state, name) for name in ("total_iterations", "samples"))
    age = duration(time.time() - path.stat().st_mtime)
    said = f"a training checkpoint of step {step} ({samples} samples), written {age} ago"
    return f"{said}; it is young, expect blur or noise" if is_young(state) else said


def is_young(state: dict[str, Any]) -> bool:
    """Whether a checkpoint has too little training behind it to judge its frames by."""
    config = state.get("config")
    training = config.get("training") if isinstance(config, dict) else None
    warmup = _count(training, "warmup_steps") if isinstance(training, dict) else 0
    steps, samples = _count(state, "total_iterations"), _count(state, "samples")
    return steps < warmup + YOUNG_STEPS or samples < YOUNG_SAMPLES


def _count(values: dict[str, Any], name: str) -> int:
    """A number of a file; 0 for what is none."""
    found = values.get(name)
    return found if type(found) is int else 0
