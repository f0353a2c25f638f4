"""Quality against network evaluations for every sampler: the study behind docs/samplers.md.

First each sampler's own parameters are tuned on paths through training rooms, then all samplers are compared on test rooms at
several numbers of evaluations. Every setting is sampled and evaluated in a folder of its own, so a stopped study goes on.

    python studies/samplers.py --train HELD_OUT --test dataset-data/data/test
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from common import Setting, numbers, run, text
from matplotlib.figure import Figure

from photonvs.diffusion.samplers import SAMPLERS
from photonvs.evaluation.image_table import markdown
from photonvs.evaluation.make_protocol import main as make_protocol
from photonvs.utils.files import REPOSITORY, atomic_path

EVALUATIONS = 8, 12, 16, 24, 50, 100
TUNED_AT = 24  # evaluations
PUBLISHED_STEPS = 25, 50, 100, 250, 500, 1000, 2000  # of the predictor-corrector, two evaluations each
GRID = {  # what is tried for each sampler; the first is its default
    "heun": [{}, {"rho": 4.0}, {"rho": 12.0}],
    "churn": [{"S_churn": 5.0}, {"S_churn": 10.0}, {"S_churn": 20.0}],
    "ancestral": [{}, {"eta": 0.7}, {"eta": 0.7, "rho": 4.0}, {"rho": 4.0}],
    "dpm-solver": [{}, {"rho": 4.0}, {"rho": 12.0}],
    "dpm-solver-sde": [{"eta": 1.0}, {"eta": 1.0, "rho": 4.0}, {"eta": 0.5}],
}
TUNED_FOR = "Fréchet distance"


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; results go to --folder, the table and the plot to --docs."""
    options = _parse(arguments)
    train, test = (_protocol(options, split) for split in ("train", "test"))
    sampling = [*options.sampling, "--batch-size", "64"]
    chosen = {}
    for name, grid in GRID.items():
        scores = []
        for parameters in grid:
            setting = _setting(name, TUNED_AT, parameters)
            scores.append(_measure(options.folder / "tuning" / setting.name, train, options.train, setting, sampling))
        best = min(range(len(grid)), key=lambda k: scores[k][TUNED_FOR]["mean"])
        chosen[name] = grid[best]
    settings = [_setting(name, count, chosen[name]) for name in GRID for count in EVALUATIONS]
    settings += [
        Setting("predictor-corrector", steps, 2 * steps) for steps in PUBLISHED_STEPS if steps <= options.published_steps
    ]
    rows = []
    for setting in settings:
        found = _measure(options.folder / "comparison" / setting.name, test, options.test, setting, sampling)
        rows.append((setting, found))
        _write(options, chosen, rows)
    print(options.docs / "samplers-results.md", options.docs / "samplers.png", sep="\n")


def _setting(name: str, evaluations: int, parameters: dict[str, float]) -> Setting:
    """The sampler at the most steps that cost no more than that many evaluations."""
    sampler = SAMPLERS[name.removesuffix("-sde")]
    steps = max(n for n in range(1, evaluations + 1) if sampler.evaluations(n) <= evaluations)
    return Setting(name.removesuffix("-sde"), steps, sampler.evaluations(steps), parameters)


def _protocol(options: argparse.Namespace, split: str) -> Path:
    """The paths of a split, made once."""
    path, data = options.folder / f"{split}.yaml", getattr(options, split)
    if not path.is_file():
        size = ["--sequences", str(options.paths), "--frames", str(options.frames), "--every", "1", "--runs", "2"]
        # T_error 2 pixels at 256x256 is 1 at the model's 128x128; the short term is the first generated frame.
        measures = ["--t-error", "1", "--short-term", "1"]
        make_protocol([str(path), "--poses", str(data / "poses.npy"), "--videos", str(data / "videos"), *size, *measures])
    return path


def _measure(folder: Path, protocol: Path, data: Path, setting: Setting, sampling: list[str]) -> dict[str, dict]:
    """The numbers of a setting, measured once."""
    path = folder / f"{protocol.stem}.json"
    if not path.is_file():
        found = numbers(folder, protocol, run(folder, protocol, data, [*setting.arguments(), *sampling]))
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def _write(options: argparse.Namespace, chosen: dict[str, dict], rows: list[tuple[Setting, dict]]) -> None:
    measures = list(rows[0][1])
    head = ["sampler", "evaluations", *measures]
    body = [[_label(one), str(one.evaluations), *(text(found[measure]) for measure in measures)] for one, found in rows]
    tuned = "; ".join(f"{name}: {_parameters(parameters)}" for name, parameters in chosen.items())
    intro = (
        f"{options.paths} paths of {options.frames} frames through test rooms, two draws of each; 95 % intervals over paths."
    )
    parts = ["# Samplers: all numbers", intro, f"Tuned on training rooms at {TUNED_AT} evaluations: {tuned}."]
    with atomic_path(options.docs / "samplers-results.md") as temporary:
        temporary.write_text("\n\n".join([*parts, markdown(head, body)]) + "\n", encoding="utf-8")
    with atomic_path(options.docs / "samplers.png") as temporary:
        _plot(rows).savefig(temporary, dpi=110)


def _label(setting: Setting) -> str:
    return "dpm-solver, stochastic" if setting.sampler == "dpm-solver" and "eta" in setting.options else setting.sampler


def _parameters(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "defaults"


def _plot(rows: list[tuple[Setting, dict]]) -> Figure:
    """Each measure against evaluations, a line a sampler."""
    measures = [measure for measure in rows[0][1] if not measure.startswith(("SSIM", "kernel", "area"))]
    figure = Figure(figsize=(13, 7), layout="constrained")
    for axes, measure in zip(figure.subplots(2, 3).flat, measures, strict=False):
        for label in dict.fromkeys(_label(setting) for setting, _ in rows):
            points = [(one.evaluations, found[measure]) for one, found in rows if _label(one) == label]
            x, y = [count for count, _ in points], [value["mean"] for _, value in points]
            axes.plot(x, y, "o-", markersize=4, label=label)
            if all(value.get("interval") for _, value in points):
                axes.fill_between(x, *zip(*(value["interval"] for _, value in points), strict=True), alpha=0.12)
        axes.set(xscale="log", xlabel="network evaluations a frame", title=measure)
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _parse(arguments: Iterable[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    text = "a split of other paths through the training rooms, with poses.npy and videos/; parameters are tuned on it"
    add("--train", type=Path, required=True, metavar="DIR", help=text)
    add("--test", type=Path, required=True, metavar="DIR", help="a split of test rooms")
    add("--paths", type=int, default=8, metavar="N", help="paths of each split (default: %(default)s)")
    add("--frames", type=int, default=20, metavar="N", help="frames of a path (default: %(default)s)")
    text = "most steps of the predictor-corrector (default: %(default)s, as published: 4,000 evaluations a frame)"
    add("--published-steps", type=int, default=2000, metavar="N", help=text)
    add("--folder", type=Path, default=REPOSITORY / "instance-data" / "studies" / "samplers", metavar="DIR")
    add("--docs", type=Path, default=REPOSITORY / "docs", metavar="DIR", help="where table and plot go (default: docs)")
    add("sampling", nargs="*", metavar="-- OPTION", help="options of sample-trajectory.py, such as -- --checkpoint FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
