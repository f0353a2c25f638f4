"""What each frame is made from, and how well a room survives a long path: the study behind docs/conditioning.md.

Paths of 20 and of 60 frames, and return trips (10 frames there, and back), through rooms of --data; every rule makes frames of
the same paths with the same sampler and seed. Every case has a folder of its own, so a stopped study goes on.

    python studies/conditioning.py --data HELD_OUT
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common import numbers, run, text

from photonvs.evaluation.image_table import markdown
from photonvs.evaluation.make_protocol import main as make_protocol
from photonvs.trajectory import conditioning
from photonvs.utils.files import REPOSITORY, atomic_path


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
PATHS = {"20 frames": ["--frames", "20"], "60 frames": ["--frames", "60"], "return trip": ["--frames", "10", "--return-trip"]}
FRAMES = {"20 frames": 20, "60 frames": 60, "return trip": 19}
MEASURES = ("TSED", "median SED (pixels)", "PSNR, all frames (dB)", "Fréchet distance")
LAST = "PSNR, last frame (dB)"


def main(arguments: list[str] | None = None) -> None:
    """Run the whole study; the table goes to --docs."""
    options = _parse(arguments)
    tables = []
    for kind in options.kinds:
        rows = []
        for rule in RULES:
            found = _measure(options, kind, rule)
            shown = [text(found[name]) for name in (*MEASURES, LAST)]
            rows.append([rule.label, f"{evaluations_per_step(rule, FRAMES[kind]):.2g}", *shown])
        head = ["each frame from", "cost", *MEASURES, LAST]
        tables += [f"## {kind.capitalize()}", markdown(head, rows)]
        intro = (
            f"{options.paths} paths a kind; 95 % intervals over paths. Cost: network evaluations for a step of the sampler, "
            "the mean over the path's frames. The last frame of a return trip is where the given frame is."
        )
        with atomic_path(options.docs / "conditioning-results.md") as temporary:
            temporary.write_text("\n\n".join(["# Conditioning: all numbers", intro, *tables]) + "\n", encoding="utf-8")
    print(options.docs / "conditioning-results.md")


def evaluations_per_step(rule: Rule, frames: int) -> float:
    """Network evaluations for each step of the sampler, the mean over generated frames."""
    _, dependencies = conditioning(frames, rule.condition)
    views = [len(views) for views in dependencies if views]
    return sum(views) / len(views) if rule.views == "average" else 1.0


def _measure(options: argparse.Namespace, kind: str, rule: Rule) -> dict[str, dict]:
    """The numbers of a rule on one kind of path, measured once."""
    folder = options.folder / kind.replace(" ", "-") / f"{rule.condition}-{rule.views}"
    result = folder / "numbers.json"
    if not result.is_file():
        protocol = folder / "paths.yaml"
        if not protocol.is_file():
            data = ["--poses", str(options.data / "poses.npy"), "--videos", str(options.data / "videos")]
            paths = ["--sequences", str(options.paths), *PATHS[kind], "--every", "1", "--condition", rule.condition]
            # T_error 2 pixels at 256x256 is 1 at the model's 128x128; the short term is the first generated frame.
            make_protocol([str(protocol), *data, *paths, "--t-error", "1", "--short-term", "1"])
        found = run(folder, protocol, options.data, ["--views", rule.views, "--batch-size", "64", *options.sampling])
        measured = numbers(folder, protocol, found) | {LAST: found["images"]["long-term"]["psnr"]}
        with atomic_path(result) as temporary:
            temporary.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return json.loads(result.read_text(encoding="utf-8"))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a split with poses.npy and videos/, of 60 poses and more")
    add("--paths", type=int, default=8, metavar="N", help="paths of each kind (default: %(default)s)")
    add("--kinds", nargs="+", choices=PATHS, default=list(PATHS), metavar="KIND", help="of paths (default: all)")
    add("--folder", type=Path, default=REPOSITORY / "instance-data" / "studies" / "conditioning", metavar="DIR")
    add("--docs", type=Path, default=REPOSITORY / "docs", metavar="DIR", help="where the table goes (default: docs)")
    add("sampling", nargs="*", metavar="-- OPTION", help="options of sample-trajectory.py, such as -- --checkpoint FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
