"""Quality against network evaluations for every sampler: the study behind docs/samplers.md.

First each sampler's own parameters are tuned on paths through training rooms. Then all samplers
are compared on test rooms at several numbers of evaluations. With --few-step, weights tuned for few
evaluations stand beside them. With --long, all make long paths, too. What is measured is kept, so a
stopped study goes on.

    python studies/samplers.py --train HELD_OUT --test dataset-data/data/test
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from common import (
    DETAIL,
    Record,
    add_common,
    detail_text,
    diversity,
    fine_detail,
    mean_curve,
    numbers,
    open_record,
    pin,
    run,
    write_text,
)
from sampler_plots import plot
from sampler_settings import Setting

from photonvs.commands import run_main
from photonvs.diffusion.registry import DEFAULT_SAMPLER, SAMPLERS
from photonvs.evaluation.tables import markdown, mean_text
from photonvs.utils.files import atomic_path, fingerprint

EVALUATIONS = 8, 16, 24, 50, 100
TUNED_AT = 24  # evaluations
TUNED_FOR = "Fréchet distance"
PUBLISHED = "predictor-corrector"
FEW_STEPS = 1, 2, 4  # of the sampler consistency
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
LONG_MEASURES = "PSNR, all frames (dB)", "PSNR, last frame (dB)", "TSED"


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; numbers, table and plots go to --docs."""
    options = _parse(arguments)
    made_of = {"frames": options.frames, "draws": options.draws}
    if options.few_step:
        made_of["few-step weights"] = fingerprint(options.few_step)
    if options.long:
        made_of["long_frames"] = options.long_frames
    record = open_record(options, "samplers", **made_of)
    chosen = _tune(options, record)
    test = _protocol(options, "test", options.frames, runs=1)
    draws = _protocol(options, "test-draws", 2, options.draws)
    rows = []
    for one in _settings(options, chosen):
        compare = partial(_comparison, options, test, draws, one)
        rows.append((one, record.of(f"test/{one.name}", compare)))
        _write(options, record, chosen, rows)
    if options.long:
        _write(options, record, chosen, rows, _long_paths(options, record, rows))
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
    if options.few_step:
        settings += [Setting("consistency", steps) for steps in FEW_STEPS]
    published = [steps for steps in PUBLISHED_STEPS if steps <= options.published_steps]
    return settings + [Setting(PUBLISHED, steps) for steps in published]


def _weights(options: argparse.Namespace, setting: Setting) -> Path:
    """The weights that a setting is measured on."""
    return options.few_step if setting.sampler == "consistency" else options.checkpoint


def _long_paths(
    options: argparse.Namespace, record: Record, rows: list[tuple[Setting, dict]]
) -> list[list[str]]:
    """Whether long paths run away: of every sampler at TUNED_AT evaluations or fewer."""
    name = f"long-{options.paths}-paths-{options.long_frames}-frames.yaml"
    pin(options.folder / name, options.long, options.paths, options.long_frames)
    kept = [one for one, _ in rows if one.sampler != PUBLISHED and one.evaluations <= TUNED_AT]
    most = max((one.evaluations for one in kept), default=0)
    kept = [one for one in kept if one.sampler == "consistency" or one.evaluations >= most - 1]
    kept += [one for one, _ in references(rows)]

    def measure(one: Setting) -> dict:
        folder, weights = options.folder / "long" / one.name, _weights(options, one)
        made = run(folder, options.folder / name, options.long, weights, one.method)
        return numbers(made) | {DETAIL: fine_detail(made.folder)}

    table = []
    for one in kept:
        found = record.of(f"long/{one.name}", partial(measure, one))
        measured = [mean_text(found[name], ".3g") for name in LONG_MEASURES]
        table.append([one.label, str(one.evaluations), *measured, detail_text(found[DETAIL])])
    return table


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
    weights = _weights(options, setting)
    chains = run(folder, test, options.test, weights, setting.method)
    found = numbers(chains)
    several = run(folder, draws, options.test, weights, setting.method)
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
    long: list[list[str]] | None = None,
) -> None:
    """Tables and plots of what is known so far; long: rows of the table of long paths."""
    head, body = ["sampler", "steps", "evaluations", *GOOD, DETAIL], []
    for one, found in rows:
        measured = [mean_text(found[measure], ".3g") for measure in GOOD]
        steps = str(one.steps), str(one.evaluations)
        body.append([one.label, *steps, *measured, detail_text(found[DETAIL])])
    default = Setting(DEFAULT_SAMPLER, SAMPLERS[DEFAULT_SAMPLER].steps).name
    same_weights = [row for row in rows if options.few_step and row[0].name == default]
    for reference, values in references(rows) + same_weights:
        head.append(f"worse than {reference.steps} steps of {reference.sampler} in")
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
    if long:
        parts += [f"## Paths of {options.long_frames} frames"]
        parts += [markdown(["sampler", "evaluations", *LONG_MEASURES, DETAIL], long)]
    write_text(options.docs / "samplers-results.md", parts)
    with atomic_path(options.docs / "samplers.png") as temporary:
        plot(rows, tuple(GOOD), CURVE).savefig(temporary, format="png", dpi=110)


def _parameters(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "defaults"


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
    text = "the weights tuned for few evaluations (default: none are compared)"
    add("--few-step", type=Path, metavar="FILE", help=text)
    text = "a split of test rooms with longer paths (default: none are made)"
    add("--long", type=Path, metavar="DIR", help=text)
    text = "frames of a long path (default: %(default)s)"
    add("--long-frames", type=int, default=60, metavar="N", help=text)
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
