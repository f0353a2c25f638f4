"""What the studies share: a case sampled and evaluated by a protocol, its numbers with intervals, the file they stay in."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from photonvs.commands.evaluate import main as evaluate
from photonvs.evaluation.image_metrics import read_pair, run_comparison
from photonvs.evaluation.set_distances import features, frechet_distance, kernel_distance
from photonvs.evaluation.statistics import CONFIDENCE, mean_over_sequences
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.samples import Sample, numbered_images
from photonvs.sampling.runs import fingerprint
from photonvs.utils.files import BASE, atomic_path
from photonvs.utils.pictures import read_frame

DRAWS = 200  # bootstrap draws of a distance between sets of images


class Record:
    """The numbers of a study by case, in a file beside its document; a case that is there is not measured again."""

    def __init__(self, path: Path, made_of: dict) -> None:
        """made_of: plain values that all cases depend on; ValueError where the file has others."""
        self.path, self.content = path, {"made_of": made_of, "cases": {}}
        if path.is_file():
            self.content = _read(path)
            if self.content["made_of"] != made_of:
                raise ValueError(
                    f"{path}: numbers of {self.content['made_of']}, not of {made_of}: delete it, or use another --docs"
                )

    def of(self, case: str, measure: Callable[[], dict]) -> dict:
        """The numbers of a case, measured if they are not there."""
        cases = self.content["cases"]
        if case not in cases:
            cases[case] = measure()
            with atomic_path(self.path) as temporary:
                temporary.write_text(_lines(self.content), encoding="utf-8")
        return cases[case]


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"made_of": dict(content["made_of"]), "cases": dict(content["cases"])}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path}: expected a study's numbers, found something else ({error}); delete it"
        ) from error


def _lines(content: dict) -> str:
    """JSON with a line for each case."""
    cases = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in content["cases"].items()
    )
    return f'{{\n "made_of": {json.dumps(content["made_of"])},\n "cases": {{\n{cases}\n }}\n}}\n'


def run(folder: Path, protocol: Path, data: Path, checkpoint: Path, sampling: list[str]) -> dict:
    """Sample and evaluate a protocol in `folder`; frames that are there are kept. The content of its results.json."""
    command = ["--protocol", str(protocol), "--data", str(data), "--instance-data", str(folder)]
    network = ["--checkpoint", str(checkpoint), "--batch-size", "64"]
    evaluate([*command, "--metrics", "psnr", "ssim", "--", *network, *sampling])
    return json.loads(
        (folder / "samples" / protocol.stem / "results.json").read_text(encoding="utf-8")
    )


def numbers(folder: Path, protocol: Path, results: dict) -> dict[str, dict]:
    """Measure -> {"mean", "interval"} of what `run` made, with bootstrap intervals over sequences."""
    images, tsed = results["images"], results["tsed"]
    return {
        "PSNR, first frame (dB)": images["short-term"]["psnr"],
        "SSIM, first frame": images["short-term"]["ssim"],
        "PSNR, all frames (dB)": images["all"]["psnr"],
        "PSNR, last frame (dB)": images["long-term"]["psnr"],
        "TSED": tsed["tsed"],
        "area under the TSED curve": tsed["area_under_curve"],
        "median SED (pixels)": tsed["mean_median_sed"],
        **set_distances(folder / "samples" / protocol.stem),
    }


def set_distances(folder: Path) -> dict[str, dict]:
    """Fréchet and kernel distance of EfficientNet-Lite0 features of all generated and all true frames; resampled by sequence.

    Resampling repeats images, which biases the distances, so only the draws' spread about their mean is used.
    """
    sequences = sorted(path.parent for path in folder.glob("*/sampling-spec.json"))
    made, true = zip(*(_features_of(sequence) for sequence in sequences), strict=True)
    generator = np.random.default_rng(0)
    draws = [generator.integers(len(sequences), size=len(sequences)) for _ in range(DRAWS)]
    tail = (1 - CONFIDENCE) / 2
    found = {}
    for name, distance in (
        ("Fréchet distance", frechet_distance),
        ("kernel distance", _kernel_distance),
    ):
        estimate = distance(np.concatenate(made), np.concatenate(true))
        drawn = [
            distance(*(np.concatenate([one[k] for k in chosen]) for one in (made, true)))
            for chosen in draws
        ]
        spread = np.quantile(drawn, [tail, 1 - tail]) - np.mean(drawn)
        found[name] = {"mean": estimate, "interval": [estimate + float(side) for side in spread]}
    return found


def _kernel_distance(made: np.ndarray, true: np.ndarray) -> float:
    return kernel_distance(made, true)[0]


def _features_of(sequence: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 1280) of the generated frames of all runs, and of the true ones at their size."""
    pairs = [pair for run in Sample(sequence).runs() for pair in run_comparison(run).pairs]
    made, true = (features(read_pair(pair)[which] for pair in pairs) for which in (0, 1))
    return made, true


