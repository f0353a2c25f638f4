"""The command compute-tsed: TSED of our samples, or of anyone's frames with known cameras."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.registry import FIRST_FRAMES, MATCHERS, T_MATCHES, open_matcher
from ..utils.cores import usable_cores
from ..utils.files import write_text
from .options import add_axes, add_instance_data, add_shape, add_unmatched

if TYPE_CHECKING:
    from ..evaluation.sequences import Outcome


def main(arguments: list[str] | None = None) -> None:
    """Score sequences, write the results, print a table; ValueError if anything was missing."""
    options = parse(arguments)
    for line in options.left_out:
        print(line, file=sys.stderr)
    from ..evaluation.sequences import Settings, folder_jobs, sample_jobs, score_sequences
    from ..utils.words import plural

    if options.output:
        folders = [options.instance_data / name for name in options.output]
        jobs = [job for folder in folders for job in sample_jobs(folder)]
    else:
        jobs = folder_jobs(options.images, options.poses, options.true or (), options.results)
    settings = Settings(
        open_matcher(options.matcher),
        options.t_error,
        options.t_matches,
        options.first_frame,
        options.shape,
        options.axes,
        options.allow_unmatched,
    )
    outcomes = score_sequences(jobs, settings, options.workers, pages=not options.no_page)
    _print_results(outcomes, options.summary)
    incomplete = sum(not outcome.complete for outcome in outcomes)
    if incomplete:
        raise ValueError(
            f"incomplete: {incomplete} of {plural(len(outcomes), 'sequence')} not whole, as said "
            "above"
        )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="TSED, the share of neighbouring frames that agree with their cameras."
    )
    _add_frames(parser)
    add = parser.add_argument
    text = (
        "median distance below which a pair is consistent, pixels (default: 2 for frames 256 high, "
        "1 for 128, and so on)"
    )
    add("--t-error", type=float, help=text)
    text = "matches that a consistent pair has at least (default: %(default)s)"
    add("--t-matches", type=int, default=T_MATCHES, help=text)
    text = "sift: OpenCV's; colmap: COLMAP's, needs pycolmap (default: sift)"
    add("--matcher", choices=sorted(MATCHERS), default="sift", help=text)
    text = (
        "with -o: what stands for given frames, their reconstructions by the first stage or the "
        "photos (default: %(default)s)"
    )
    add("--first-frame", choices=FIRST_FRAMES, default=FIRST_FRAMES[0], help=text)
    add("--no-page", action="store_true", help="write no report.html")
    text = (
        "write means, intervals and each sequence's TSED as JSON; with --images of several parent "
        "folders also each parent's means"
    )
    add("--summary", type=Path, metavar="FILE", help=text)
    text = "sequences at once (default: processors, %(default)s)"
    add("--workers", type=int, default=usable_cores(), metavar="N", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    options.left_out = []
    if options.images:
        _leave_out_results(options)
    _check(parser, options)
    return options


def _add_frames(parser: argparse.ArgumentParser) -> None:
    """Which frames are scored, and where the results go."""
    add = parser.add_argument
    text = (
        "folders samples/<id> in the instance data, or a folder of such folders; all runs of each "
        "are scored; results go to samples/<id>/evaluation/<run>"
    )
    add("-o", "--output", nargs="+", type=Path, metavar="DIR", help=text)
    text = (
        "instead of -o: folders of anyone's frames; names carry the parent folder where two would "
        "be the same; folders of former results are left out"
    )
    add("--images", nargs="+", type=Path, metavar="DIR", help=text)
    text = (
        "the cameras of each --images: a COLMAP model's folder, transforms.json, camera_path.json, "
        "RealEstate10K's text, matrices (.npy, .npz, .json) or a sampling-spec.json"
    )
    add("--poses", nargs="+", type=Path, metavar="FILE", help=text)
    add_shape(parser)
    add_axes(parser)
    add_unmatched(parser)
    text = (
        "with --images: where the results go, in a folder named like the sequence (default: "
        "evaluation, beside the images)"
    )
    add("--results", type=Path, metavar="DIR", help=text)
    text = "with --images: true frames of each, by name, for the report's page"
    add("--true", nargs="+", type=Path, metavar="DIR", help=text)


def _leave_out_results(options: argparse.Namespace) -> None:
    """Take former results out of --images: ours/* also gives ours/evaluation."""
    from ..evaluation.folders import without_results

    options.images, options.poses, options.true, options.left_out = without_results(
        options.images, options.poses or [], options.true or []
    )


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    images, poses = options.images or [], options.poses or []
    if bool(options.output) == bool(images) or len(images) != len(poses):
        parser.error("expected either -o, or --images and as many --poses")
    if options.output and options.results:
        parser.error("--results: expected with --images; those of -o go to samples/ID/evaluation")
    if images and options.first_frame == "original":
        parser.error(
            "--first-frame original: expected with -o: other frames have no photos beside them"
        )
    if options.true and len(options.true) != len(images):
        parser.error("--true: expected as many folders as --images")
    bad_error = options.t_error is not None and not options.t_error > 0
    if bad_error or options.t_matches < 1 or options.workers < 1:
        parser.error("--t-error must be above 0, --t-matches and --workers at least 1")


def _print_results(outcomes: "list[Outcome]", summary_file: Path | None) -> None:
    from ..evaluation.report import summarize, summarize_groups, table

    for outcome in outcomes:
        for line in outcome.lines:
            print(line, file=sys.stderr)
    scored = [outcome for outcome in outcomes if outcome.report is not None]
    if not scored:
        return
    summary = summarize([(outcome.job.sequence, outcome.report) for outcome in scored])
    means = summarize_groups([(one.job.group, one.job.sequence, one.report) for one in scored])
    print(table([(outcome.job.name, outcome.report) for outcome in scored], summary, means))
    for outcome in scored:
        page = outcome.job.results.page
        print(page if page.is_file() else outcome.job.results.tsed)
    if summary_file:
        each = {outcome.job.name: outcome.report["tsed"] for outcome in scored}
        means = {"means_of": means} if means else {}
        text = json.dumps(summary | means | {"tsed_of": each}, indent=1)
        write_text(summary_file, text + "\n")
