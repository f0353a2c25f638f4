"""Quality against network evaluations for every sampler: the study behind docs/samplers.md.

First each sampler's own parameters are tuned on paths through training rooms. Then all samplers
are compared on test rooms at several numbers of evaluations. What is measured is kept, so a stopped
study goes on.

    python studies/samplers.py --train HELD_OUT --test dataset-data/data/test
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from common import (
    Record,
    add_common,
    diversity,
    fine_detail,
    mean_curve,
    numbers,
    open_record,
    pin,
    run,
    write_text,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from photonvs.commands import run_main
from photonvs.diffusion.registry import DEFAULT_SAMPLER, SAMPLERS
from photonvs.evaluation.tables import markdown, mean_text
from photonvs.sampling.method import Method
from photonvs.utils.files import atomic_path

EVALUATIONS = 8, 16, 24, 50, 100
TUNED_AT = 24  # evaluations
TUNED_FOR = "Fréchet distance"
PUBLISHED = "predictor-corrector"
PUBLISHED_STEPS = 50, 100, 250, 500, 1000, 2000  # two evaluations each
GRID = {  # what is tried for each sampler
    "heun": [{}, {"rho": 4.0}, {"sigma_max": 20.0}],
    "churn": [{"S_churn": 1.0}, {"S_churn": 2.0}, {"S_churn": 5.0}],
    "ancestral": [{}, {"eta": 0.7}, {"eta": 0.7, "rho": 4.0}, {"rho": 4.0}],
    "dpm-solver": [{}, {"rho": 4.0}, {"sigma_max": 20.0}],
    "dpm-solver-sde": [{"eta": 1.0}, {"eta": 1.0, "rho": 4.0}, {"eta": 0.5}],
}
GOOD = {  # the direction of better; a sampler whose draws are too much alike is worse, too
    "PSNR, first frame (dB)": 1,
    "SSIM, first frame": 1,
    "PSNR, all frames (dB)": 1,
    "TSED": 1,
    "area under the TSED curve": 1,
    "median SED (pixels)": -1,
    "Fréchet distance": -1,
    "kernel distance": -1,
    "diversity (RMS of 255)": 1,
}
CURVE = "TSED curve"
DETAIL = (
    "power of the last latents' highest frequencies, 1 in the photo's: median (least to most), "
    "paths above 2"
)


@dataclass(frozen=True)
class Setting:
    """One way to sample."""

    sampler: str
    steps: int
    parameters: dict[str, float] = field(default_factory=dict)
    title: str | None = None  # its label (default: the sampler)

    @property
    def evaluations(self) -> int:
        """Evaluations of the network a frame."""
        return SAMPLERS[self.sampler].evaluations(self.steps)

    @property
    def name(self) -> str:
        """Of its folder."""
        parameters = (f"{key}={value:g}" for key, value in self.parameters.items())
        return "-".join([self.sampler, str(self.steps), *parameters])

    @property
    def label(self) -> str:
        """For people."""
        if self.title:
            return self.title
        stochastic = self.sampler == "dpm-solver" and self.parameters.get("eta")
        return "dpm-solver, stochastic" if stochastic else self.sampler

    @property
    def method(self) -> Method:
        """As sampling takes it."""
        return Method(self.sampler, self.steps, options=self.parameters)


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; numbers, table and plots go to --docs."""
    options = _parse(arguments)
    record = open_record(options, "samplers", frames=options.frames, draws=options.draws)
    chosen = _tune(options, record)
    test = _protocol(options, "test", options.frames, runs=1)
    draws = _protocol(options, "test-draws", 2, options.draws)
    rows = []
    for one in _settings(options, chosen):
        compare = partial(_comparison, options, test, draws, one)
        rows.append((one, record.of(f"test/{one.name}", compare)))
        _write(options, record, chosen, rows)
    print(options.docs / "samplers-results.md", options.docs / "samplers.png", sep="\n")


