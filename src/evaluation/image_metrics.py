"""How close generated frames are to true ones: the command evaluate."""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from ..trajectory import SPEC, TRUE_IMAGES, find_images, given_images, read_spec
from ..utils.command_line import add_instance_data
from ..utils.files import atomic_path
from ..utils.pictures import read_frame, read_square


def psnr(frame: np.ndarray, true: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 frames of one shape; infinite for equal ones."""
    error = np.mean(np.square(frame.astype(np.float64) - true))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def score_run(directory: Path, run: Path) -> list[dict]:
    """For each generated frame of a run whose true frame is known: its PSNR, and that of copying the first given frame.

    directory: samples/<id>, with true frames in true-ims/NNNN.png; run: samples/<id>/samples/<run>. True frames are brought
    to the generated ones' size. Raises FileNotFoundError where there is nothing to compare.
    """
    spec = read_spec(directory / SPEC)
    true, made = find_images(directory / TRUE_IMAGES), find_images(run / "images")
    indices = [index for index in spec.generation_order if index in true and index in made]
    if not indices:
        raise FileNotFoundError(
            f"{run}: nothing to compare: expected frames in {run / 'images'} and true ones in {directory / TRUE_IMAGES} "
            "(make-trajectory.py realestate10k --video writes them)"
        )
    frames = {index: read_frame(made[index][0]) for index in indices}
    size = len(frames[indices[0]])
    given = read_square(given_images(directory, spec)[spec.given[0]], size)
    rows = []
    for index, frame in sorted(frames.items()):
        target = read_square(true[index][0], size)
        rows.append({"frame": index, "psnr": psnr(frame, target), "psnr_of_copying": psnr(given, target)})
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command scripts/evaluate.py: write psnr.json for each run, print a table."""
    parser = argparse.ArgumentParser(
        description="Compare generated frames with the true ones in samples/ID/true-ims: PSNR in dB, beside that of copying "
        "the given photo. Results go to samples/ID/evaluation/RUN/psnr.json."
    )
    parser.add_argument(
        "-o", "--output", nargs="+", required=True, metavar="samples/ID", help="folders to score, relative to --instance-data"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    for name in options.output:
        directory = options.instance_data / name
        runs = sorted(path.parent for path in directory.glob("samples/*/images"))
        if not runs:
            raise FileNotFoundError(f"{directory}: no frames; sample-trajectory.py makes them")
        for run in runs:
            rows = score_run(directory, run)
            result = directory / "evaluation" / run.name / "psnr.json"
            with atomic_path(result) as temporary:
                temporary.write_text(json.dumps(_finite(rows), indent=1) + "\n", encoding="utf-8")
            _print_table(directory.name, run.name, rows)
            print(result)


def _finite(rows: list[dict]) -> list[dict]:
    return [{key: value if math.isfinite(value) else None for key, value in row.items()} for row in rows]


def _print_table(name: str, run: str, rows: list[dict]) -> None:
    print(f"{name}/{run}: PSNR to the true frame (dB)\n frame  generated  copying the photo")
    for row in rows:
        print(f"{row['frame']:6d}{row['psnr']:11.2f}{row['psnr_of_copying']:19.2f}")
    means = [np.mean([row[key] for row in rows]) for key in ("psnr", "psnr_of_copying")]
    print(f"  mean{means[0]:11.2f}{means[1]:19.2f}")
