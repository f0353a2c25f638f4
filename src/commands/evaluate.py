"""The command evaluate: generated frames against true ones, and whole protocols."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.registry import BUILT_IN, METRICS, SHORT_TERM
from ..utils.files import BASE
from .options import (
    add_compile,
    add_device,
    add_instance_data,
    add_method,
    add_model,
    method_of,
    open_chosen,
)

if TYPE_CHECKING:
    from ..evaluation.image_results import ImageResults


def main(arguments: list[str] | None = None) -> None:
    """Evaluate and print; ValueError if anything was left out, after the results are written."""
    options = parse(arguments)
    left_out = _evaluate_protocol(options) if options.protocol else _evaluate_frames(options)
    for line in left_out:
        print(line, file=sys.stderr)
    if left_out:
        from ..utils.words import plural

        raise ValueError(f"incomplete: {plural(len(left_out), 'thing')} left out, as said above")


def _evaluate_frames(options: argparse.Namespace) -> list[str]:
    """Compare frames that are there; returns what was left out."""
    from ..evaluation.comparisons import find_comparisons, folder_comparison
    from ..evaluation.image_results import evaluate_images
    from ..samples import Results

    if options.images:
        images = options.images.resolve()
        place = Results(images.parent / "evaluation" / images.name)
        comparisons = [folder_comparison(images, options.true, place, options.given)]
        problems, skipped = [], []
    else:
        folders = [options.instance_data / name for name in options.output]
        comparisons, problems, skipped = find_comparisons(folders)
    metrics = options.metrics or BUILT_IN
    results = evaluate_images(comparisons, metrics, options.short_term, options.device)
    results.write()
    _print_frames(results, options.short_term)
    for line in skipped:
        print(f"skipped: {line}", file=sys.stderr)
    return problems + results.problems


def _evaluate_protocol(options: argparse.Namespace) -> list[str]:
    """Carry out a protocol; returns what is missing."""
    from ..evaluation.image_table import plain_table
    from ..evaluation.protocol import find_protocol, read_protocol
    from ..evaluation.protocol_run import evaluate_protocol
    from ..evaluation.report import table
    from ..utils.distributed import this_process

    file = find_protocol(options.protocol)
    protocol = read_protocol(file)
    method = method_of(options.sampling, protocol.seed)
    process = this_process(options.sampling.device)
    results = evaluate_protocol(
        protocol,
        options.instance_data / "samples" / file.stem,
        options.data,
        None if options.no_sampling else open_chosen(options.sampling, options.instance_data),
        method,
        metrics=options.metrics,
        device=options.device,
        batch_size=options.sampling.batch_size,
        process=process,
    )
    if results is None:  # the first process evaluates
        return []
    for outcome in results.outcomes:
        for line in outcome.lines:
            print(line, file=sys.stderr)
    if results.runs:
        which = f" by process 1 of {process.count}" if process.count > 1 else ""
        print(f"{sum(len(run.made) for run in results.runs)} frames made now{which}")
    if results.reports:
        print(table(results.reports, results.content["tsed"]))
    print(plain_table(results.images.summary, protocol.short_term))
    print(*results.images.unavailable, *results.images.notes, *results.files, sep="\n")
    return results.problems


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Compare generated frames with the true ones of the same cameras. Or run a "
        "whole protocol: make its specifications, sample what is missing, evaluate, write one "
        "results file. Under torchrun the processes share the sampling.",
    )
    _add_frames(parser)
    add = parser.add_argument
    text = (
        f"of {', '.join(METRICS)}, or all (default: {' '.join(BUILT_IN)}; with --protocol, the "
        "protocol's)"
    )
    add("--metrics", nargs="+", choices=(*METRICS, "all"), metavar="METRIC", help=text)
    text = (
        f"number of the generated frame of the short-term results (default: {SHORT_TERM}); a "
        "protocol has its own"
    )
    add("--short-term", type=int, metavar="N", help=text)
    text = "of the metrics' networks, cpu or cuda (default: %(default)s)"
    add("--device", default="cpu", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.images) != bool(options.true):
        parser.error("--images and --true: expected both, or neither")
    if options.given and not options.images:
        parser.error("--given: expected with --images; a sample's specification has its own")
    _check_purpose(parser, options)
    options.data = options.data or BASE / "dataset-data" / "data" / "test"
    options.short_term = SHORT_TERM if options.short_term is None else options.short_term
    if options.short_term < 1:
        parser.error("--short-term must be at least 1")
    if options.metrics and "all" in options.metrics:
        options.metrics = list(METRICS)
    options.sampling = _sampling_parser().parse_args(options.sampling)
    return options


def _check_purpose(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse options that do nothing with, or without, --protocol."""
    if options.protocol:
        if options.short_term is not None:
            parser.error("--short-term: not expected with --protocol, which has its own")
        if options.no_sampling and options.sampling:
            parser.error(f"{options.sampling[0]}: not expected with --no-sampling")
    elif options.sampling:
        parser.error(f"{options.sampling[0]}: not expected without --protocol")
    elif options.data or options.no_sampling:
        parser.error("--data and --no-sampling: expected with --protocol")