def _tune(options: argparse.Namespace, record: Record) -> dict[str, dict[str, float]]:
    """The best parameters of each sampler in GRID, by TUNED_FOR on training rooms."""
    train = _protocol(options, "train", options.frames, runs=1)
    chosen = {}
    for name, grid in GRID.items():
        distances = []
        for parameters in grid:
            one = _setting(name, TUNED_AT, parameters)
            found = record.of(f"tuning/{one.name}", partial(_tuning, options, train, one))
            distances.append(found[TUNED_FOR]["mean"])
        chosen[name] = grid[distances.index(min(distances))]
    return chosen


def _settings(options: argparse.Namespace, chosen: dict[str, dict[str, float]]) -> list[Setting]:
    """What is compared: the tuned samplers, the default, and the published one."""
    settings = [
        _setting(name, count, chosen[name]) for name in GRID for count in options.evaluations
    ]
    steps = SAMPLERS[DEFAULT_SAMPLER].steps
    default = Setting(DEFAULT_SAMPLER, steps, title="the default, untuned")
    if default.name not in {one.name for one in settings}:
        settings.append(default)
    published = [steps for steps in PUBLISHED_STEPS if steps <= options.published_steps]
    return settings + [Setting(PUBLISHED, steps) for steps in published]


def _setting(name: str, evaluations: int, parameters: dict[str, float]) -> Setting:
    """The sampler at the most steps that cost no more than that many evaluations."""
    sampler = name.removesuffix("-sde")
    affordable = [
        steps
        for steps in range(1, evaluations + 1)
        if SAMPLERS[sampler].evaluations(steps) <= evaluations
    ]
    return Setting(sampler, affordable[-1], parameters)


def _protocol(options: argparse.Namespace, name: str, frames: int, runs: int) -> Path:
    """The paths of a split, made once."""
    data = options.train if name == "train" else options.test
    path = options.folder / f"{name}-{options.paths}-paths-{frames}-frames-{runs}-runs.yaml"
    pin(path, data, options.paths, frames, runs=runs)
    return path


def _tuning(options: argparse.Namespace, train: Path, setting: Setting) -> dict[str, dict]:
    folder = options.folder / "tuning" / setting.name
    return numbers(run(folder, train, options.train, options.checkpoint, setting.method))


def _comparison(options: argparse.Namespace, test: Path, draws: Path, setting: Setting) -> dict:
    """The numbers of a setting on test rooms: of paths, and of several draws of first frames."""
    folder = options.folder / "comparison" / setting.name
    chains = run(folder, test, options.test, options.checkpoint, setting.method)
    found = numbers(chains)
    several = run(folder, draws, options.test, options.checkpoint, setting.method)
    first = several.content["images"]["short-term"]
    found |= {"PSNR, first frame (dB)": first["psnr"], "SSIM, first frame": first["ssim"]}
    found["diversity (RMS of 255)"] = diversity(several.folder)
    return found | {CURVE: mean_curve(chains), DETAIL: fine_detail(chains.folder)}


def worse_in(found: dict[str, dict], reference: dict[str, dict]) -> list[str]:
    """The measures whose mean is beyond the worse end of the reference's interval, or missing."""
    worse = []
    for measure, sign in GOOD.items():
        mean, interval = found[measure]["mean"], reference[measure]["interval"]
        if interval and (mean is None or sign * mean < min(sign * end for end in interval)):
            worse.append(measure)
    return worse


def references(rows: list[tuple[Setting, dict]]) -> list[tuple[Setting, dict]]:
    """The published sampler at its most steps, and at its best ones, if these are others."""
    published = [(one, found) for one, found in rows if one.sampler == PUBLISHED]
    if not published:
        return []
    most, best = published[-1], min(published, key=lambda row: row[1][TUNED_FOR]["mean"])
    return [most] if best is most else [most, best]


