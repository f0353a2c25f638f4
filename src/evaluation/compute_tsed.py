"""The command compute-tsed: TSED of our samples, or of anyone's frames with known cameras."""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..datasets.camera_files import find_images, read_cameras
from ..trajectory import GIVEN_IMAGES, SPEC, TRUE_IMAGES, given_images, read_json, read_spec
from ..trajectory import find_images as find_indexed
from ..utils.command_line import add_instance_data, run
from ..utils.files import atomic_path
from ..utils.pictures import read_frame, read_square, write_png
from .matching import MATCHERS, Matcher
from .page import PageSequence, write_page
from .report import build_report, plural, summarize, table, write_report
from .scoring import FrameSequence, PairScore, score_sequence
from .tsed import T_ERROR, T_MATCHES

PAGE = "report.html"
FIRST_FRAMES = ("reconstruction", "original")


@dataclass(frozen=True)
class Settings:
    """How sequences are scored."""

    matcher: Matcher
    t_error: float = T_ERROR  # pixels
    t_matches: int = T_MATCHES
    first_frame: str = FIRST_FRAMES[
        0
    ]  # what stands for given frames: as the first stage gives them back, or the photos


@dataclass(frozen=True)
class Job:
    """One sequence of frames to score."""

    sequence: str  # the same for all runs of a sequence
    name: str
    images: Path  # folder
    poses: Path
    result: Path  # folder
    sample: Path | None = None  # samples/<id>, where it is one of ours
    true: Path | None = None  # folder of true frames, for the report's page


@dataclass(frozen=True)
class Outcome:
    """What came out of a job: a report on frames, or None and an error; lines for the user."""

    job: Job
    report: dict | None
    frames: FrameSequence | None
    lines: tuple[str, ...]
    complete: bool


def command() -> None:
    """The program photonvs-compute-tsed, which pip installs: scripts/compute-tsed.py without the repository."""
    run(main)


def main(arguments: list[str] | None = None) -> None:
    """Score sequences, write each one's results, print a table; ValueError if anything was missing."""
    options = _parse(arguments)
    settings = Settings(
        MATCHERS[options.matcher](), options.t_error, options.t_matches, options.first_frame
    )
    jobs = (
        sample_jobs(options.instance_data, options.output)
        if options.output
        else _frame_jobs(options)
    )
    outcomes = score_jobs(jobs, settings, options.workers)
    for outcome in outcomes:
        if outcome.report is not None and not options.no_page:
            write_page(
                outcome.job.result / PAGE,
                outcome.job.name,
                [page_sequence(outcome, settings)],
                settings.matcher,
            )
    _print_results(outcomes, options.summary)
    incomplete = [outcome for outcome in outcomes if not outcome.complete]
    if incomplete:
        raise ValueError(
            f"incomplete: {len(incomplete)} of {plural(len(outcomes), 'sequence')} not whole, as said above"
        )


