"""TSED's results: tsed.json and tsed.png of a sequence, and the table and the mean over many."""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from .. import __version__
from ..samples import Results
from ..utils.files import atomic_path, write_text
from .matching import Matcher
from .scoring import PairScore, t_error_of
from .statistics import mean_over_sequences
from .tables import aligned, number_text, sequences_text
from .tsed import (
    CURVE_END,
    CURVE_ERRORS,
    area_under_curve,
    is_consistent,
    median_distance,
    tsed,
    tsed_curve,
)

SCORES = {  # of a report, and what tables call them
    "tsed": "TSED",
    "area_under_curve": "area",
    "mean_median_sed": "median",
}


def build_report(
    scores: Sequence[PairScore], matcher: Matcher, t_error: float | None, t_matches: int
) -> dict:
    """The content of tsed.json (docs/tsed.md); None where a number does not exist.

    t_error: pixels; None: by the frames' height (`scaled_t_error`).
    """
    t_error = t_error_of(scores) if t_error is None else t_error
    distances = [score.distances for score in scores]
    pairs = [_pair_report(score, t_error, t_matches) for score in scores]
    medians = [pair["median_sed"] for pair in pairs if pair["median_sed"] is not None]
    curve = tsed_curve(distances, CURVE_ERRORS, t_matches)
    points = zip(CURVE_ERRORS, curve, strict=True)
    return {
        "tsed": _number(tsed(distances, t_error, t_matches)),
        "t_error": t_error,
        "t_matches": t_matches,
        "matcher": matcher.name,
        "area_under_curve": _number(area_under_curve(distances, CURVE_END, t_matches)),
        "mean_median_sed": _number(np.mean(medians)) if medians else None,
        "count": {
            "pairs": len(scores),
            "scored": sum(score.distances is not None for score in scores),
            "consistent": sum(pair["consistent"] is True for pair in pairs),
            "no_baseline": sum(score.distances is None and not score.missing for score in scores),
            "missing": sum(score.missing for score in scores),
        },
        "curve": [[float(error), _number(value)] for error, value in points],
        "pairs": pairs,
        "matcher_settings": matcher.settings(),
        "photonvs": __version__,
    }


def _pair_report(score: PairScore, t_error: float, t_matches: int) -> dict:
    distances = np.array([]) if score.distances is None else score.distances
    quartiles = [math.nan, math.nan]
    if np.any(~np.isnan(distances)):
        with np.errstate(invalid="ignore"):  # between infinite distances there is no number
            quartiles = np.nanquantile(distances, [0.25, 0.75])
    pair = {
        "frames": list(score.frames),
        "matches": score.matches,
        "median_sed": _number(median_distance(distances)),
        "quartiles_sed": [_number(value) for value in quartiles],
        "consistent": is_consistent(score.distances, t_error, t_matches),
    }
    return pair | ({"problem": "; ".join(score.problems)} if score.problems else {})


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def write_report(report: dict, results: Results) -> None:
    """Write tsed.json and tsed.png, each whole or not at all."""
    write_text(results.tsed, _report_text(report))
    with atomic_path(results.plot) as temporary:
        _plot(report).savefig(temporary, format="png", dpi=120)


def _report_text(report: dict) -> str:
    """JSON with a line for each key, pair and point of the curve."""
    lines = []
    for key, value in report.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list) and value:
            items = [json.dumps(item, allow_nan=False) for item in value]
            text = "[\n  " + ",\n  ".join(items) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plot(report: dict) -> Figure:
    """TSED over T_error, and the medians along the sequence."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    curve, along = figure.subplots(1, 2)
    errors, values = np.array(report["curve"], dtype=np.float64).T  # None becomes NaN
    curve.plot(errors, values)
    curve.set(xlabel="T_error (pixels)", ylabel="TSED", xlim=(0, CURVE_END), ylim=(-0.02, 1.02))
    curve.axvline(report["t_error"], color="grey", linestyle=":")
    _plot_pairs(along, report["pairs"], report["t_error"])
    return figure


def _plot_pairs(axes: Axes, pairs: list[dict], t_error: float) -> None:
    """Median and quartiles of each pair; pairs without are crosses on the line of T_error."""
    medians = np.array([pair["median_sed"] for pair in pairs], dtype=np.float64)  # None becomes NaN
    quartiles = np.array([pair["quartiles_sed"] for pair in pairs], dtype=np.float64).reshape(-1, 2)
    verdicts = np.array([str(pair["consistent"]) for pair in pairs])
    axes.axhline(t_error, color="grey", linestyle=":")
    axes.vlines(np.arange(len(pairs)), *quartiles.T, color="lightgrey", linewidth=4)
    for verdict, color, label in (
        ("True", "tab:blue", "consistent"),
        ("False", "tab:red", "inconsistent"),
        ("None", "tab:grey", "not scored"),
    ):
        positions = np.flatnonzero(verdicts == verdict)
        without = positions[np.isnan(medians[positions])]
        axes.plot(
            positions, medians[positions], "o", color=color, label=f"{label}: {len(positions)}"
        )
        axes.plot(without, np.full(len(without), t_error), "x", color=color)
    axes.set(xlabel="pair (frames n, n + 1)", ylabel="median distance (pixels)", yscale="log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.legend(fontsize="small")


def summarize(reports: Sequence[tuple[str, dict]], seed: int = 0) -> dict:
    """Means over sequences of SCORES, each with its bootstrap confidence interval.

    reports: (sequence, report); several reports of a sequence (its runs) are averaged first.
    """
    return {
        key: mean_over_sequences([(sequence, report[key]) for sequence, report in reports], seed)
        for key in SCORES
    }


def summarize_groups(reports: Sequence[tuple[str, str, dict]]) -> dict[str, dict]:
    """`summarize` of each group, by name; reports: (group, sequence, report), "" for no group."""
    groups = dict.fromkeys(group for group, _, _ in reports if group)
    return {
        name: summarize(
            [(sequence, report) for group, sequence, report in reports if group == name]
        )
        for name in groups
    }


def table(
    reports: Sequence[tuple[str, dict]], summary: dict, groups: Mapping[str, dict] | None = None
) -> str:
    """A line for each sequence, and for several the mean with its interval.

    groups: the summary of each group, shown instead of the one over all.
    """
    first = reports[0][1]
    counts = ("pairs", "scored", "no_baseline", "missing")
    heads = [*SCORES.values(), *(name.replace("_", " ") for name in counts)]
    rows = [("sequence", heads)]
    for name, report in reports:
        cells = [number_text(report[key], ".3f") for key in SCORES]
        rows.append((name, cells + [str(report["count"][count]) for count in counts]))
    errors = [f"{report['t_error']:.4g}" for _, report in reports]
    shared = f"{errors[0]} pixels"
    if len(set(errors)) > 1:  # frames of several sizes: each row has its own
        shared = "as in the last column, pixels"
        rows = [
            (name, [*cells, error])
            for (name, cells), error in zip(rows, ["T_error", *errors], strict=True)
        ]
    lines = [
        f"T_error {shared}, T_matches {first['t_matches']}, matcher {first['matcher']}",
        aligned(rows),
    ]
    means = {f" of {name}": mean for name, mean in groups.items()} if groups else {"": summary}
    if len(reports) > 1:
        lines += [
            f"mean {label}{name}: {sequences_text(mean[key])}"
            for name, mean in means.items()
            for key, label in SCORES.items()
        ]
    return "\n".join(lines)
