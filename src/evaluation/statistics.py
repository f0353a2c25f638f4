"""Means over sequences, with bootstrap confidence intervals."""

import math
from collections.abc import Sequence

import numpy as np

BOOTSTRAP_DRAWS = 10_000
CONFIDENCE = 0.95


def mean_over_sequences(values: Sequence[tuple[str, float | None]], seed: int = 0) -> dict:
    """{"mean", "sequences", "interval"} of (sequence, value); several values of a sequence are averaged first.

    None and values that are no finite number are left out. The interval is the percentile interval of the mean under
    resampling of sequences (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13).
    """
    by_sequence: dict[str, list[float]] = {}
    for sequence, value in values:
        if value is not None and math.isfinite(value):
            by_sequence.setdefault(sequence, []).append(value)
    means = np.array([np.mean(numbers) for numbers in by_sequence.values()], dtype=np.float64)
    mean = float(means.mean()) if len(means) else None
    return {"mean": mean, "sequences": len(means), "interval": confidence_interval(means, seed)}


def confidence_interval(values: np.ndarray, seed: int = 0) -> list[float] | None:
    """Bootstrap interval [low, high] of the mean of `values` (n,); None for fewer than two of them."""
    if len(values) < 2:
        return None
    generator = np.random.default_rng(seed)
    means = np.array(
        [
            values[generator.integers(len(values), size=len(values))].mean()
            for _ in range(BOOTSTRAP_DRAWS)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    return [float(value) for value in np.quantile(means, [tail, 1 - tail])]
