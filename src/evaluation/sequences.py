"""Many sequences scored: our samples, or anyone's frames with known cameras."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ..cameras.files.matching import match_images
from ..cameras.files.reading import read_cameras
from ..samples import Results, RunFolder, find_samples
from ..utils.cores import usable_cores
from ..utils.images import numbered_images, read_frame, read_square
from ..utils.pictures import write_png
from ..utils.progress import progress_bar
from ..utils.words import plural
from .comparisons import (
    frame_numbers,
    has_present_path,
    images_by_stem,
    read_rows,
    require_present_path,
)
from .folders import groups_of, shortest_names
from .matching import Matcher
from .page import PageSequence, embedded, picture, write_page
from .registry import FIRST_FRAMES, T_MATCHES
from .report import build_report, write_report
from .scoring import NO_BASELINE, PairScore, score_sequence

MANY = 3  # pairs without a baseline have a line each up to here, and one line beyond


@dataclass(frozen=True)
class Settings:
    """How sequences are scored."""

    matcher: Matcher
    t_error: float | None = None  # pixels; None: by each sequence's frames (`scaled_t_error`)
    t_matches: int = T_MATCHES
    first_frame: str = FIRST_FRAMES[0]
    shape: str | None = None  # of frames with another shape than their cameras' (`fit_camera`)
    axes: str = "blender"  # of plain matrices (`read_cameras`)
    allow_unmatched: bool = False  # anyone's frames without a camera, and cameras without a frame


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
    group: str = ""  # that has a mean of its own, say a system; none for ""


@dataclass(frozen=True)
class Outcome:
    """What came out of a job; a sequence that could not be scored has no report."""

    job: Job
    report: dict | None = None  # the content of tsed.json
    scores: tuple[PairScore, ...] = ()  # gone once the page is written
    images: tuple[Path, ...] = ()  # of each camera
    lines: tuple[str, ...] = ()  # what is missing or odd, for people
    matched: bool = True  # every image has a camera, or that is allowed

    @property
    def complete(self) -> bool:
        """Whether all frames could be read."""
        return self.report is not None and self.report["count"]["missing"] == 0 and self.matched


def sample_jobs(folder: Path) -> list[Job]:
    """A job for each run of each sample in a folder; a sample without runs has one."""
    return [
        run_job(run) for sample in find_samples(folder) for run in sample.runs() or [sample.run(0)]
    ]


def run_job(run: RunFolder) -> Job:
    """The job of a run."""
    sample = run.sample
    return Job(sample.name, run.title, run.images, run.spec_file, run.results, run)


def folder_jobs(
    images: Sequence[Path],
    poses: Sequence[Path],
    true: Sequence[Path] = (),
    results: Path | None = None,
) -> list[Job]:
    """A job for each folder of anyone's frames.

    poses: the cameras of each (`read_cameras`). true: a folder of true frames for each, or none.
    results: where a folder of results is made for each (default: evaluation, beside the frames).
    Names are those of the folders, with the parents' where two would be the same. Raises
    FileNotFoundError, or ValueError for a folder that is there twice.
    """
    places = [place.resolve() for place in images]
    twice = [place for k, place in enumerate(places) if place in places[:k]]
    if twice:
        raise ValueError(f"{twice[0]}: there twice; expected different folders of frames")
    truths = true or [None] * len(images)
    jobs: list[Job] = []
    for place, name, group, cameras, truth in zip(
        places, shortest_names(places), groups_of(places), poses, truths, strict=True
    ):
        if truth is not None and not truth.is_dir():
            raise FileNotFoundError(f"{truth}: no such folder; expected the true frames of {place}")
        target = results / name if results else place.parent / "evaluation" / place.name
        job = Job(str(place), name, place, cameras, Results(target), true=truth, group=group)
        jobs.append(job)
    return jobs


def score_sequences(
    jobs: Sequence[Job], settings: Settings, workers: int | None = None, pages: bool = False
) -> list[Outcome]:
    """Score sequences in parallel with progress; write tsed.json and tsed.png of each.

    workers: sequences at once (default: the processors). pages: write each one's report.html, too.
    A sequence that cannot be read does not stop the others. Raises ValueError for a matcher whose
    library is missing.
    """
    settings.matcher.settings()  # a missing library is said at once
    outcomes = []
    # Matching runs outside Python's lock.
    with ThreadPoolExecutor(workers or usable_cores()) as pool:
        running = pool.map(lambda job: _score(job, settings, pages), jobs)
        with progress_bar(len(jobs), "TSED", "sequence", enabled=len(jobs) > 1) as bar:
            for outcome, pictures in running:
                # In this thread, since matplotlib wants a single one.
                if outcome.report is not None:
                    write_report(outcome.report, outcome.job.results)
                if outcome.report is not None and pages:
                    page = [page_sequence(outcome, pictures)]
                    write_page(outcome.job.results.page, outcome.job.name, page)
                    outcome = replace(outcome, scores=())  # matches of many sequences fill memory
                outcomes.append(outcome)
                bar.update()
    return outcomes


def _score(job: Job, settings: Settings, pages: bool) -> tuple[Outcome, dict[int, str | None]]:
    """What came out, and the page's picture of each frame that can be read, by position."""
    pictures: dict[int, str | None] = {}
    matcher = settings.matcher
    try:
        found = read_cameras(job.poses, job.images, settings.axes, distorted=True)
        matching = match_images(found, job.images)
        ours = job.run is not None  # then a missing frame is not yet made
        used = matching if ours or not settings.allow_unmatched else matching.without_missing()
        images, cameras = used.images, used.cameras
        if ours and settings.first_frame == "original":
            images = _with_originals(images, job.run)

        def look(position: int, image: Image.Image) -> None:
            pictures[position] = picture(image)

        cache, shown = job.results.matches(matcher.name), look if pages else None
        scores = score_sequence(images, cameras, matcher, cache, shown, settings.shape)
        report = build_report(scores, matcher, settings.t_error, settings.t_matches)
    except (ValueError, OSError) as error:
        return Outcome(job, lines=(f"{job.name}: not scored: {error}",)), {}
    lines = _lines(scores)
    if matching.fault:
        way_out = "" if ours or settings.allow_unmatched else "; --allow-unmatched goes on"
        lines.append(f"left out: {matching.fault}{way_out}")
    if ours:
        report["first_frame"] = settings.first_frame
    else:
        lines.insert(0, str(matching))
    named = tuple(f"{job.name}: {line}" for line in lines)
    matched = settings.allow_unmatched or not matching.others
    return Outcome(job, report, tuple(scores), tuple(images), named, matched), pictures


