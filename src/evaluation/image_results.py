"""Image metrics over many sequences: means of the frames' scores, and distances between the sets of generated and true frames.

Three views of the same frames, as in the paper's protocol: `short-term`, the frame with a given number on each
path; `long-term`, each path's last one; `all`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import __version__
from ..utils.files import atomic_path
from .efficientnet_lite import load_efficientnet_lite0
from .image_metrics import PAIR_METRICS, Comparison, FramePair, PairMetric, compare, read_pair
from .published_metrics import inception_features, load_inception
from .set_distances import features, frechet_distance, kernel_distance
from .statistics import mean_over_sequences

SHORT_TERM = 5  # the generated frame of the paper's short-term results
HORIZONS = ("all", "short-term", "long-term")


class SetMetrics(NamedTuple):
    """Two distances of the same features."""

    frechet: str  # name of the Fréchet distance
    kernel: str
    load: Callable  # device -> network
    features: Callable  # images, network, device -> (n, d)


SET_METRICS = (
    SetMetrics("fid", "kid", load_inception, inception_features),
    SetMetrics("frechet-efficientnet", "kernel-efficientnet", load_efficientnet_lite0, features),
)
METRICS = (
    *PAIR_METRICS,
    *(name for metrics in SET_METRICS for name in (metrics.frechet, metrics.kernel)),
)
SET_METRIC_NAMES = tuple(
    name for metrics in SET_METRICS for name in (metrics.frechet, metrics.kernel)
)


@dataclass(frozen=True)
class ImageResults:
    """Frames compared, and what comes out over all sequences."""

    compared: list[tuple[Comparison, list[dict]]]
    summary: dict[str, dict]  # horizon -> metric -> {"mean", …}
    problems: list[str]  # a line for each frame left out
    unavailable: list[str]  # a line for each metric that has no number, and why


def evaluate_images(
    comparisons: Sequence[Comparison],
    names: Sequence[str],
    short_term: int = SHORT_TERM,
    device: str = "cpu",
) -> ImageResults:
    """Compare all sequences by the metrics named (of METRICS); a metric that cannot be had is said, and the others come."""
    problems, unavailable = [], []
    pair_metrics: dict[str, PairMetric] = {}
    for name in names:
        if name in PAIR_METRICS:
            try:
                pair_metrics[name] = PAIR_METRICS[name](device)
            except FileNotFoundError as error:
                unavailable.append(f"{name} left out: {error}")
    compared = []
    for comparison in comparisons:
        rows, unreadable = compare(comparison, pair_metrics)
        problems += [f"{comparison.name}: {line}" for line in (*comparison.problems, *unreadable)]
        compared.append((comparison, rows))
    distances, undefined = set_distances(comparisons, names, short_term, device)
    means = summarize_frames(compared, short_term)
    return ImageResults(
        compared,
        {key: means[key] | distances[key] for key in HORIZONS},
        problems,
        unavailable + undefined,
    )


def write_rows(comparison: Comparison, rows: list[dict]) -> None:
    """Write metrics.json of a sequence; null where a number does not exist (equal frames have no finite PSNR)."""
    finite = [
        {key: value if np.isfinite(value) else None for key, value in row.items()} for row in rows
    ]
    content = {"frames": finite, "generated": comparison.generated, "photonvs": __version__}
    with atomic_path(comparison.result / "metrics.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def in_horizon(horizon: str, number: int, generated: int, short_term: int = SHORT_TERM) -> bool:
    """Whether the frame with this number, of so many generated on its path, belongs to one of HORIZONS."""
    return horizon == "all" or number == {"short-term": short_term, "long-term": generated}[horizon]


def summarize_frames(
    compared: Sequence[tuple[Comparison, list[dict]]], short_term: int = SHORT_TERM
) -> dict[str, dict]:
    """For each of HORIZONS and each metric in the rows, its mean over sequences (`mean_over_sequences`)."""
    names = dict.fromkeys(
        name
        for _, rows in compared
        for row in rows
        for name in row
        if name not in ("frame", "number")
    )
    return {
        horizon: {
            name: mean_over_sequences(
                [
                    (comparison.sequence, row.get(name))
                    for comparison, rows in compared
                    for row in rows
                    if in_horizon(horizon, row["number"], comparison.generated, short_term)
                ]
            )
            for name in names
        }
        for horizon in HORIZONS
    }


def set_distances(
    comparisons: Sequence[Comparison],
    names: Sequence[str],
    short_term: int = SHORT_TERM,
    device: str = "cpu",
) -> tuple[dict[str, dict], list[str]]:
    """Distances between the sets of generated and of true frames, for each of HORIZONS, and a line for each that has none.

    names: of SET_METRIC_NAMES. A Fréchet distance is a number, a kernel distance {"mean", "deviation"}; both with "images".
    """
    found: dict[str, dict] = {horizon: {} for horizon in HORIZONS}
    problems = []
    labelled = [(comparison, pair) for comparison in comparisons for pair in comparison.pairs]
    for metrics in SET_METRICS:
        wanted = [name for name in (metrics.frechet, metrics.kernel) if name in names]
        if not wanted:
            continue
        try:
            network = metrics.load(device)
        except (FileNotFoundError, ValueError) as error:
            problems.append(f"{' and '.join(wanted)} left out: {error}")
            continue
        kept, both = _features_of_both(labelled, metrics, network, device)
        for horizon in HORIZONS:
            inside = [
                in_horizon(horizon, pair.number, comparison.generated, short_term)
                for comparison, pair in kept
            ]
            if sum(inside) < 2:
                problems.append(
                    f"{' and '.join(wanted)}, {horizon}: {sum(inside)} frames, expected at least 2"
                )
                continue
            generated, true = (values[inside] for values in both)
            for name in wanted:
                found[horizon][name] = {
                    "images": int(sum(inside)),
                    **_distance(name == metrics.frechet, generated, true),
                }
    return found, problems


def _features_of_both(
    labelled: Sequence[tuple[Comparison, FramePair]],
    metrics: SetMetrics,
    network: object,
    device: str,
) -> tuple[list[tuple[Comparison, FramePair]], tuple[np.ndarray, np.ndarray]]:
    """Features of generated and true frames, (n, d) each, and which pairs they belong to: those that can be read."""
    kept = [item for item in labelled if _is_readable(item[1])]

    def frames(which: int) -> Iterator[np.ndarray]:
        return (read_pair(pair)[which] for _, pair in kept)

    if not kept:
        return kept, (np.zeros((0, 1)), np.zeros((0, 1)))
    return kept, (
        metrics.features(frames(0), network, device),
        metrics.features(frames(1), network, device),
    )


def _is_readable(pair: FramePair) -> bool:
    try:
        read_pair(pair)
    except (ValueError, OSError):  # `compare` has said so
        return False
    return True


def _distance(frechet: bool, generated: np.ndarray, true: np.ndarray) -> dict:
    if frechet:
        return {"mean": frechet_distance(generated, true)}
    mean, deviation = kernel_distance(generated, true)
    return {"mean": mean, "deviation": deviation}
