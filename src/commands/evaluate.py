"""The command scripts/evaluate.py: generated frames against true ones, and whole protocols from specification to results."""

import argparse
import sys
from pathlib import Path

from ..evaluation.image_metrics import Comparison, folder_comparison, run_comparison
from ..evaluation.image_results import (
    METRICS,
    SHORT_TERM,
    ImageResults,
    evaluate_images,
    write_rows,
)
from ..evaluation.image_table import aligned, plain_table
from ..evaluation.protocol import find_protocol, read_protocol
from ..evaluation.protocol_run import run_protocol
from ..evaluation.report import plural
from ..samples import RunFolder, Sample, find_samples
from ..utils.files import BASE
from .options import add_instance_data

BUILT_IN = ("psnr", "ssim")  # which need nothing but photonvs


def main(arguments: list[str] | None = None) -> None:
    """The command line; ValueError if anything was left out of the results, after they are written."""
    options = _parse(arguments)
    if options.protocol:
        path = find_protocol(options.protocol)
        incomplete = run_protocol(path.stem, read_protocol(path), options)
    else:
        comparisons, incomplete = _comparisons(options)
        results = evaluate_images(
            comparisons, options.metrics or BUILT_IN, options.short_term, options.device
        )
        for comparison, rows in results.compared:
            write_rows(comparison, rows)
        _print(results, options.short_term)
        incomplete += results.problems
    for line in incomplete:
        print(line, file=sys.stderr)
    if incomplete:
        raise ValueError(f"incomplete: {plural(len(incomplete), 'thing')} left out, as said above")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare generated frames with the true ones of the same cameras, or run a whole protocol: make its "
        "specifications, sample what is missing, evaluate, write one results file.",
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    text = "folders samples/ID, or a folder of them, with true frames in true-ims; results: samples/ID/evaluation/RUN/metrics.json"
    what.add_argument("-o", "--output", nargs="+", type=Path, metavar="samples/ID", help=text)
    what.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="a folder of anyone's frames; results: evaluation beside it",
    )
    text = "a protocol's name or YAML file; samples and results go to samples/PROTOCOL in the instance data"
    what.add_argument("--protocol", metavar="NAME|FILE", help=text)
    add(
        "--true", type=Path, metavar="DIR", help="with --images: the true frames, by the same names"
    )
    text = f"of {', '.join(METRICS)}, or all (default: {' '.join(BUILT_IN)}; with --protocol, the protocol's)"
    add("--metrics", nargs="+", choices=(*METRICS, "all"), metavar="METRIC", help=text)
    text = "number of the generated frame of the short-term results (default: %(default)s; with --protocol, the protocol's)"
    add("--short-term", type=int, default=SHORT_TERM, metavar="N", help=text)
    text = "with --protocol: the split, with poses.npy and videos/ (default: the repository's dataset-data/data/test)"
    add(
        "--data",
        type=Path,
        default=BASE / "dataset-data" / "data" / "test",
        metavar="DIR",
        help=text,
    )
    text = "with --protocol: evaluate the frames that are there, say another system's, put into samples/PROTOCOL/ID/samples/RUN"
    add("--no-sampling", action="store_true", help=text)
    add(
        "--device",
        default="cpu",
        help="of the metrics' networks, cpu or cuda (default: %(default)s)",
    )
    text = "with --protocol, after --: options of sample-trajectory.py, such as -- --sampler heun --device cuda"
    add("sampling", nargs="*", metavar="-- OPTION", help=text)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    if bool(options.images) != bool(options.true):
        parser.error("--images and --true: expected both, or neither")
    if options.sampling and not options.protocol:
        parser.error(f"{options.sampling[0]}: not expected without --protocol")
    if options.short_term < 1:
        parser.error("--short-term must be at least 1")
    if options.metrics and "all" in options.metrics:
        options.metrics = list(METRICS)
    return options


def _comparisons(options: argparse.Namespace) -> tuple[list[Comparison], list[str]]:
    """What there is to compare, and a line for each run that has nothing; raises if none has anything."""
    if options.images:
        images = options.images.resolve()
        return [
            folder_comparison(images, options.true, images.parent / "evaluation" / images.name)
        ], []
    comparisons, problems = [], []
    for name in options.output:
        try:
            runs = [
                run
                for sample in find_samples(options.instance_data / name)
                for run in _runs(sample)
            ]
        except FileNotFoundError as error:
            problems.append(str(error))
            continue
        for run in runs:
            try:
                comparisons.append(run_comparison(run))
            except (FileNotFoundError, ValueError) as error:
                problems.append(str(error))
    if not comparisons:
        raise FileNotFoundError(problems[0])
    return comparisons, problems


def _runs(sample: Sample) -> list[RunFolder]:
    """The runs of a sample; FileNotFoundError if there is none."""
    runs = sample.runs()
    if not runs:
        raise FileNotFoundError(f"{sample.directory}: no frames; sample-trajectory.py makes them")
    return runs


def _print(results: ImageResults, short_term: int) -> None:
    for comparison, rows in results.compared:
        names = [name for name in (rows[0] if rows else {}) if name not in ("frame", "number")]
        titles = ["copying the photo" if name == "psnr_of_copying" else name for name in names]
        cells = [(str(row["frame"]), [f"{row[name]:.4g}" for name in names]) for row in rows]
        print(f"{comparison.name}: to the true frame\n{aligned([('frame', titles), *cells])}")
        print(comparison.result / "metrics.json")
    print(plain_table(results.summary, short_term))
    for line in results.unavailable:
        print(line, file=sys.stderr)