def diversity(folder: Path) -> dict:
    """Root mean square difference of two draws of the same frame, of values from 0 to 255; frame 1 of all runs."""
    values = []
    for sequence in sorted(path.parent for path in folder.glob("*/sampling-spec.json")):
        runs = sorted(sequence.glob("samples/*/images"))
        frames = np.stack([read_frame(numbered_images(run)[1][0]).astype(float) for run in runs])
        values.append((sequence.name, float(np.sqrt(2 * frames.var(axis=0, ddof=1).mean()))))
    return mean_over_sequences(values)


def fine_detail(folder: Path) -> dict[str, float]:
    """Power of the latents' highest frequencies in the last frames, as a fraction of that in the photos; over paths.

    A chain of frames that runs away does so there, in a checkerboard: "above 2" counts the paths that did.
    """
    runs = sorted(folder.glob("*/samples/00000000/latents"))
    ends = [(latents[0], latents[-1]) for latents in (sorted(run.glob("*.npy")) for run in runs)]
    growth = [
        _high_power(last) / max(_high_power(first), 1e-12) for first, last in ends
    ]  # a plain photo has none
    above = sum(value > 2 for value in growth)
    return {
        "median": float(np.median(growth)),
        "least": min(growth),
        "most": max(growth),
        "above 2": above,
    }


def _high_power(path: Path) -> float:
    """Mean power of the frequencies within a sixteenth of the highest one, in x or in y."""
    latent = np.load(path, allow_pickle=False)
    frequency = np.abs(np.fft.fftfreq(latent.shape[-1]))
    high = np.maximum(frequency[:, None], frequency) >= 15 / 16 * frequency.max()
    return float((np.abs(np.fft.fft2(latent)) ** 2)[:, high].mean())


def mean_curve(folder: Path) -> list[list[float]]:
    """TSED against T_error, [threshold, value] each, the mean over sequences."""
    reports = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*/evaluation/*/tsed.json"))
    ]
    return np.mean([report["curve"] for report in reports], axis=0).tolist()


def text(value: dict) -> str:
    """A number with its interval."""
    if value["mean"] is None:
        return "-"
    interval = value.get("interval")
    return f"{value['mean']:.3g}" + (
        f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else ""
    )


def add_common(parser: argparse.ArgumentParser, name: str) -> None:
    """Options of every study."""
    add = parser.add_argument
    add(
        "--checkpoint",
        type=Path,
        default=SHIPPED_DENOISER,
        metavar="FILE",
        help="weights (default: the shipped ones)",
    )
    add(
        "--paths",
        type=int,
        default=8,
        metavar="N",
        help="paths of each kind (default: %(default)s)",
    )
    text = "samples in work, to go on with after a stop (default: %(default)s)"
    add(
        "--folder",
        type=Path,
        default=BASE / "instance-data" / "studies" / name,
        metavar="DIR",
        help=text,
    )
    text = f"where {name}.json, -results.md and plots go; numbers that are there are kept (default: docs)"
    add("--docs", type=Path, default=BASE / "docs", metavar="DIR", help=text)


def open_record(options: argparse.Namespace, name: str, **made_of: object) -> Record:
    """The record of a study in --docs."""
    options.docs.mkdir(parents=True, exist_ok=True)
    weights = fingerprint(options.checkpoint)
    return Record(
        options.docs / f"{name}.json", {"weights": weights, "paths": options.paths, **made_of}
    )
