"""Means over sequences, with bootstrap confidence intervals."""

import math
from collections.abc import Sequence

import numpy as np

BOOTSTRAP_DRAWS = 10_000
CONFIDENCE = 0.95
# Sequences of an interval. Resampling fewer gives a handful of means, and an interval too narrow.
FEWEST = 5


def mean_over_sequences(values: Sequence[tuple[str, float | None]], seed: int = 0) -> dict:
    """{"mean", "sequences", "interval"} of (sequence, value).

    Several values of a sequence are averaged first. None and values that are no finite number are
    left out. The interval is the percentile interval of the mean under resampling of sequences
    (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13), None for fewer sequences
    than FEWEST.
    """
    by_sequence: dict[str, list[float]] = {}
    for sequence, value in values:
        if value is not None and math.isfinite(value):
            by_sequence.setdefault(sequence, []).append(value)
    means = np.array([np.mean(numbers) for numbers in by_sequence.values()], dtype=np.float64)
    mean = float(means.mean()) if len(means) else None
    return {"mean": mean, "sequences": len(means), "interval": confidence_interval(means, seed)}


def confidence_interval(values: np.ndarray, seed: int = 0) -> list[float] | None:
    """Bootstrap interval [low, high] of the mean of `values` (n,); None for fewer than FEWEST."""
    if len(values) < FEWEST:
        return None
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(values), size=len(values)) for _ in range(BOOTSTRAP_DRAWS))
    means = [values[draw].mean() for draw in draws]
    tail = (1 - CONFIDENCE) / 2
    return [float(value) for value in np.quantile(means, [tail, 1 - tail])]


def spread(length: int, count: int) -> np.ndarray:
    """At most `count` positions in a list of this length, evenly from its first to its last."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))
