"""What the studies share: one setting sampled and evaluated by a protocol, its numbers with intervals, tables and plots."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from photonvs.evaluate_command import main as evaluate
from photonvs.evaluation.set_distances import features, frechet_distance
from photonvs.evaluation.statistics import CONFIDENCE, mean_over_sequences
from photonvs.trajectory import find_images
from photonvs.utils.files import atomic_path
from photonvs.utils.pictures import read_frame

DRAWS = 200  # bootstrap draws of a Fréchet distance
IMAGE_METRICS = ["psnr", "ssim", "frechet-efficientnet", "kernel-efficientnet"]


@dataclass(frozen=True)
class Setting:
    """One way to sample."""

    sampler: str
    steps: int
    evaluations: int  # of the network, a frame
    options: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join([self.sampler, str(self.steps), *(f"{key}={value:g}" for key, value in self.options.items())])

    def arguments(self) -> list[str]:
        """For sample-trajectory.py."""
        options = [word for key, value in self.options.items() for word in ("--sampler-option", f"{key}={value}")]
        return ["--sampler", self.sampler, "--steps", str(self.steps), *options]


def run(folder: Path, protocol: Path, data: Path, sampling: list[str]) -> dict:
    """Sample and evaluate a protocol in `folder`, or go on with it; the content of its results.json."""
    results = folder / "samples" / protocol.stem / "results.json"
    if not results.is_file():
        command = ["--protocol", str(protocol), "--data", str(data), "--instance-data", str(folder)]
        evaluate([*command, "--metrics", *IMAGE_METRICS, "--", *sampling])
    return json.loads(results.read_text(encoding="utf-8"))


def numbers(folder: Path, protocol: Path, results: dict) -> dict[str, dict]:
    """Measure -> {"mean", "interval"} of what `run` made, with bootstrap intervals over sequences."""
    images, tsed = results["images"], results["tsed"]
    found = {
        "PSNR, first frame (dB)": images["short-term"]["psnr"],
        "SSIM, first frame": images["short-term"]["ssim"],
        "PSNR, all frames (dB)": images["all"]["psnr"],
        "TSED": tsed["tsed"],
        "area under the TSED curve": tsed["area_under_curve"],
        "median SED (pixels)": tsed["mean_median_sed"],
        "Fréchet distance": frechet_with_interval(folder / "samples" / protocol.stem),
        "kernel distance": {"mean": images["all"]["kernel-efficientnet"]["mean"], "interval": None},
    }
    if results["settings"]["runs"] > 1:
        found["diversity (RMS of 255)"] = diversity(folder / "samples" / protocol.stem)
    return found


def frechet_with_interval(folder: Path) -> dict:
    """Fréchet distance of EfficientNet-Lite0 features of all generated and all true frames; resampled by sequence.

    Resampling repeats images, which biases the distance upwards, so only the draws' spread about their mean is used.
    """
    sequences = sorted(path.parent for path in folder.glob("*/sampling-spec.json"))
    made, true = zip(*(_features_of(sequence) for sequence in sequences), strict=True)
    estimate = frechet_distance(np.concatenate(made), np.concatenate(true))
    generator = np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        chosen = generator.integers(len(sequences), size=len(sequences))
        draws.append(frechet_distance(np.concatenate([made[k] for k in chosen]), np.concatenate([true[k] for k in chosen])))
    tail = (1 - CONFIDENCE) / 2
    spread = np.quantile(draws, [tail, 1 - tail]) - np.mean(draws)
    return {"mean": estimate, "interval": [max(0.0, estimate + float(side)) for side in spread]}


def _features_of(sequence: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 1280) of the generated frames of all runs, and of the true ones as often; kept beside them."""
    cache = sequence / "features.npz"
    if not cache.is_file():
        true = find_images(sequence / "true-ims")
        pairs = [
            (paths[0], true[index][0])
            for run in sorted(sequence.glob("samples/*/images"))
            for index, paths in find_images(run).items()
            if index > 0
        ]
        made, wanted = (features(read_frame(path) for path in paths) for paths in zip(*pairs, strict=True))
        with atomic_path(cache) as temporary:
            np.savez(temporary, made=made, true=wanted)
    with np.load(cache, allow_pickle=False) as content:
        return content["made"], content["true"]


def diversity(folder: Path) -> dict:
    """Root mean square difference between runs 0 and 1 of each path, of values from 0 to 255."""
    values = []
    for sequence in sorted(path.parent for path in folder.glob("*/sampling-spec.json")):
        runs = [find_images(sequence / "samples" / f"{run:08d}" / "images") for run in (0, 1)]
        frames = [[read_frame(paths[0]).astype(float) for index, paths in run.items() if index > 0] for run in runs]
        values.append((sequence.name, float(np.sqrt(np.mean(np.square(np.subtract(*frames)))))))
    return mean_over_sequences(values)


def text(value: dict) -> str:
    """A number with its interval."""
    if value["mean"] is None:
        return "-"
    interval = value.get("interval")
    return f"{value['mean']:.3g}" + (f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else "")