def _lines(scores: Iterable[PairScore]) -> list[str]:
    # A frame is in two pairs, and said once.
    lines = list(dict.fromkeys(line for score in scores for line in score.notes + score.problems))
    still = [line for line in lines if line.endswith(NO_BASELINE)]
    if len(still) > MANY:  # of a camera that only turns, all pairs
        lines = [line for line in lines if line not in still]
        lines.append(f"{plural(len(still), 'pair')}, the first {still[0]}")
    return lines


def _with_originals(images: list[Path], run: RunFolder) -> list[Path]:
    """The frames of a run, with its photos in place of their reconstructions.

    The photos become squares of the other frames' size.
    """
    require_present_path(run)
    spec = run.spec()
    present = [images[index] for index in spec.generation_order if images[index].is_file()]
    if not present:
        raise FileNotFoundError(
            f"{run.images}: no generated frame; sample-trajectory.py makes them"
        )
    size = len(read_frame(present[0]))
    replaced = list(images)
    for index, photo in run.sample.given_images(spec).items():
        replaced[index] = run.results.original(index)
        write_png(replaced[index], read_square(photo, size))
    return replaced


def page_sequence(outcome: Outcome, pictures: dict[int, str | None] | None = None) -> PageSequence:
    """What the page shows of a scored sequence.

    pictures: of the frames that can be read; None: they are read. Given photos, true frames and
    image metrics are shown where they are there.
    """
    job, images = outcome.job, outcome.images
    if pictures is None:
        pictures = {position: embedded(image) for position, image in enumerate(images)}
    names = [image.name for image in images]
    rows = read_rows(job.results.metrics)
    shown = PageSequence(job.name, outcome.report, outcome.scores, names, pictures, rows=rows)
    if job.run is None:
        by_stem = images_by_stem(job.true) if job.true else {}
        true = {k: by_stem[image.stem] for k, image in enumerate(images) if image.stem in by_stem}
        numbers = frame_numbers([image.stem for image in images])
        positions = {number: position for position, number in enumerate(numbers)}
        return replace(shown, true=true, positions=positions)
    sample, given = job.run.sample, job.run.spec().given
    if not has_present_path(job.run):  # its photo and true frames may be gone
        return replace(shown, given=given)
    photo = numbered_images(sample.given_folder).get(given[0], [None])[0]
    return replace(shown, given=given, photo=photo, true=sample.true_images())
