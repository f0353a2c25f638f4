"""What each frame is made from, and how well a room survives a long path: a study.

Paths of 20 and of 60 frames, and return trips (10 frames there, and back), go through rooms of
--data. Every rule makes frames of the same paths with the same sampler and seed. Every case has a
folder of its own, so a stopped study goes on.

    python studies/conditioning.py --data HELD_OUT
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common import (
    DETAIL,
    Record,
    add_common,
    closed_loop,
    detail_text,
    fine_detail,
    model_of,
    numbers,
    open_record,
    pin,
    run,
    write_text,
)

from photonvs.cameras.conditioning import conditioning
from photonvs.commands import run_main
from photonvs.diffusion.registry import SAMPLERS
from photonvs.evaluation.tables import markdown, mean_text
from photonvs.sampling.method import Method


class Rule(NamedTuple):
    """A way to choose the conditioning views of a frame, and to use several."""

    label: str
    condition: str  # as for make-trajectory.py
    views: str  # as for sample-trajectory.py


RULES = (
    Rule("the previous frame", "previous", "average"),
    Rule("the last 2, scores averaged", "last-2", "average"),
    Rule("the last 4, scores averaged", "last-4", "average"),
    Rule("one of the last 4, at random at each step", "last-4", "random"),
    Rule("one of all before, at random at each step", "all", "random"),
    Rule("keyframes, every 5th, first", "keyframes-5", "average"),
)
MEASURES = (
    "TSED",
    "median SED (pixels)",
    "PSNR, all frames (dB)",
    "PSNR, last frame (dB)",
    "Fréchet distance",
)


CLOSED_LOOP = "PSNR of the last frame to the first (dB)"


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; numbers and table go to --docs."""
    options = _parse(arguments)
    short, long, there = options.frames
    kinds = {
        f"{short} frames": (short, False),
        f"{long} frames": (long, False),
        "return trip": (there, True),
    }
    config = model_of(options.checkpoint).denoiser.config
    method = Method(options.sampler, options.steps).fitted(config)
    record = open_record(
        options,
        "conditioning",
        frames=list(options.frames),
        sampler=method.sampler,
        steps=method.steps,
    )
    tables = []
    for kind, (frames, return_trip) in kinds.items():
        rows = []
        for rule in RULES:
            case = f"{kind}/{rule.condition}-{rule.views}"
            measure = partial(_measure, options, case, frames, return_trip, rule, method)
            found = record.of(case, measure)
            cost = evaluations_per_step(rule, 2 * frames - 1 if return_trip else frames)
            names = (*MEASURES, CLOSED_LOOP) if return_trip else MEASURES
            texts = [mean_text(found[name], ".3g") for name in names]
            rows.append([rule.label, f"{cost:.2g}", *texts, detail_text(found[DETAIL])])
        head = ["each frame from", "cost", *names, DETAIL]
        tables += [f"## {kind.capitalize()}", markdown(head, rows)]
        _write(options, record, method, tables)
    print(options.docs / "conditioning-results.md")


def _write(options: argparse.Namespace, record: Record, method: Method, tables: list[str]) -> None:
    """The tables that there are so far."""
    intro = (
        f"{options.paths} paths a kind, {method.sampler} with {method.steps} steps; 95 % intervals "
        "over paths. Cost: network evaluations for a step of the sampler, the mean over the path's "
        f"frames. A return trip goes {options.frames[2]} frames there, and back. Weights "
        f"{record.content['made_of']['weights']}."
    )
    parts = ["# Conditioning: all numbers", intro, *tables]
    write_text(options.docs / "conditioning-results.md", parts)


def evaluations_per_step(rule: Rule, frames: int) -> float:
    """Network evaluations for each step of the sampler, the mean over generated frames."""
    _, dependencies = conditioning(frames, rule.condition)
    views = [len(views) for views in dependencies if views]
    return sum(views) / len(views) if rule.views == "average" else 1.0


def _measure(
    options: argparse.Namespace,
    case: str,
    frames: int,
    return_trip: bool,
    rule: Rule,
    method: Method,
) -> dict[str, dict]:
    """The numbers of a rule on one kind of path."""
    folder = options.folder / case.replace(" ", "-")
    protocol = folder / f"{options.paths}-paths-{frames}-frames.yaml"
    pin(
        protocol,
        options.data,
        options.paths,
        frames,
        return_trip=return_trip,
        condition=rule.condition,
    )
    method = replace(method, views=rule.views)
    made = run(folder, protocol, options.data, options.checkpoint, method)
    found = numbers(made) | {DETAIL: fine_detail(made.folder)}
    return found | {CLOSED_LOOP: closed_loop(made.folder)} if return_trip else found


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    text = "a split with poses.npy and videos/, long enough for --frames"
    add("--data", type=Path, required=True, metavar="DIR", help=text)
    text = "frames of a short path, of a long one, and there on a return trip (default: 20 60 10)"
    add("--frames", type=int, nargs=3, default=(20, 60, 10), metavar="N", help=text)
    add("--sampler", choices=SAMPLERS, help="default: the one that fits the weights")
    add("--steps", type=int, metavar="N", help="of the sampler (default: its own)")
    add_common(parser, "conditioning")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_main(main)
