"""Generated frames and the true ones of the same cameras: pairs of them, compared."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..cameras.spec import spec_text
from ..samples import Results, RunFolder, find_samples
from ..utils.images import find_images, numbered_images, read_frame, read_square
from ..utils.json_files import joined, read_json
from .image_metrics import psnr

BASELINE = "psnr_of_copying"  # of the given photo as it is; a generated frame must beat it


@dataclass(frozen=True)
class FramePair:
    """A generated frame and the true one of the same camera."""

    frame: int  # pose index, or a file's number (`frame_numbers`)
    number: int  # among the generated frames of the path, from 1
    generated: Path
    true: Path


@dataclass(frozen=True)
class Comparison:
    """The generated frames of a sequence to compare with true ones."""

    sequence: str  # the same for all runs of a sequence
    name: str
    pairs: tuple[FramePair, ...]
    generated: int  # frames on the path, also those without a true one
    given: Path | None  # the first given photo, which the baseline copies
    results: Results
    problems: tuple[str, ...] = ()  # a line for each frame without its counterpart


def run_comparison(run: RunFolder) -> Comparison:
    """The frames of a run and the true ones of its sample; NothingToCompareError without them.

    Frames are numbered along the path, whatever order they were made in. ValueError for a run of
    another path than the sample has now.
    """
    require_present_path(run)
    sample, spec = run.sample, run.spec()
    true, made = sample.true_images(), numbered_images(run.images)
    indices = sorted(spec.generation_order)
    present = [index for index in indices if index in true and index in made]
    if not present:
        raise NothingToCompareError(
            f"{run.folder}: nothing to compare: expected frames in {run.images} and true ones in "
            f"{sample.true_folder} (make-trajectory.py realestate10k --video writes them)"
        )
    problems = [
        f"frame {index:04d}: no {kind} image in {folder}"
        for kind, there, folder in (
            ("generated", made, run.images),
            ("true", true, sample.true_folder),
        )
        for index in indices
        if index not in there
    ]
    pairs = tuple(
        FramePair(index, indices.index(index) + 1, made[index][0], true[index]) for index in present
    )
    given = sample.given_images(spec)[spec.given[0]]
    return Comparison(
        sample.name, run.title, pairs, len(indices), given, run.results, tuple(problems)
    )


def has_present_path(run: RunFolder) -> bool:
    """Whether the sample still has the path that the run was made for.

    If not, its photos and true frames belong to another path.
    """
    if not run.own_spec_file.is_file():
        return True
    try:
        return spec_text(run.spec()) == spec_text(run.sample.spec())
    except (ValueError, FileNotFoundError):  # the sample's path is gone or broken
        return False


def require_present_path(run: RunFolder) -> None:
    """ValueError if the sample has another path by now."""
    if not has_present_path(run):
        raise ValueError(
            f"{run.folder}: made for another path than {run.sample.spec_file} has now, which the "
            "photos and true frames belong to; sample the present one with sample-trajectory.py "
            f"--run {run.sample.free_run_number()}"
        )


def folder_comparison(
    generated: Path, true: Path, results: Results, given: Collection[int] = ()
) -> Comparison:
    """Anyone's frames and the true ones: folders of images of the same names, suffixes aside.

    given: frames that were not generated, and are not compared; the first is what the baseline
    copies. ValueError for one that is not there.
    """
    frames, targets = images_by_stem(generated), images_by_stem(true)
    if not frames:
        raise FileNotFoundError(f"{generated}: no images; expected the frames to compare")
    numbers = dict(zip(frames, frame_numbers(list(frames)), strict=True))
    absent = sorted(set(given) - set(numbers.values()))
    if absent:
        raise ValueError(
            f"{generated}: no frame {joined(absent)}, which --given names; found "
            f"{joined(sorted(numbers.values()))}"
        )
    made = [stem for stem in frames if numbers[stem] not in given]
    if not made:
        raise ValueError(f"{generated}: --given names all frames; none is left to compare")
    present = [stem for stem in made if stem in targets]
    if not present:
        raise FileNotFoundError(
            f"{generated} and {true}: no image is called the same in both; expected the same names"
        )
    problems = tuple(
        f"{frames[stem].name}: no true image of this name in {true}"
        for stem in made
        if stem not in targets
    )
    pairs = tuple(
        FramePair(numbers[stem], made.index(stem) + 1, frames[stem], targets[stem])
        for stem in present
    )
    photos = [targets.get(stem, frames[stem]) for stem in frames if numbers[stem] in given]
    photo = photos[0] if photos else None
    return Comparison(str(generated), generated.name, pairs, len(made), photo, results, problems)


def frame_numbers(stems: Sequence[str]) -> list[int]:
    """The number of each file's name without suffix: 7 of 0007 and of view_7.

    Where names are not alike but for their numbers, it is the position, from 0.
    """
    found = [re.fullmatch(r"(.*?)([0-9]+)", stem) for stem in stems]
    numbers = [int(match[2]) for match in found if match]
    alike = len({match and match[1] for match in found}) == 1
    return numbers if alike and len(set(numbers)) == len(stems) else list(range(len(stems)))


class NothingToCompareError(FileNotFoundError):
    """A sample has no frames yet, or no true ones."""


def find_comparisons(
    folders: Iterable[Path],
) -> tuple[list[Comparison], list[str], list[str]]:
    """All runs of the samples in these folders; lines for what is wrong; lines for what is skipped.

    folders: samples/<id>, or folders of such folders. A sample without frames, or without true
    ones, is skipped. FileNotFoundError if no run can be compared.
    """
    comparisons, problems, skipped = [], [], []
    for folder in folders:
        try:
            samples = find_samples(folder)
        except FileNotFoundError as error:
            problems.append(str(error))
            continue
        for sample in samples:
            if not sample.runs():
                skipped.append(f"{sample.directory}: no frames; sample-trajectory.py makes them")
            found, wrong, empty = _compared(sample.runs())
            comparisons += found
            problems += wrong
            skipped += empty
    if not comparisons:
        raise FileNotFoundError((problems + skipped)[0])
    return comparisons, problems, skipped


def compared_runs(runs: Iterable[RunFolder]) -> tuple[list[Comparison], list[str]]:
    """The comparison of each run, and a line for each that has nothing to compare."""
    comparisons, problems, empty = _compared(runs)
    return comparisons, problems + empty


def _compared(runs: Iterable[RunFolder]) -> tuple[list[Comparison], list[str], list[str]]:
    """The comparisons, lines for what is wrong, and lines for runs with nothing to compare."""
    comparisons, problems, empty = [], [], []
    for run in runs:
        try:
            comparisons.append(run_comparison(run))
        except NothingToCompareError as error:
            empty.append(str(error))
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
    return comparisons, problems, empty


def compare(comparison: Comparison, metrics: dict[str, Callable]) -> tuple[list[dict], list[str]]:
    """A row for each pair of frames, and a line for each unreadable one.

    metrics: by name, functions of two frames (`PairMetric`). A row has "frame", "number", each
    metric, and BASELINE where a photo is given, its PSNR. True frames and the photo are brought to
    the generated frames' size: their centre squares for square frames, else the sizes must agree.
    """
    rows, problems = [], []
    read_given = lru_cache(maxsize=1)(_read_as)
    for pair in comparison.pairs:
        row = {"frame": pair.frame, "number": pair.number}
        try:
            frame, true = read_pair(pair)
            row |= {name: metric(frame, true) for name, metric in metrics.items()}
            if comparison.given is not None:
                row[BASELINE] = psnr(read_given(comparison.given, frame.shape), true)
        except (ValueError, OSError) as error:
            problems.append(f"frame {pair.frame:04d} left out: {error}")
            continue
        rows.append(row)
    return rows, problems


def value_names(rows: list[dict]) -> list[str]:
    """The names of the numbers in rows of `compare`."""
    return [name for name in (rows[0] if rows else {}) if name not in ("frame", "number")]


def read_rows(path: Path) -> list[dict]:
    """The rows of a metrics.json; none if it is missing or damaged: `evaluate` makes it again."""
    try:
        rows = read_json(path)["frames"]
        whole = all(row.keys() >= {"frame", *value_names(rows)} for row in rows)
        numbers = [number for row in rows for number in row.values() if number is not None]
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return []
    return rows if whole and all(type(number) in (int, float) for number in numbers) else []


def score_run(run: RunFolder) -> list[dict]:
    """PSNR of a run's frames whose true frame is known, and that of copying the photo (`compare`).

    Raises FileNotFoundError where there is nothing to compare, ValueError for an unreadable frame.
    """
    rows, problems = compare(run_comparison(run), {"psnr": psnr})
    if problems:
        raise ValueError(f"{run.folder}: {problems[0]}")
    return rows


def read_pair(pair: FramePair) -> tuple[np.ndarray, np.ndarray]:
    """The generated and the true frame, uint8 of one shape."""
    frame = read_frame(pair.generated)
    return frame, _read_as(pair.true, frame.shape)


def images_by_stem(folder: Path) -> dict[str, Path]:
    """The images of a folder by name without suffix, numbers in it by value; FileNotFoundError."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected images")
    return {path.stem: path for path in find_images(folder)}


def _read_as(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    if shape[0] == shape[1]:
        return read_square(path, shape[0])
    image = read_frame(path)
    if image.shape != shape:
        found, expected = (f"{width}x{height}" for height, width, _ in (image.shape, shape))
        raise ValueError(f"{path}: {found} pixels; expected {expected}, the generated frame's size")
    return image
