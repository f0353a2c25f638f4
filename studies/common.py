"""What the studies share: a case sampled and evaluated, its numbers, and the file they stay in."""

import argparse
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor

from photonvs.datasets.poses import load_poses
from photonvs.datasets.video import find_videos
from photonvs.evaluation.comparisons import compared_runs
from photonvs.evaluation.image_results import features_of_pairs
from photonvs.evaluation.protocol import make_protocol, read_protocol, write_protocol
from photonvs.evaluation.protocol_run import ProtocolResults, evaluate_protocol
from photonvs.evaluation.set_distances import frechet_distance, kernel_distance, load_features
from photonvs.evaluation.statistics import CONFIDENCE, mean_over_sequences
from photonvs.models.model import Model, open_model
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.samples import Sample, find_samples
from photonvs.sampling.method import Method
from photonvs.utils.distributed import choose_device
from photonvs.utils.files import BASE, atomic_path, fingerprint
from photonvs.utils.image_quality import psnr
from photonvs.utils.images import read_frame
from photonvs.utils.pictures import to_tensor

DRAWS = 200  # bootstrap draws of a distance between sets of images
BATCH = 64  # pairs of frame and view at once
DETAIL = (
    "power of the last latents' highest frequencies, 1 in the photo's: median (least to most), "
    "paths above 2"
)


