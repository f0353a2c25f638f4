"""Image metrics over many sequences: means of the frames' scores, distances between sets.

There are three views of the same frames, as in the paper's protocol. `short-term` is the frame with
a given number on each path, `long-term` each path's last one, and `all` are all.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import numpy as np

from .. import __version__
from ..utils.files import write_text
from ..utils.images import image_size
from ..utils.words import plural
from .comparisons import Comparison, FramePair, compare, read_pair
from .registry import METRICS, SHORT_TERM, PairMetric, SetMetric
from .statistics import mean_over_sequences

HORIZONS = ("all", "short-term", "long-term")
Member = tuple[Comparison, FramePair]  # a frame of a set, and where it belongs


@dataclass(frozen=True)
class ImageResults:
    """Frames compared, and what comes out over all sequences."""

    compared: list[tuple[Comparison, list[dict]]]
    summary: dict[str, dict]  # horizon -> metric -> {"mean", …}
    problems: list[str]  # a line for each frame left out
    unavailable: list[str]  # a line for each metric that has no number, and why
    notes: list[str]  # lines on what else to know: frames resized, numbers in no mean

    def write(self) -> None:
        """Write metrics.json of each sequence.

        It has null where a number does not exist: equal frames have no finite PSNR.
        """
        for comparison, rows in self.compared:
            finite = [
                {key: value if np.isfinite(value) else None for key, value in row.items()}
                for row in rows
            ]
            content = {
                "frames": finite,
                "generated": comparison.generated,
                "photonvs": __version__,
            }
            write_text(comparison.results.metrics, json.dumps(content, indent=1) + "\n")


def evaluate_images(
    comparisons: Sequence[Comparison],
    metrics: Sequence[str],
    short_term: int = SHORT_TERM,
    device: str = "cpu",
) -> ImageResults:
    """Compare all sequences; a metric that cannot be had is said, and the others come.

    metrics: names in METRICS. short_term: number of the frame of the short-term results. device:
    of the metrics' networks.
    """
    chosen = {name: METRICS[name] for name in metrics}
    pair_metrics, unavailable = _open_pair_metrics(chosen, device)
    problems, compared = [], []
    for comparison in comparisons:
        rows, unreadable = compare(comparison, pair_metrics)
        problems += [f"{comparison.name}: {line}" for line in (*comparison.problems, *unreadable)]
        compared.append((comparison, rows))
    distances, undefined = _set_distances(comparisons, chosen, short_term, device)
    means = summarize_frames(compared, short_term)
    return ImageResults(
        compared,
        {horizon: means[horizon] | distances[horizon] for horizon in HORIZONS},
        problems,
        unavailable + undefined,
        _resizing(comparisons) + _infinite(compared),
    )


def _resizing(comparisons: Sequence[Comparison]) -> list[str]:
    """A line on true frames that are brought to the generated frames' size (`compare`)."""
    changes: Counter[str] = Counter()
    for pair in (pair for comparison in comparisons for pair in comparison.pairs):
        # `compare` says what cannot be read.
        with suppress(OSError, ValueError):
            true, made = image_size(pair.true), image_size(pair.generated)
            if made[0] == made[1] and true != made:
                before, after = (f"{width}x{height}" for height, width in (true, made))
                changes[f"of {before} to {after}"] += 1
    if not changes:
        return []
    counts = ", ".join(f"{count} {change}" for change, count in changes.items())
    return [f"true frames resized (their centre squares), pixels: {counts}"]


def _infinite(compared: Sequence[tuple[Comparison, list[dict]]]) -> list[str]:
    """A line for each number that is infinite somewhere: the PSNR of equal frames is."""
    rows = [(comparison, row) for comparison, rows in compared for row in rows]
    lines = []
    for name in dict.fromkeys(name for _, row in rows for name in row):
        found = [
            (comparison.name, row["frame"])
            for comparison, row in rows
            if np.isinf(row.get(name, 0))
        ]
        if found:
            where, frame = found[0]
            lines.append(
                f"{name}: infinite for {plural(len(found), 'pair')} of equal frames, which are in "
                f"no mean; the first is frame {frame} of {where}"
            )
    return lines


