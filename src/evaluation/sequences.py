"""Many sequences scored: our samples, or anyone's frames with known cameras."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..cameras.files.matching import images_of_cameras
from ..cameras.files.reading import read_cameras
from ..cameras.spec import read_spec
from ..samples import Results, RunFolder, find_samples, numbered_images
from ..utils.json_files import read_json
from ..utils.pictures import read_frame, read_square, write_png
from .matching import Matcher
from .page import PageSequence
from .report import build_report, plural, write_report
from .scoring import FrameSequence, PairScore, score_sequence
from .tsed import T_ERROR, T_MATCHES

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
    results: Results
    run: RunFolder | None = None  # where it is one of ours
    true: Path | None = None  # folder of true frames, for the report's page


@dataclass(frozen=True)
class Outcome:
    """What came out of a job: a report on frames, or None and an error; lines for the user."""

    job: Job
    report: dict | None
    frames: FrameSequence | None
    lines: tuple[str, ...]
    complete: bool


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
                    outcome.report, outcome.job.results
                )  # here, as matplotlib wants a single thread
            outcomes.append(outcome)
    for outcome in outcomes:
        for line in outcome.lines:
            print(f"{outcome.job.name}: {line}", file=sys.stderr)
    return outcomes


def sample_jobs(folder: Path) -> list[Job]:
    """A job for each run of each sample in a folder; a sample without runs has a job for its first one."""
    jobs = []
    for sample in find_samples(folder):
        for run in sample.runs() or [sample.run(0)]:
            name = f"{sample.name}/{run.name}"
            jobs.append(Job(sample.name, name, run.images, sample.spec_file, run.results, run))
    return jobs


def _score(job: Job, settings: Settings) -> Outcome:
    """Score one sequence; a sequence that cannot be read does not stop the others."""
    matcher = settings.matcher
    try:
        cameras = read_cameras(job.poses)
        images, without_pose = images_of_cameras(cameras, job.images)
        if job.run is not None and settings.first_frame == "original":
            images = _with_originals(images, job)
        frames = FrameSequence(images, cameras)
        scores = score_sequence(frames, matcher, job.results.matches(matcher.name))
        report = build_report(scores, matcher, settings.t_error, settings.t_matches)
        if job.run is not None:
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
    for index, photo in job.run.sample.given_images(spec).items():
        replaced[index] = job.results.original(index)
        write_png(replaced[index], read_square(photo, size))
    return list(replaced.values())


def page_sequence(outcome: Outcome, settings: Settings) -> PageSequence:
    """What the page shows of a scored sequence: also given photos, true frames and image metrics, where they are there."""
    job, frames = outcome.job, outcome.frames
    cache = job.results.matches(settings.matcher.name)
    metrics = job.results.metrics
    rows = read_json(metrics)["frames"] if metrics.is_file() else []
    if job.run is None:
        by_stem = {path.stem: path for path in (sorted(job.true.iterdir()) if job.true else [])}
        true = {
            position: by_stem[image.stem]
            for position, image in enumerate(frames.images)
            if image.stem in by_stem
        }
        return PageSequence(job.name, frames, outcome.report, cache, true=true, rows=rows)
    sample = job.run.sample
    spec = sample.spec()
    photo = numbered_images(sample.given_folder).get(spec.given[0], [None])[0]
    return PageSequence(
        job.name, frames, outcome.report, cache, spec.given, photo, sample.true_images(), rows
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
