"""The command compute-tsed: TSED of our samples, or of anyone's frames with known cameras."""

import argparse
import json
import os
from pathlib import Path

from ..evaluation.matching import MATCHERS
from ..evaluation.page import write_page
from ..evaluation.report import plural, summarize, table
from ..evaluation.sequences import (
    FIRST_FRAMES,
    Job,
    Outcome,
    Settings,
    page_sequence,
    sample_jobs,
    score_jobs,
)
from ..evaluation.tsed import T_ERROR, T_MATCHES
from ..samples import Results
from ..utils.files import atomic_path
from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """Score sequences, write each one's results, print a table; ValueError if anything was missing."""
    options = _parse(arguments)
    settings = Settings(
        MATCHERS[options.matcher](), options.t_error, options.t_matches, options.first_frame
    )
    jobs = (
        [job for name in options.output for job in sample_jobs(options.instance_data / name)]
        if options.output
        else _frame_jobs(options)
    )
    outcomes = score_jobs(jobs, settings, options.workers)
    for outcome in outcomes:
        if outcome.report is not None and not options.no_page:
            write_page(
                outcome.job.results.page,
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


def _frame_jobs(options: argparse.Namespace) -> list[Job]:
    jobs = []
    true_folders = options.true or [None] * len(options.images)
    for images, poses, true in zip(options.images, options.poses, true_folders, strict=True):
        images = images.resolve()
        if true is not None and not true.is_dir():
            raise FileNotFoundError(f"{true}: no such folder; expected the true frames of {images}")
        results = Results((options.results or images.parent / "evaluation") / images.name)
        if results in [job.results for job in jobs]:
            raise ValueError(
                f"{images}: results of two sequences would go to {results.folder}; "
                "expected folders with different names"
            )
        jobs.append(Job(str(images), images.name, images, poses, results, true=true))
    return jobs


def _print_results(outcomes: list[Outcome], summary_file: Path | None) -> None:
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    if not scored:
        return
    summary = summarize([(outcome.job.sequence, outcome.report) for outcome in scored])
    print(table([(outcome.job.name, outcome.report) for outcome in scored], summary))
    for outcome in scored:
        page = outcome.job.results.page
        print(page if page.is_file() else outcome.job.results.tsed)
    if summary_file:
        each = {outcome.job.name: outcome.report["tsed"] for outcome in scored}
        with atomic_path(summary_file) as temporary:
            temporary.write_text(
                json.dumps(summary | {"tsed_of": each}, indent=1) + "\n", encoding="utf-8"
            )