def _open_pair_metrics(
    chosen: dict[str, PairMetric | SetMetric], device: str
) -> tuple[dict[str, Callable], list[str]]:
    functions, unavailable = {}, []
    for name, metric in chosen.items():
        if isinstance(metric, PairMetric):
            try:
                functions[name] = metric.open(device)
            except FileNotFoundError as error:
                unavailable.append(f"{name} left out: {error}")
    return functions, unavailable


def in_horizon(horizon: str, number: int, generated: int, short_term: int = SHORT_TERM) -> bool:
    """Whether the frame with this number, of so many on its path, belongs to one of HORIZONS."""
    return horizon == "all" or number == {"short-term": short_term, "long-term": generated}[horizon]


def summarize_frames(
    compared: Sequence[tuple[Comparison, list[dict]]], short_term: int = SHORT_TERM
) -> dict[str, dict]:
    """For each of HORIZONS and each number in the rows, its mean over sequences."""
    all_rows = [(comparison, row) for comparison, rows in compared for row in rows]
    names = dict.fromkeys(name for _, row in all_rows for name in row)
    summary: dict[str, dict] = {}
    for horizon in HORIZONS:
        inside = [
            (comparison.sequence, row)
            for comparison, row in all_rows
            if in_horizon(horizon, row["number"], comparison.generated, short_term)
        ]
        summary[horizon] = {
            name: mean_over_sequences([(sequence, row.get(name)) for sequence, row in inside])
            for name in names
            if name not in ("frame", "number")
        }
    return summary


def _set_distances(
    comparisons: Sequence[Comparison],
    chosen: dict[str, PairMetric | SetMetric],
    short_term: int,
    device: str,
) -> tuple[dict[str, dict], list[str]]:
    """{"mean", "images", …} of each SetMetric for each of HORIZONS, and a line for each without."""
    found: dict[str, dict] = {horizon: {} for horizon in HORIZONS}
    problems = []
    sharing: dict[str, dict[str, SetMetric]] = {}  # metrics by what makes their features
    for name, metric in chosen.items():
        if isinstance(metric, SetMetric):
            sharing.setdefault(metric.features, {})[name] = metric
    for metrics in sharing.values():
        names = " and ".join(metrics)
        try:
            extract = next(iter(metrics.values())).open(device)
        except (FileNotFoundError, ValueError) as error:
            problems.append(f"{names} left out: {error}")
            continue
        members, generated, true = features_of_pairs(comparisons, extract)
        for horizon in HORIZONS:
            inside = [
                in_horizon(horizon, pair.number, comparison.generated, short_term)
                for comparison, pair in members
            ]
            count = sum(inside)
            if count < 2:
                problems.append(f"{names}, {horizon}: {count} frames, expected at least 2")
                continue
            for name, metric in metrics.items():
                distance = metric.distance(generated[inside], true[inside])
                found[horizon][name] = {"images": count, **distance}
    return found, problems


def features_of_pairs(
    comparisons: Sequence[Comparison], extract: Callable[[Iterator[np.ndarray]], np.ndarray]
) -> tuple[list[Member], np.ndarray, np.ndarray]:
    """Features (n, d) of generated and of true frames, and which they are; each file is read once.

    extract: frames -> features. A pair that cannot be read is left out.
    """
    members: list[Member] = []

    def frames() -> Iterator[np.ndarray]:
        for comparison in comparisons:
            for pair in comparison.pairs:
                try:
                    both = read_pair(pair)
                except (ValueError, OSError):  # `compare` has said so
                    continue
                members.append((comparison, pair))
                yield from both

    made = frames()
    first = next(made, None)
    if first is None:
        return [], np.zeros((0, 1)), np.zeros((0, 1))
    values = extract(chain([first], made))
    return members, values[::2], values[1::2]