class Record:
    """The numbers of a study by case, in a file beside its document.

    A case that is there is not measured again.
    """

    def __init__(self, path: Path, made_of: dict) -> None:
        """made_of: plain values that all cases depend on; ValueError where the file has others."""
        self.path, self.content = path, {"made_of": made_of, "cases": {}}
        if path.is_file():
            self.content = _read(path)
            if self.content["made_of"] != made_of:
                raise ValueError(
                    f"{path}: numbers of {self.content['made_of']}, not of {made_of}: delete it, "
                    "or use another --docs"
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


@cache
def model_of(checkpoint: Path) -> Model:
    """The model of a study, opened once."""
    return open_model(BASE / "instance-data", checkpoint, device=choose_device())


def pin(path: Path, data: Path, paths: int, frames: int, **settings: object) -> None:
    """Write a protocol of neighbouring poses of a split, unless it is there.

    settings: of `Protocol`.
    """
    if not path.is_file():
        protocol = make_protocol(
            load_poses(data / "poses.npy"),
            paths,
            frames,
            every=1,
            videos=find_videos(data / "videos"),
            t_error=1.0,  # 2 pixels at 256x256 is 1 at the model's 128x128
            short_term=1,  # the first generated frame
            **settings,
        )
        write_protocol(path, protocol)


def run(
    folder: Path, protocol: Path, data: Path, checkpoint: Path, method: Method
) -> ProtocolResults:
    """Sample and evaluate a protocol in `folder`; frames that are there are kept.

    Raises ValueError if anything is missing.
    """
    results = evaluate_protocol(
        read_protocol(protocol),
        folder / "samples" / protocol.stem,
        data,
        model_of(checkpoint),
        method,
        metrics=("psnr", "ssim"),
        batch_size=BATCH,
    )
    if results.problems:
        raise ValueError(f"{folder}: incomplete: {results.problems[0]}")
    return results


def numbers(results: ProtocolResults) -> dict[str, dict]:
    """Measure -> {"mean", "interval"} of what `run` made; intervals are over sequences."""
    images, tsed = results.content["images"], results.content["tsed"]
    return {
        "PSNR, first frame (dB)": images["short-term"]["psnr"],
        "SSIM, first frame": images["short-term"]["ssim"],
        "PSNR, all frames (dB)": images["all"]["psnr"],
        "PSNR, last frame (dB)": images["long-term"]["psnr"],
        "TSED": tsed["tsed"],
        "area under the TSED curve": tsed["area_under_curve"],
        "median SED (pixels)": tsed["mean_median_sed"],
        **set_distances(results.folder),
    }


def set_distances(folder: Path) -> dict[str, dict]:
    """Fréchet and kernel distance of all generated and all true frames, resampled by sequence.

    The features are EfficientNet-Lite0's. Resampling repeats images, which biases the distances,
    so only the draws' spread about their mean is used.
    """
    samples = find_samples(folder)
    extract = load_features()
    made, true = zip(*(_features_of(sample, extract) for sample in samples), strict=True)
    generator = np.random.default_rng(0)
    draws = [generator.integers(len(samples), size=len(samples)) for _ in range(DRAWS)]
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


def _features_of(sample: Sample, extract: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 1280) of the generated frames of all runs, and of the true ones."""
    comparisons, _ = compared_runs(sample.runs())
    _, made, true = features_of_pairs(comparisons, extract)
    return made, true


def diversity(folder: Path) -> dict:
    """Root mean square difference of two draws of the same frame, of values from 0 to 255.

    It is that of frame 1 of all runs.
    """
    values = []
    for sample in find_samples(folder):
        draws = np.stack([read_frame(run.image(1)).astype(float) for run in sample.runs()])
        values.append((sample.name, float(np.sqrt(2 * draws.var(axis=0, ddof=1).mean()))))
    return mean_over_sequences(values)


def fine_detail(folder: Path) -> dict[str, float]:
    """Power of the latents' highest frequencies in the last frames, as a fraction of the photos'.

    A chain of frames that runs away does so there, in a checkerboard. "above 2" counts the paths
    that did.
    """
    growth = []
    for latents in sorted(folder.glob("*/samples/00000000/latents")):
        first, *_, last = sorted(latents.glob("*.npy"))
        growth.append(_high_power(last) / max(_high_power(first), 1e-12))  # a plain photo has none
    return {
        "median": float(np.median(growth)),
        "least": min(growth),
        "most": max(growth),
        "above 2": sum(value > 2 for value in growth),
    }


def detail_text(found: dict[str, float]) -> str:
    """What `fine_detail` found, in a cell of a table."""
    return "{median:.2g} ({least:.2g} to {most:.2g}), {above 2}".format(**found)


def closed_loop(folder: Path) -> dict:
    """PSNR of the last frame to the first one, dB, of return trips: both have one camera.

    The first one is the given frame, as the first stage gives it back.
    """
    values = []
    for sample in find_samples(folder):
        for one in sample.runs():
            last = len(sample.spec().poses) - 1
            first, back = (_unit(read_frame(one.image(index))) for index in (0, last))
            values.append((sample.name, float(psnr(back[None], first[None]))))
    return mean_over_sequences(values)


def _unit(frame: np.ndarray) -> Tensor:
    """(3, height, width) in [0, 1]."""
    return (to_tensor(frame)[0] + 1) / 2


def _high_power(path: Path) -> float:
    """Mean power of the frequencies within a sixteenth of the highest one, in x or in y."""
    latent = np.load(path, allow_pickle=False)
    frequency = np.abs(np.fft.fftfreq(latent.shape[-1]))
    high = np.maximum(frequency[:, None], frequency) >= 15 / 16 * frequency.max()
    return float((np.abs(np.fft.fft2(latent)) ** 2)[:, high].mean())


def mean_curve(results: ProtocolResults) -> list[list[float]]:
    """TSED against T_error, [threshold, value] each, the mean over sequences."""
    return np.mean([report["curve"] for _, report in results.reports], axis=0).tolist()


def write_text(path: Path, parts: list[str]) -> None:
    """Write paragraphs of Markdown."""
    with atomic_path(path) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def add_common(parser: argparse.ArgumentParser, name: str) -> None:
    """Options of every study."""
    add = parser.add_argument
    text = "weights (default: the shipped ones)"
    add("--checkpoint", type=Path, default=SHIPPED_DENOISER, metavar="FILE", help=text)
    text = "paths of each kind (default: %(default)s)"
    add("--paths", type=int, default=8, metavar="N", help=text)
    text = "samples in work, to go on with after a stop (default: %(default)s)"
    default = BASE / "instance-data" / "studies" / name
    add("--folder", type=Path, default=default, metavar="DIR", help=text)
    text = (
        f"where {name}.json, -results.md and plots go; numbers that are there are kept "
        "(default: docs)"
    )
    add("--docs", type=Path, default=BASE / "docs", metavar="DIR", help=text)


def open_record(options: argparse.Namespace, name: str, **made_of: object) -> Record:
    """The record of a study in --docs."""
    options.docs.mkdir(parents=True, exist_ok=True)
    made_of = {"weights": fingerprint(options.checkpoint), "paths": options.paths, **made_of}
    return Record(options.docs / f"{name}.json", made_of)
