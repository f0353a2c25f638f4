"""Means over sequences and their bootstrap intervals."""

import math

import numpy as np
import pytest

from photonvs.evaluation.statistics import confidence_interval, mean_over_sequences


def test_bootstrap_interval_of_many_values_is_the_normal_one():
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = confidence_interval(values)
    error = values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error
    )
    assert confidence_interval(values) == [low, high]  # the same every time
    assert confidence_interval(values[:4]) is None and confidence_interval(values[:5]) is not None
    assert confidence_interval(np.ones(5)) == [1, 1]


def test_values_of_a_sequence_are_averaged_first():
    values = [("a", 1.0), ("a", 3.0), ("b", 5.0), ("b", None), ("c", math.inf), ("d", math.nan)]
    found = mean_over_sequences(values)
    assert (found["mean"], found["sequences"]) == (3.5, 2)
    assert found["interval"] is None, "of two sequences"
    assert mean_over_sequences([("c", None)]) == {"mean": None, "sequences": 0, "interval": None}
