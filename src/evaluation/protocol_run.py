"""A protocol carried out: its samples made, image metrics, TSED, and one file of results."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..cameras.conditioning import conditioning
from ..cameras.spec import SamplingSpec, spec_differs
from ..datasets.poses import PoseFile, load_poses
from ..datasets.video import find_videos, sample_images
from ..models.model import Model
from ..samples import Results, Sample
from ..sampling.method import Method
from ..sampling.runs import Run
from ..sampling.trajectory import sample_trajectory
from ..utils.distributed import Process
from ..utils.files import BASE, write_text
from .comparisons import compared_runs
from .image_results import ImageResults, evaluate_images
from .protocol import PinnedSequence, Protocol, path_of
from .protocol_results import markdown_of, results_of, write_results_page
from .registry import open_matcher
from .sequences import Job, Outcome, Settings, run_job, score_sequences

DATA = BASE / "dataset-data" / "data" / "test"  # where commands look for a split, unless told


@dataclass(frozen=True)
class ProtocolResults:
    """What came out of a protocol; the files lie in `folder`."""

    folder: Path
    content: dict  # of results.json
    images: ImageResults
    outcomes: list[Outcome]  # TSED of each run
    problems: list[str]  # a line for everything that is missing
    runs: list[Run]  # that were sampled

    @property
    def files(self) -> list[Path]:
        """The files that there are: results.json, results.md, report.html."""
        places = [self.folder / "results.json", self.folder / "results.md"]
        return [*places, Results(self.folder).page] if self.reports else places

    @property
    def reports(self) -> list[tuple[str, dict]]:
        """(name, report) of each run that has a TSED report."""
        return [(one.job.name, one.report) for one in self.outcomes if one.report is not None]


def evaluate_protocol(
    protocol: Protocol,
    folder: Path,
    data: Path,
    model: Model | None = None,
    method: Method | None = None,
    *,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
    batch_size: int = 8,
    process: Process | None = None,
) -> ProtocolResults | None:
    """Carry out a protocol in a folder, say samples/<name>; frames that are there are kept.

    data: the split, with poses.npy and videos/. model: what makes missing frames; None: the frames
    that are there are evaluated. method: how frames are drawn (default: `Method()`); its seed is
    the protocol's. metrics: names in METRICS (default: the protocol's). device: of the metrics'
    networks. batch_size, process: as for `sample_trajectory`.

    Writes results.json, results.md and report.html. Of several processes the first one does so,
    when all frames are made; the others return None. Raises ValueError if there is nothing to
    evaluate.
    """
    process = process or Process(torch.device("cpu"))
    folders, problems = make_samples(folder, protocol, data, process)
    method, runs = replace(method or Method(), seed=protocol.seed), []
    if model is not None:
        runs = _sample(folders, protocol, model, method, batch_size, process)
    if not process.leads:
        return None
    jobs = _jobs(folders, protocol, problems)
    if not jobs:
        raise ValueError("\n".join(["nothing to evaluate:", *problems]))
    comparisons, without = compared_runs(job.run for job in jobs)
    images = evaluate_images(comparisons, metrics or protocol.metrics, protocol.short_term, device)
    images.write()
    matcher = open_matcher(protocol.matcher)
    settings = Settings(matcher, protocol.t_error, protocol.t_matches, protocol.first_frame)
    outcomes = score_sequences(jobs, settings)
    problems += without + images.problems + _incomplete(outcomes)
    content = results_of(folder.name, protocol, images, outcomes, problems, matcher)
    results = ProtocolResults(folder, content, images, outcomes, problems, runs)
    _write(results)
    return results


def _sample(
    folders: list[Path],
    protocol: Protocol,
    model: Model,
    method: Method,
    batch_size: int,
    process: Process,
) -> list[Run]:
    return sample_trajectory(
        folders,
        model.denoiser,
        model.first_stage,
        method,
        runs=range(protocol.runs),
        batch_size=batch_size,
        weights=model.identity,
        process=process,
    )


def make_samples(
    folder: Path, protocol: Protocol, data: Path, process: Process | None = None
) -> tuple[list[Path], list[str]]:
    """A sample's folder for each sequence that can be had, and a line for each that cannot.

    What is there is kept. Several processes begin at different sequences, so that each finds most
    of the others' there. ValueError if no sequence can be had.
    """
    way_out = _commands(protocol, data)
    try:
        poses, videos = load_poses(data / "poses.npy"), find_videos(data / "videos")
    except FileNotFoundError as error:
        if not way_out:
            raise
        raise FileNotFoundError(f"{data}: no data for this protocol; {way_out}") from error
    pinned_ones, left_out = protocol.sequences, {}
    first = len(pinned_ones) * process.rank // process.count if process else 0
    for pinned in (*pinned_ones[first:], *pinned_ones[:first]):
        try:
            _make_sample(folder / pinned.id, pinned, protocol, poses, videos)
        except FileNotFoundError as error:
            fetching = way_out or "download-videos.py fetches those that there are"
            left_out[pinned.id] = f"{pinned.id} left out: {error}; {fetching}"
        except ValueError as error:
            left_out[pinned.id] = f"{pinned.id} left out: {error}"
    folders = [folder / one.id for one in pinned_ones if one.id not in left_out]
    problems = [left_out[one.id] for one in pinned_ones if one.id in left_out]
    if not folders:
        raise ValueError(
            f"no sequence of the protocol can be had from {data}; the first: {problems[0]}"
            + (f"; {way_out}" if way_out and way_out not in problems[0] else "")
        )
    return folders, problems


def _commands(protocol: Protocol, data: Path) -> str:
    """What to type for the data of a made-up split; nothing for other data."""
    where = "" if data == DATA else f" --data {shlex.quote(str(data.parent))}"
    lines = [f"photonvs {command}{where}" for command in protocol.made_by]
    if not lines:
        return ""
    made = data.with_name("test")  # the split of made_by
    there = "" if data.name == made.name else f", and give --data {shlex.quote(str(made))}"
    return f"make it with: {' && '.join(lines)}{there}"


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
        raise FileNotFoundError(f"no video {pinned.video}")
    order, dependencies = conditioning(len(path.poses), protocol.condition)
    spec = SamplingSpec(path.focal_y, path.poses, order, dependencies)
    sample = Sample(directory)
    whole = len(sample.true_images()) == len(path.poses) and sample.spec_file.is_file()
    if not whole or spec_differs(sample.spec_file, spec):
        sample.write(spec, sample_images(videos[pinned.video], path.timestamps))


def _jobs(folders: list[Path], protocol: Protocol, problems: list[str]) -> list[Job]:
    """The runs that the protocol counts; a line for each that has no frames."""
    jobs = []
    for run in (Sample(path).run(number) for path in folders for number in range(protocol.runs)):
        if run.images.is_dir():
            jobs.append(run_job(run))
        else:
            problems.append(
                f"{run.folder}: no images; expected frames NNNN.png in {run.name}/images"
            )
    return jobs


def _incomplete(outcomes: list[Outcome]) -> list[str]:
    return [
        f"{outcome.job.name}: TSED incomplete, as said above"
        for outcome in outcomes
        if not outcome.complete
    ]


def _write(results: ProtocolResults) -> None:
    json_file, markdown_file, *pages = results.files
    write_text(json_file, json.dumps(results.content, indent=1) + "\n")
    write_text(markdown_file, markdown_of(results.content))
    for page in pages:
        write_results_page(page, results.content, results.outcomes)
