"""What each frame is made from, and how well a room survives a long path: a study.

Paths of 20 and of 60 frames, and return trips (10 frames there, and back), through rooms of --data; every rule makes frames of
the same paths with the same sampler and seed. Every case has a folder of its own, so a stopped study goes on.

    python studies/conditioning.py --data HELD_OUT
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common import add_common, numbers, open_record, run, text

from photonvs.cameras.conditioning import conditioning
from photonvs.commands import run_main
from photonvs.commands.make_protocol import main as make_protocol
from photonvs.diffusion.registry import DEFAULT_SAMPLER, SAMPLERS
from photonvs.evaluation.image_table import markdown
from photonvs.utils.files import atomic_path


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


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; numbers and table go to --docs."""
    options = _parse(arguments)
    short, long, there = options.frames
    kinds = {
        f"{short} frames": (short, []),
        f"{long} frames": (long, []),
        "return trip": (there, ["--return-trip"]),
    }
    steps = SAMPLERS[options.sampler].steps if options.steps is None else options.steps
    record = open_record(
        options, "conditioning", frames=list(options.frames), sampler=options.sampler, steps=steps
    )
    tables = []
    for kind, (frames, path) in kinds.items():
        rows = []
        for rule in RULES:
            case = f"{kind}/{rule.condition}-{rule.views}"
            found = record.of(case, partial(_measure, options, case, frames, path, rule, steps))
            cost = evaluations_per_step(rule, 2 * frames - 1 if path else frames)
            rows.append([rule.label, f"{cost:.2g}", *(text(found[name]) for name in MEASURES)])
        tables += [
            f"## {kind.capitalize()}",
            markdown(["each frame from", "cost", *MEASURES], rows),
        ]
        intro = (
            f"{options.paths} paths a kind, {options.sampler} with {steps} steps; 95 % intervals over paths. Cost: network "
            f"evaluations for a step of the sampler, the mean over the path's frames. A return trip goes {there} frames there, "
            f"and back. Weights {record.content['made_of']['weights']}."
        )
        with atomic_path(options.docs / "conditioning-results.md") as temporary:
            temporary.write_text(
                "\n\n".join(["# Conditioning: all numbers", intro, *tables]) + "\n",
                encoding="utf-8",
            )
    print(options.docs / "conditioning-results.md")


def evaluations_per_step(rule: Rule, frames: int) -> float:
    """Network evaluations for each step of the sampler, the mean over generated frames."""
    _, dependencies = conditioning(frames, rule.condition)
    views = [len(views) for views in dependencies if views]
    return sum(views) / len(views) if rule.views == "average" else 1.0


def _measure(
    options: argparse.Namespace, case: str, frames: int, path: list[str], rule: Rule, steps: int
) -> dict[str, dict]:
    """The numbers of a rule on one kind of path."""
    folder = options.folder / case.replace(" ", "-")
    protocol = folder / f"{options.paths}-paths-{frames}-frames.yaml"
    if not protocol.is_file():
        data = [
            "--poses",
            str(options.data / "poses.npy"),
            "--videos",
            str(options.data / "videos"),
        ]
        paths = ["--sequences", str(options.paths), "--frames", str(frames), *path, "--every", "1"]
        # T_error 2 pixels at 256x256 is 1 at the model's 128x128; the short term is the first generated frame.
        measures = ["--condition", rule.condition, "--t-error", "1", "--short-term", "1"]
        make_protocol([str(protocol), *data, *paths, *measures])
    sampling = ["--views", rule.views, "--sampler", options.sampler, "--steps", str(steps)]
    found = run(folder, protocol, options.data, options.checkpoint, sampling)
    return numbers(folder, protocol, found)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a split with poses.npy and videos/, long enough for --frames",
    )
    text = "frames of a short path, of a long one, and there on a return trip (default: 20 60 10)"
    add("--frames", type=int, nargs=3, default=(20, 60, 10), metavar="N", help=text)
    add("--sampler", choices=SAMPLERS, default=DEFAULT_SAMPLER, help="default: %(default)s")
    add("--steps", type=int, metavar="N", help="of the sampler (default: its own)")
    add_common(parser, "conditioning")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_main(main)
