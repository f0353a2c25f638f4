"""Plots of the study of samplers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Rows = Sequence[tuple[object, dict]]


def plot(rows: Rows, names: Sequence[str], curve_name: str) -> Figure:
    """Each measure by evaluations, a line a sampler; TSED by threshold, each at its most.

    rows: a setting, with `label` and `evaluations`, and its numbers. names: of the measures.
    curve_name: of the curve of TSED among the numbers.
    """
    measures = [name for name in names if name not in ("SSIM, first frame", "kernel distance")]
    labels = list(dict.fromkeys(one.label for one, _ in rows))
    counts = [one.evaluations for one, _ in rows]
    figure = Figure(figsize=(15, 7), layout="constrained")
    *plots, curve = figure.subplots(2, 4).flat
    for number, label in enumerate(labels):
        mine = [(one, found) for one, found in rows if one.label == label]
        for axes, measure in zip(plots, measures, strict=True):
            _plot_measure(axes, mine, measure, f"C{number}")
        one, found = mine[-1]
        name = f"{label}, {one.evaluations} evaluations"
        curve.plot(*zip(*found[curve_name], strict=True), color=f"C{number}", label=name)
    span = 0.8 * min(counts), 1.25 * max(counts)
    for axes, measure in zip(plots, measures, strict=True):
        axes.set(xlim=span, xscale="log", xlabel="network evaluations a frame", title=measure)
    curve.set(xlabel="T_error (pixels)", title="TSED by threshold")
    for axes in (*plots, curve):
        axes.grid(alpha=0.3)
    plots[0].legend(fontsize=7)
    curve.legend(fontsize=7)
    return figure


def _plot_measure(axes: Axes, rows: Rows, measure: str, color: str) -> None:
    """One sampler's means and intervals."""
    x = [one.evaluations for one, _ in rows]
    means = [found[measure]["mean"] for _, found in rows]
    intervals = [found[measure]["interval"] or [None, None] for _, found in rows]
    label = rows[0][0].label
    axes.plot(x, np.array(means, dtype=float), "o-", color=color, markersize=4, label=label)
    axes.fill_between(x, *np.array(intervals, dtype=float).T, color=color, alpha=0.1)