def _add_frames(parser: argparse.ArgumentParser) -> None:
    """Which frames are evaluated."""
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    text = (
        "folders samples/ID, or a folder of them, with true frames in true-ims (others are "
        "skipped, with a line); results: samples/ID/evaluation/RUN/metrics.json"
    )
    what.add_argument("-o", "--output", nargs="+", type=Path, metavar="samples/ID", help=text)
    text = "a folder of anyone's frames; results: evaluation beside it"
    what.add_argument("--images", type=Path, metavar="DIR", help=text)
    text = (
        "a protocol's name or YAML file; samples and results go to samples/PROTOCOL in the "
        "instance data"
    )
    what.add_argument("--protocol", metavar="NAME|FILE", help=text)
    text = "with --images: the true frames, by the same names"
    add("--true", type=Path, metavar="DIR", help=text)
    text = (
        "with --images: numbers of frames that were given, not generated; they are not compared, "
        "and the first one's true frame is what copying the photo means (default: none)"
    )
    add("--given", type=int, nargs="+", default=(), metavar="N", help=text)
    text = (
        "with --protocol: the split, with poses.npy and videos/ (default: the repository's "
        "dataset-data/data/test)"
    )
    add("--data", type=Path, metavar="DIR", help=text)
    text = (
        "with --protocol: evaluate the frames that are there, say another system's, put into "
        "samples/PROTOCOL/ID/samples/RUN"
    )
    add("--no-sampling", action="store_true", help=text)
    text = (
        "with --protocol, after --: options of sample-trajectory.py, such as "
        "-- --sampler heun --device cuda"
    )
    add("sampling", nargs="*", metavar="-- OPTION", help=text)


def _sampling_parser() -> argparse.ArgumentParser:
    """The options after --. Seed and runs are the protocol's."""
    parser = argparse.ArgumentParser(prog="--protocol NAME --", add_help=False)
    add_method(parser, seed=False)
    add_model(parser)
    add_device(parser)
    add_compile(parser)
    return parser


def _print_frames(results: "ImageResults", short_term: int) -> None:
    from ..evaluation.comparisons import BASELINE, value_names
    from ..evaluation.image_table import plain_table
    from ..evaluation.tables import aligned

    for comparison, rows in results.compared:
        names = value_names(rows)
        titles = ["copying the photo" if name == BASELINE else name for name in names]
        cells = [(str(row["frame"]), [f"{row[name]:.4g}" for name in names]) for row in rows]
        print(f"{comparison.name}: to the true frame\n{aligned([('frame', titles), *cells])}")
        print(comparison.results.metrics)
    print(plain_table(results.summary, short_term))
    for line in (*results.unavailable, *results.notes):
        print(line, file=sys.stderr)
