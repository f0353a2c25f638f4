"""How close generated frames are to true ones at the same poses: PSNR, SSIM and LPIPS, frame by frame."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..samples import RunFolder, numbered_images
from ..utils.files import natural_order
from ..utils.image_quality import WINDOW
from ..utils.image_quality import ssim as ssim_of_tensors
from ..utils.pictures import IMAGE_SUFFIXES, read_frame, read_square
from .published_metrics import load_lpips

PairMetric = Callable[[np.ndarray, np.ndarray], float]  # of two frames (height, width, 3) uint8


def psnr(frame: np.ndarray, true: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 frames of one shape; infinite for equal ones."""
    error = np.mean(np.square(frame.astype(np.float64) - true))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ssim(frame: np.ndarray, true: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two uint8 frames of one shape; NaN for frames smaller than its window."""
    if min(frame.shape[:2]) < WINDOW:
        return math.nan
    first, second = (
        torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255 for image in (frame, true)
    )
    return float(ssim_of_tensors(first, second))


# Each is made when it is asked for: LPIPS has weights to load, and says in a FileNotFoundError what is missing.
PAIR_METRICS: dict[str, Callable[[str], PairMetric]] = {
    "psnr": lambda _: psnr,
    "ssim": lambda _: ssim,
    "lpips": load_lpips,
}


@dataclass(frozen=True)
class FramePair:
    """A generated frame and the true one of the same camera."""

    frame: int  # pose index, or position in the folder
    number: int  # among the generated frames of the path, from 1
    generated: Path
    true: Path


@dataclass(frozen=True)
class Comparison:
    """The generated frames of a sequence to compare with true ones; what is missing is said in `problems`."""

    sequence: str  # the same for all runs of a sequence
    name: str
    pairs: tuple[FramePair, ...]
    generated: int  # frames on the path, also those without a true one
    given: Path | None  # the first given photo, which the baseline copies
    result: Path  # folder
    problems: tuple[str, ...] = ()


def run_comparison(run: RunFolder) -> Comparison:
    """The frames of a run and the true ones of its sample; FileNotFoundError if there are none.

    Frames are numbered along the path, whatever order they were made in.
    """
    sample = run.sample
    spec = sample.spec()
    true, made = sample.true_images(), numbered_images(run.images)
    indices = sorted(spec.generation_order)
    present = [index for index in indices if index in true and index in made]
    if not present:
        raise FileNotFoundError(
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
    name = f"{sample.name}/{run.name}"
    return Comparison(
        sample.name, name, pairs, len(indices), given, run.results.folder, tuple(problems)
    )


def folder_comparison(generated: Path, true: Path, result: Path) -> Comparison:
    """Anyone's frames and the true ones, folders of images of the same names; other suffixes will do."""
    frames, targets = _images_by_stem(generated), _images_by_stem(true)
    present = [stem for stem in frames if stem in targets]
    if not present:
        raise FileNotFoundError(
            f"{generated} and {true}: no image is called the same in both; expected the same names"
        )
    problems = [
        f"{frames[stem].name}: no true image of this name in {true}"
        for stem in frames
        if stem not in targets
    ]
    numbers = {stem: number for number, stem in enumerate(frames, start=1)}
    pairs = tuple(
        FramePair(numbers[stem] - 1, numbers[stem], frames[stem], targets[stem]) for stem in present
    )
    return Comparison(
        str(generated), generated.name, pairs, len(frames), None, result, tuple(problems)
    )


def _images_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected images")
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES),
        key=natural_order,
    )
    return {path.stem: path for path in paths}


def compare(comparison: Comparison, metrics: dict[str, PairMetric]) -> tuple[list[dict], list[str]]:
    """A row for each pair of frames, {"frame", "number", each metric…, "psnr_of_copying"}, and a line for each unreadable one.

    True frames and the given photo are brought to the generated frames' size: their centre squares for square frames, else
    the sizes must agree. psnr_of_copying: PSNR of the given photo as it is, the baseline that a generated frame must beat.
    """
    rows, problems = [], []
    for pair in comparison.pairs:
        try:
            frame, true = read_pair(pair)
            row = {"frame": pair.frame, "number": pair.number} | {
                name: metric(frame, true) for name, metric in metrics.items()
            }
            if comparison.given is not None:
                row["psnr_of_copying"] = psnr(_read_as(comparison.given, frame.shape), true)
        except (ValueError, OSError) as error:
            problems.append(f"frame {pair.frame:04d} left out: {error}")
            continue
        rows.append(row)
    return rows, problems


def read_pair(pair: FramePair) -> tuple[np.ndarray, np.ndarray]:
    """Both frames, uint8 of one shape."""
    frame = read_frame(pair.generated)
    return frame, _read_as(pair.true, frame.shape)


def score_run(run: RunFolder) -> list[dict]:
    """PSNR of each generated frame of a run whose true frame is known, and that of copying the given photo: see `compare`.

    Raises FileNotFoundError where there is nothing to compare, ValueError for an unreadable frame.
    """
    rows, problems = compare(run_comparison(run), {"psnr": psnr})
    if problems:
        raise ValueError(f"{run.folder}: {problems[0]}")
    return rows


def _read_as(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    if shape[0] == shape[1]:
        return read_square(path, shape[0])
    image = read_frame(path)
    if image.shape != shape:
        found, expected = (f"{width}x{height}" for height, width, _ in (image.shape, shape))
        raise ValueError(f"{path}: {found} pixels; expected {expected}, the generated frame's size")
    return image
