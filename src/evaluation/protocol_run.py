"""A protocol from its file to its results: specifications, samples, image metrics, TSED, and what they were made with."""

import argparse
import json
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from .. import __version__
from ..cameras.conditioning import conditioning
from ..cameras.spec import SamplingSpec, spec_text
from ..commands.sample_trajectory import main as sample
from ..datasets.poses import PoseFile, load_poses
from ..datasets.video import find_videos, sample_images
from ..samples import Results, Sample
from ..sampling.runs import fingerprint
from ..utils.files import atomic_path
from .efficientnet_lite import weights_path
from .image_metrics import run_comparison
from .image_results import ImageResults, evaluate_images, write_rows
from .image_table import horizon_names, markdown, metric_rows, plain_table
from .matching import MATCHERS
from .page import write_page
from .protocol import PinnedSequence, Protocol, path_of
from .published_metrics import ALEXNET_URL, INCEPTION_URL, weight_file
from .report import mean_text, summarize, table
from .sequences import Job, Outcome, Settings, page_sequence, sample_jobs, score_jobs

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


def run_protocol(name: str, protocol: Protocol, options: argparse.Namespace) -> list[str]:
    """Carry out a protocol in samples/<name> of the instance data; returns a line for everything that is missing.

    options: of scripts/evaluate.py. Writes results.json, results.md and report.html there. ValueError: nothing to evaluate.
    """
    folder = options.instance_data / "samples" / name
    folders, problems = make_samples(folder, protocol, options.data)
    if not options.no_sampling:
        outputs = [str(path.relative_to(options.instance_data)) for path in folders]
        fixed = [
            "--seed",
            str(protocol.seed),
            "--runs",
            str(protocol.runs),
            "--instance-data",
            str(options.instance_data),
        ]
        sample(["-o", *outputs, *fixed, *options.sampling])
    jobs = [job for path in folders for job in _jobs(path, protocol, problems)]
    if not jobs:
        raise ValueError("\n".join(["nothing to evaluate:", *problems]))
    images = _compare(jobs, protocol, options, problems)
    settings = Settings(
        MATCHERS[protocol.matcher](), protocol.t_error, protocol.t_matches, protocol.first_frame
    )
    outcomes = score_jobs(jobs, settings)
    problems += [
        f"{outcome.job.name}: TSED incomplete, as said above"
        for outcome in outcomes
        if not outcome.complete
    ]
    results = _results(name, protocol, images, outcomes, problems)
    with atomic_path(folder / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    with atomic_path(folder / "results.md") as temporary:
        temporary.write_text(_markdown(results, protocol), encoding="utf-8")
    _print(results, outcomes, protocol)
    print(folder / "results.json", folder / "results.md", sep="\n")
    if results["sequences"]["evaluated"]:
        _write_page(Results(folder).page, results, outcomes, settings)
        print(Results(folder).page)
    return problems


def make_samples(folder: Path, protocol: Protocol, data: Path) -> tuple[list[Path], list[str]]:
    """A sample's folder for each sequence that can be had, and a line for each that cannot; what is there is kept."""
    poses, videos = load_poses(data / "poses.npy"), find_videos(data / "videos")
    folders, problems = [], []
    for pinned in protocol.sequences:
        try:
            _make_sample(folder / pinned.id, pinned, protocol, poses, videos)
        except (ValueError, FileNotFoundError) as error:
            problems.append(f"{pinned.id} left out: {error}")
            continue
        folders.append(folder / pinned.id)
    if not folders:
        raise ValueError(
            f"no sequence of the protocol can be had from {data}; the first: {problems[0]}"
        )
    return folders, problems


def _make_sample(
    directory: Path,
    pinned: PinnedSequence,
    protocol: Protocol,
    poses: PoseFile,
    videos: dict[str, Path],
) -> None:
    path = path_of(pinned, poses)
    if protocol.return_trip:
        path = path.there_and_back()
    if pinned.video not in videos:
        raise FileNotFoundError(
            f"no video {pinned.video}; download-videos.py fetches those that there are"
        )
    spec = SamplingSpec(
        path.focal_y, path.poses, *conditioning(len(path.poses), protocol.condition)
    )
    sample = Sample(directory)
    whole = len(sample.true_images()) == len(path.poses) and sample.spec_file.is_file()
    if not (whole and sample.spec_file.read_text(encoding="utf-8") == spec_text(spec)):
        sample.write(spec, sample_images(videos[pinned.video], path.timestamps))


def _jobs(directory: Path, protocol: Protocol, problems: list[str]) -> list[Job]:
    """The runs of a sequence that the protocol counts; a line for each that has no frames."""
    runs = {f"{number:08d}" for number in range(protocol.runs)}
    jobs = [job for job in sample_jobs(directory) if job.images.parent.name in runs]
    present = [job for job in jobs if job.images.is_dir()]
    missing = sorted(runs - {job.images.parent.name for job in present})
    problems += [
        f"{directory / 'samples' / run}: no images; expected frames NNNN.png in {run}/images"
        for run in missing
    ]
    return present


def _compare(
    jobs: list[Job], protocol: Protocol, options: argparse.Namespace, problems: list[str]
) -> ImageResults:
    comparisons = []
    for job in jobs:
        try:
            comparisons.append(run_comparison(job.run))
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
    images = evaluate_images(
        comparisons, options.metrics or protocol.metrics, protocol.short_term, options.device
    )
    for comparison, rows in images.compared:
        write_rows(comparison, rows)
    problems += images.problems
    return images


def _results(
    name: str,
    protocol: Protocol,
    images: ImageResults,
    outcomes: list[Outcome],
    problems: list[str],
) -> dict:
    """The content of results.json."""
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    return {
        "protocol": name,
        "settings": {key: value for key, value in vars(protocol).items() if key != "sequences"},
        "sequences": {
            "in the protocol": len(protocol.sequences),
            "evaluated": len({one.job.sequence for one in scored}),
        },
        "missing": problems,
        "unavailable": images.unavailable,
        "tsed": summarize([(one.job.sequence, one.report) for one in scored]),
        "images": images.summary,
        "runs": {one.job.name: _run_of(one, images) for one in scored},
        "matcher": MATCHERS[protocol.matcher]().settings(),
        "weights": _weights(),
        "versions": {"photonvs": __version__, "python": platform.python_version(), **_versions()},
    }


def _run_of(outcome: Outcome, images: ImageResults) -> dict:
    """One run: its scores, and how it was sampled, by the run.json that sampling leaves."""
    rows = next(
        (rows for comparison, rows in images.compared if comparison.name == outcome.job.name), []
    )
    record = outcome.job.images.parent / "run.json"
    sampling = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None
    if sampling is not None:
        sampling = {
            key: value for key, value in sampling.items() if key not in ("config", "inputs")
        }
    means = {
        name: _mean([row[name] for row in rows])
        for name in (rows[0] if rows else {})
        if name not in ("frame", "number")
    }
    keys = ("tsed", "area_under_curve", "mean_median_sed")
    return {key: outcome.report[key] for key in keys} | means | {"sampling": sampling}


def _mean(values: list[float]) -> float | None:
    mean = sum(values) / len(values)
    return mean if abs(mean) < float("inf") else None  # also of NaN


def _weights() -> dict[str, str]:
    """SHA-256 (first digits) of the metrics' networks that are here; those of the sampled model stand in each run."""
    files = [weight_file(ALEXNET_URL), weight_file(INCEPTION_URL)]
    with suppress(FileNotFoundError):
        files.append(weights_path())
    return {path.name: fingerprint(path) for path in files if path.is_file()}


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _print(results: dict, outcomes: list[Outcome], protocol: Protocol) -> None:
    scored = [(one.job.name, one.report) for one in outcomes if one.report is not None]
    if scored:
        print(table(scored, results["tsed"]))
    print(plain_table(results["images"], protocol.short_term))
    for line in results["unavailable"]:
        print(line)


def _write_page(path: Path, results: dict, outcomes: list[Outcome], settings: Settings) -> None:
    """The page of a protocol: its tables, and the frames of some sequences."""
    scored = sorted(
        (one for one in outcomes if one.report is not None),
        key=lambda one: one.report["area_under_curve"] or 0,
    )
    shown = [
        scored[k]
        for k in np.unique(
            np.linspace(0, len(scored) - 1, min(SHOWN, len(scored))).round().astype(int)
        )
    ]
    few = "" if len(shown) == len(scored) else f"{len(shown)} of "
    about = f"{few}{len(scored)} runs, from the worst to the best"
    tables = [
        {"title": "TSED, mean over sequences", "head": ["", "mean"], "rows": _tsed_rows(results)},
        {
            "title": "Image metrics, means over sequences",
            "head": ["", *horizon_names(results["settings"]["short_term"])],
            "rows": [[label, *cells] for label, cells in metric_rows(results["images"])],
        },
    ]
    notes = [*results["unavailable"], *results["missing"]]
    sequences = [page_sequence(one, settings) for one in shown]
    write_page(
        path, f"Protocol {results['protocol']}", sequences, settings.matcher, tables, notes, about
    )


def _tsed_rows(results: dict) -> list[list[str]]:
    labels = {
        "tsed": "TSED",
        "area_under_curve": "area under the curve",
        "mean_median_sed": "mean median distance (pixels)",
    }
    return [[label, mean_text(results["tsed"][key])] for key, label in labels.items()]


def _markdown(results: dict, protocol: Protocol) -> str:
    """results.md: two tables, and what they were made with."""
    images = [[label, *cells] for label, cells in metric_rows(results["images"])]
    counts = results["sequences"]
    parts = [
        f"# Protocol {results['protocol']}",
        f"{counts['evaluated']} of {counts['in the protocol']} sequences, runs of each: {protocol.runs}, seed {protocol.seed}, "
        f"photonvs {__version__}. T_error {protocol.t_error:g} pixels, T_matches {protocol.t_matches}, matcher "
        f"{protocol.matcher}; first frame: the {protocol.first_frame}.",
        markdown(["", "mean over sequences"], _tsed_rows(results)),
        markdown(["", *horizon_names(protocol.short_term)], images),
        *(f"- {line}" for line in (*results["unavailable"], *results["missing"])),
        "Settings, versions, hashes of weights and each run's numbers: results.json.",
    ]
    return "\n\n".join(parts) + "\n"
