"""What a protocol's results.json, results.md and report.html hold."""

import math
import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__
from ..sampling.runs import read_run_settings
from ..utils.files import fingerprint
from ..utils.words import plural
from .comparisons import value_names
from .efficientnet_lite import weights_path
from .image_results import ImageResults
from .image_table import horizon_names, label, metric_rows
from .matching import Matcher
from .page import Means, write_page
from .protocol import Protocol
from .published_metrics import ALEXNET_URL, INCEPTION_URL, weight_file
from .report import SCORES, summarize
from .sequences import Outcome, page_sequence
from .statistics import spread
from .tables import markdown, number_text, sequences_text

LABELS = {
    "tsed": "TSED",
    "area_under_curve": "area under the curve",
    "mean_median_sed": "mean median distance (pixels)",
}
SHOWN = 20  # sequences on the page, from the worst to the best
LIBRARIES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pycolmap",
    "torch",
    "torch-fidelity",
    "torchmetrics",
)


def results_of(
    name: str,
    protocol: Protocol,
    images: ImageResults,
    outcomes: list[Outcome],
    problems: list[str],
    matcher: Matcher,
) -> dict:
    """The content of results.json."""
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    rows = {comparison.name: rows for comparison, rows in images.compared}
    return {
        "protocol": name,
        "settings": {key: value for key, value in vars(protocol).items() if key != "sequences"},
        "sequences": {
            "in the protocol": len(protocol.sequences),
            "evaluated": len({one.job.sequence for one in scored}),
        },
        "missing": problems,
        "unavailable": images.unavailable,
        "notes": images.notes,
        "tsed": summarize([(one.job.sequence, one.report) for one in scored]),
        "images": images.summary,
        "runs": {one.job.name: _run_of(one, rows.get(one.job.name, [])) for one in scored},
        "matcher": matcher.settings(),
        "weights": _weights(),
        "versions": {"photonvs": __version__, "python": platform.python_version(), **_versions()},
    }


def _run_of(outcome: Outcome, rows: list[dict]) -> dict:
    """One run: its scores, and how it was sampled, by the run.json that sampling leaves."""
    sampling = None
    record = outcome.job.run.settings_file
    if record.is_file():
        settings = read_run_settings(record)
        sampling = {key: settings[key] for key in settings if key not in ("config", "inputs")}
    means = {name: _mean([row[name] for row in rows]) for name in value_names(rows)}
    return {key: outcome.report[key] for key in SCORES} | means | {"sampling": sampling}


def _mean(values: list[float]) -> float | None:
    """Of the finite ones, as in the summary; None without any."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def _weights() -> dict[str, str]:
    """First digits of the SHA-256 of the metrics' networks that are here.

    Those of the sampled model stand in each run.
    """
    files = [weight_file(ALEXNET_URL), weight_file(INCEPTION_URL)]
    with suppress(FileNotFoundError):
        files.append(weights_path())
    return {path.name: fingerprint(path) for path in files if path.is_file()}


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def markdown_of(content: dict) -> str:
    """results.md: two tables, and what they were made with."""
    counts, settings = content["sequences"], content["settings"]
    parts = [
        f"# Protocol {content['protocol']}",
        f"{counts['evaluated']} of {counts['in the protocol']} sequences, runs of each: "
        f"{settings['runs']}, seed {settings['seed']}, photonvs {content['versions']['photonvs']}. "
        f"T_error {settings['t_error']:g} pixels, T_matches {settings['t_matches']}, matcher "
        f"{settings['matcher']}; first frame: the {settings['first_frame']}.",
        markdown(["", "mean over sequences"], _tsed_rows(content)),
        markdown(["", *horizon_names(settings["short_term"])], _image_rows(content)),
        *(f"- {line}" for line in _remarks(content)),
        "Settings, versions, hashes of weights and each run's numbers: results.json.",
    ]
    return "\n\n".join(parts) + "\n"


def write_results_page(path: Path, content: dict, outcomes: list[Outcome]) -> None:
    """The page of a protocol: its tables, and the frames of some sequences."""
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    scored.sort(key=lambda outcome: outcome.report["area_under_curve"] or 0)
    shown = [scored[k] for k in spread(len(scored), SHOWN)]
    few = "" if len(shown) == len(scored) else f"{len(shown)} of "
    tables = [
        {
            "title": "TSED, mean over sequences",
            "head": ["", "mean"],
            "rows": _tsed_rows(content),
        },
        {
            "title": "Image metrics, means over sequences",
            "head": ["", *horizon_names(content["settings"]["short_term"])],
            "rows": _image_rows(content),
        },
    ]
    write_page(
        path,
        f"Protocol {content['protocol']}",
        [page_sequence(outcome) for outcome in shown],
        tables,
        notes=_remarks(content),
        about=f"{few}{len(scored)} runs, from the worst to the best",
        means=_means(content),
    )


def _remarks(content: dict) -> list[str]:
    return [*content["unavailable"], *content["missing"], *content["notes"]]


def _means(content: dict) -> Means:
    """The page's large numbers: means over sequences, of all frames."""
    tsed = content["tsed"]
    numbers = [(text, number_text(tsed[key]["mean"], ".3f")) for key, text in LABELS.items()]
    for name, mean in content["images"]["all"].items():
        text = re.sub(", (higher|lower) is better$", "", label(name))
        numbers.append((text, number_text(mean["mean"])))
    count = plural(content["sequences"]["evaluated"], "sequence")
    return Means(f"Means over {count}, all frames", numbers)


def _tsed_rows(content: dict) -> list[list[str]]:
    return [[text, sequences_text(content["tsed"][key])] for key, text in LABELS.items()]


def _image_rows(content: dict) -> list[list[str]]:
    return [[label, *cells] for label, cells in metric_rows(content["images"])]
