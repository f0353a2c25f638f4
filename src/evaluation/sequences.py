"""The command compute-tsed: TSED of our samples, or of anyone's frames with known cameras."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..commands.compute_tsed import main
from ..commands.options import run
from ..datasets.camera_files import find_images, read_cameras
from ..trajectory import GIVEN_IMAGES, SPEC, TRUE_IMAGES, given_images, read_json, read_spec
from ..trajectory import find_images as find_indexed
from ..utils.pictures import read_frame, read_square, write_png
from .matching import Matcher
from .page import PageSequence
from .report import build_report, plural, write_report
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