def score_jobs(jobs: list[Job], settings: Settings, workers: int | None = None) -> list[Outcome]:
    """Score sequences in parallel with progress, write each one's results, and say on standard error what is missing."""
    settings.matcher.settings()  # a missing library is said at once
    outcomes = []
    with ThreadPoolExecutor(
        workers or os.cpu_count()
    ) as pool:  # matching runs outside Python's lock
        running = pool.map(lambda job: _score(job, settings), jobs)
        for outcome in tqdm(running, total=len(jobs), unit="sequence", disable=len(jobs) < 2):
            if outcome.report is not None:
                write_report(
                    outcome.report, outcome.job.result
                )  # here, as matplotlib wants a single thread
            outcomes.append(outcome)
    for outcome in outcomes:
        for line in outcome.lines:
            print(f"{outcome.job.name}: {line}", file=sys.stderr)
    return outcomes


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="TSED, the share of neighbouring frames that agree with their cameras."
    )
    add = parser.add_argument
    text = "folders samples/<id> in the instance data, or a folder of such folders; all runs of each are scored; results go to "
    add(
        "-o",
        "--output",
        nargs="+",
        type=Path,
        metavar="DIR",
        help=f"{text}samples/<id>/evaluation/<run>",
    )
    add(
        "--images",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="instead of -o: folders of anyone's frames",
    )
    text = "the cameras of each --images: a sampling-spec.json, a COLMAP model's folder, a transforms.json (nerfstudio, Blender), "
    add("--poses", nargs="+", type=Path, metavar="FILE", help=f"{text}or a RealEstate10K text file")
    text = "with --images: where the results go, in a folder named like the images' (default: evaluation, beside the images)"
    add("--results", type=Path, metavar="DIR", help=text)
    text = "median distance below which a pair is consistent, pixels (default: %(default)s)"
    add("--t-error", type=float, default=T_ERROR, help=text)
    text = "matches that a consistent pair has at least (default: %(default)s)"
    add("--t-matches", type=int, default=T_MATCHES, help=text)
    text = "sift: OpenCV's; colmap: COLMAP's, needs pycolmap (default: sift)"
    add("--matcher", choices=sorted(MATCHERS), default="sift", help=text)
    text = "with -o: what stands for given frames, their reconstructions by the first stage or the photos (default: %(default)s)"
    add("--first-frame", choices=FIRST_FRAMES, default=FIRST_FRAMES[0], help=text)
    text = "with --images: true frames of each, by name, for the report's page"
    add("--true", nargs="+", type=Path, metavar="DIR", help=text)
    add("--no-page", action="store_true", help="write no report.html")
    add(
        "--summary",
        type=Path,
        metavar="FILE",
        help="write means, intervals and each sequence's TSED as JSON",
    )
    text = "sequences at once (default: processors, %(default)s)"
    add("--workers", type=int, default=os.cpu_count(), metavar="N", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.output) == bool(options.images) or len(options.images or []) != len(
        options.poses or []
    ):
        parser.error("expected either -o, or --images and as many --poses")
    if options.images and options.first_frame == "original":
        parser.error(
            "--first-frame original: expected with -o: other frames have no photos beside them"
        )
    if options.true and len(options.true) != len(options.images or []):
        parser.error("--true: expected as many folders as --images")
    if not options.t_error > 0 or options.t_matches < 1 or options.workers < 1:
        parser.error("--t-error must be above 0, --t-matches and --workers at least 1")
    return options


def sample_jobs(instance_data: Path, outputs: list[Path]) -> list[Job]:
    """A job for each run of each sequence; a folder without a specification stands for the sequences in it."""
    jobs = []
    for output in outputs:
        folder = instance_data / output
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; expected samples/<id> with {SPEC}")
        if (folder / SPEC).is_file():
            sequences = [folder]
        else:
            sequences = sorted(path.parent for path in folder.glob(f"*/{SPEC}"))
        if not sequences:
            raise FileNotFoundError(
                f"{folder}: no {SPEC} in it or in a folder in it; scripts/make-trajectory.py writes one"
            )
        for sequence in sequences:
            jobs += _run_jobs(sequence)
    return jobs


def _run_jobs(sequence: Path) -> list[Job]:
    name = sequence.resolve().name
    runs = sorted(path.parent for path in sequence.glob("samples/*/images")) or [
        sequence / "samples" / "00000000"
    ]
    return [
        Job(
            name,
            f"{name}/{run.name}",
            run / "images",
            sequence / SPEC,
            sequence / "evaluation" / run.name,
            sequence,
        )
        for run in runs
    ]


def _frame_jobs(options: argparse.Namespace) -> list[Job]:
    jobs = []
    true_folders = options.true or [None] * len(options.images)
    for images, poses, true in zip(options.images, options.poses, true_folders, strict=True):
        images = images.resolve()
        if true is not None and not true.is_dir():
            raise FileNotFoundError(f"{true}: no such folder; expected the true frames of {images}")
        result = (options.results or images.parent / "evaluation") / images.name
        if result in [job.result for job in jobs]:
            raise ValueError(
                f"{images}: results of two sequences would go to {result}; expected folders with different names"
            )
        jobs.append(Job(str(images), images.name, images, poses, result, true=true))
    return jobs