def _write(
    options: argparse.Namespace,
    record: Record,
    chosen: dict[str, dict],
    rows: list[tuple[Setting, dict]],
) -> None:
    """Table and plots of what is known so far."""
    head, body = ["sampler", "steps", "evaluations", *GOOD, DETAIL], []
    for one, found in rows:
        detail = "{median:.2g} ({least:.2g} to {most:.2g}), {above 2}".format(**found[DETAIL])
        measured = [mean_text(found[measure], ".3g") for measure in GOOD]
        body.append([one.label, str(one.steps), str(one.evaluations), *measured, detail])
    for reference, values in references(rows):
        head.append(f"worse than {reference.steps} steps of {PUBLISHED} in")
        for line, (_, found) in zip(body, rows, strict=True):
            line.append(", ".join(worse_in(found, values)) or "nothing")
    tuned = ", ".join(f"{name} ({_parameters(parameters)})" for name, parameters in chosen.items())
    parts = [
        "# Samplers: all numbers",
        f"{options.paths} paths of {options.frames} frames through test rooms, {options.draws} "
        "draws of each first frame; 95 % intervals over paths. Weights "
        f"{record.content['made_of']['weights']}.",
        f"Tuned on training rooms at {TUNED_AT} evaluations: {tuned}.",
        markdown(head, body),
    ]
    write_text(options.docs / "samplers-results.md", parts)
    with atomic_path(options.docs / "samplers.png") as temporary:
        _plot(rows).savefig(temporary, format="png", dpi=110)


def _parameters(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "defaults"


def _plot(rows: Sequence[tuple[Setting, dict]]) -> Figure:
    """Each measure by evaluations, a line a sampler; TSED by threshold, each at its most."""
    measures = [name for name in GOOD if name not in ("SSIM, first frame", "kernel distance")]
    labels = list(dict.fromkeys(one.label for one, _ in rows))
    counts = [one.evaluations for one, _ in rows]
    figure = Figure(figsize=(15, 7), layout="constrained")
    *plots, curve = figure.subplots(2, 4).flat
    for number, label in enumerate(labels):
        mine = [(one, found) for one, found in rows if one.label == label]
        for axes, measure in zip(plots, measures, strict=True):
            _plot_measure(axes, mine, measure, f"C{number}")
        one, found = mine[-1]
        name = f"{label}, {one.evaluations} evaluations"
        curve.plot(*zip(*found[CURVE], strict=True), color=f"C{number}", label=name)
    span = 0.8 * min(counts), 1.25 * max(counts)
    for axes, measure in zip(plots, measures, strict=True):
        axes.set(xlim=span, xscale="log", xlabel="network evaluations a frame", title=measure)
    curve.set(xlabel="T_error (pixels)", title="TSED by threshold")
    for axes in (*plots, curve):
        axes.grid(alpha=0.3)
    plots[0].legend(fontsize=7)
    curve.legend(fontsize=7)
    return figure


def _plot_measure(
    axes: Axes, rows: Sequence[tuple[Setting, dict]], measure: str, color: str
) -> None:
    """One sampler's means and intervals."""
    x = [one.evaluations for one, _ in rows]
    means = [found[measure]["mean"] for _, found in rows]
    intervals = [found[measure]["interval"] or [None, None] for _, found in rows]
    label = rows[0][0].label
    axes.plot(x, np.array(means, dtype=float), "o-", color=color, markersize=4, label=label)
    axes.fill_between(x, *np.array(intervals, dtype=float).T, color=color, alpha=0.1)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    text = (
        "a split of other paths through the training rooms, with poses.npy and videos/; "
        "parameters are tuned on it"
    )
    add("--train", type=Path, required=True, metavar="DIR", help=text)
    add("--test", type=Path, required=True, metavar="DIR", help="a split of test rooms")
    text = "frames of a path (default: %(default)s)"
    add("--frames", type=int, default=20, metavar="N", help=text)
    text = "draws of each path's first frame (default: %(default)s)"
    add("--draws", type=int, default=4, metavar="N", help=text)
    text = "numbers of network evaluations (default: %(default)s)"
    add("--evaluations", type=int, nargs="+", default=EVALUATIONS, metavar="N", help=text)
    text = (
        f"most steps of {PUBLISHED} (default: %(default)s, as published: 4,000 evaluations a frame)"
    )
    add("--published-steps", type=int, default=PUBLISHED_STEPS[-1], metavar="N", help=text)
    add_common(parser, "samplers")
    options = parser.parse_args(arguments)
    if min(options.evaluations) < 1 or options.draws < 2:
        parser.error(
            f"--evaluations {min(options.evaluations)}, --draws {options.draws}: expected at least "
            "1 and at least 2"
        )
    return options


if __name__ == "__main__":
    run_main(main)