def _score(job: Job, settings: Settings) -> Outcome:
    """Score one sequence; a sequence that cannot be read does not stop the others."""
    matcher = settings.matcher
    try:
        cameras = read_cameras(job.poses)
        images, without_pose = find_images(cameras, job.images)
        if job.sample is not None and settings.first_frame == "original":
            images = _with_originals(images, job)
        frames = FrameSequence(images, cameras)
        scores = score_sequence(frames, matcher, job.result / f"matches-{matcher.name}.npz")
        report = build_report(scores, matcher, settings.t_error, settings.t_matches)
        if job.sample is not None:
            report["first_frame"] = settings.first_frame
    except (ValueError, OSError) as error:
        return Outcome(job, None, None, (f"not scored: {error}",), False)
    return Outcome(
        job, report, frames, _lines(scores, without_pose), report["count"]["missing"] == 0
    )


def _with_originals(images: list[Path], job: Job) -> list[Path]:
    """The frames of a sample, with its photos in place of their reconstructions: squares of the other frames' size."""
    spec = read_spec(job.poses)
    present = [images[index] for index in spec.generation_order if images[index].is_file()]
    if not present:
        raise FileNotFoundError(
            f"{job.images}: no generated frame; sample-trajectory.py makes them"
        )
    size = len(read_frame(present[0]))
    replaced = dict(enumerate(images))
    for index, photo in given_images(job.sample, spec).items():
        replaced[index] = job.result / f"original-{index:04d}.png"
        write_png(replaced[index], read_square(photo, size))
    return list(replaced.values())


def page_sequence(outcome: Outcome, settings: Settings) -> PageSequence:
    """What the page shows of a scored sequence: also given photos, true frames and image metrics, where they are there."""
    job, frames = outcome.job, outcome.frames
    cache = job.result / f"matches-{settings.matcher.name}.npz"
    metrics = job.result / "metrics.json"
    rows = read_json(metrics)["frames"] if metrics.is_file() else []
    if job.sample is None:
        by_stem = {path.stem: path for path in (sorted(job.true.iterdir()) if job.true else [])}
        true = {
            position: by_stem[image.stem]
            for position, image in enumerate(frames.images)
            if image.stem in by_stem
        }
        return PageSequence(job.name, frames, outcome.report, cache, true=true, rows=rows)
    spec = read_spec(job.poses)
    true, given = (
        {k: paths[0] for k, paths in find_indexed(job.sample / part).items()}
        for part in (TRUE_IMAGES, GIVEN_IMAGES)
    )
    return PageSequence(
        job.name, frames, outcome.report, cache, spec.given, given.get(spec.given[0]), true, rows
    )


def _lines(scores: list[PairScore], without_pose: list[Path]) -> tuple[str, ...]:
    lines = dict.fromkeys(
        problem for score in scores for problem in score.problems
    )  # a frame is in two pairs
    if without_pose:
        lines[
            f"left out: {plural(len(without_pose), 'image')} without a pose, the first {without_pose[0].name}"
        ] = None
    return tuple(lines)


def _print_results(outcomes: list[Outcome], summary_file: Path | None) -> None:
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    if not scored:
        return
    summary = summarize([(outcome.job.sequence, outcome.report) for outcome in scored])
    print(table([(outcome.job.name, outcome.report) for outcome in scored], summary))
    for outcome in scored:
        page = outcome.job.result / PAGE
        print(page if page.is_file() else outcome.job.result / "tsed.json")
    if summary_file:
        each = {outcome.job.name: outcome.report["tsed"] for outcome in scored}
        with atomic_path(summary_file) as temporary:
            temporary.write_text(
                json.dumps(summary | {"tsed_of": each}, indent=1) + "\n", encoding="utf-8"
            )
