"""What frames and trainings of the published network cost, from laptops to 64 GPUs: docs/scale.md.

    python benchmarks/scale.py [--document docs/scale.md]

Nothing is timed. Operations, moved bytes and calls are counted on tensors without content. Their
times at a machine's limits follow from its vendor's numbers. A program takes as long as the
slowest of these at least, and it is called the bottleneck.
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import dropwhile
from pathlib import Path

import torch
import torch.nn.functional as F
from arithmetic import IMAGE, LATENT, empty, rows, train, training_rows
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from photonvs.cameras.rays import RAY_FEATURES
from photonvs.config import ModelConfig, TrainingConfig
from photonvs.diffusion.registry import SAMPLERS
from photonvs.models import Denoiser, build_denoiser, build_first_stage

LAUNCH = 5e-6  # seconds that Python and the driver take for a call, about; not a vendor's number
FRAMES, EPOCHS = 10_000_000, 2000  # of RealEstate10K, and of the paper's training
PART = 8  # pairs that a device takes at once
WEIGHTS = 69_400_000  # of the score network
ADAM = 9  # numbers a weight that a step of Adam and of the averages reads (five) and writes
LATENT_BYTES = 4 * 32 * 32 * 2  # in half precision
POSE_BYTES = 180  # of poses.npy, as `benchmarks/data.py` finds
VIDEO_BYTES = 50_000  # of a frame at 360p: RealEstate10K takes some 500 GB
DAY = 86_400
LIMITS = "arithmetic", "memory", "calls", "network"
TRAINING = TrainingConfig()


@dataclass(frozen=True)
class Machine:
    """A machine's limits, by its vendor."""

    name: str
    teraflops: float  # 10^12 operations a second of one device, dense
    memory: float  # bytes a second of one device
    element: float  # bytes of a number, where float32 has 4
    devices: int = 1
    network: float = 0.0  # bytes a second that a device sends to others


H100 = 989.4, 3.35e12, 2.0  # bfloat16
MACHINES = (
    # Eight cores at 3.3 GHz, each 32 float32 operations a cycle; two channels of DDR5-5600.
    Machine("laptop", 8 * 3.3e9 * 32 / 1e12, 89.6e9, 4.0),
    Machine("RTX 4090", 165.2, 1.008e12, 2.0),
    Machine("H100", *H100),
    Machine("eight H100", *H100, 8, 450e9),  # NVLink, in one direction
    Machine("64 H100", *H100, 64, 50e9),  # InfiniBand NDR, a port for each
)


@dataclass(frozen=True)
class Cost:
    """What some work asks of a device."""

    teraflops: float
    gigabytes: float  # read and written, in float32
    calls: int  # of the device's functions

    def limits(self, machine: Machine) -> dict[str, float]:
        """Seconds at each of a machine's limits."""
        bytes_moved = self.gigabytes * 1e9 * machine.element / 4
        return {
            "arithmetic": self.teraflops / machine.teraflops,
            "memory": bytes_moved / machine.memory,
            "calls": self.calls * LAUNCH,
        }


class Traffic(TorchDispatchMode):
    """Counts calls, and the bytes of the tensors that each takes and gives."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.calls = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            leaves = tree_leaves((args, kwargs, result))
            self.bytes += sum(one.nbytes for one in leaves if isinstance(one, Tensor))
            self.calls += 1
        return result


class FusedAttention(TorchFunctionMode):
    """Attention as GPUs compute it, whose weights never lie in memory."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.scaled_dot_product_attention:
            fused = torch.ops.aten._scaled_dot_product_efficient_attention
            return fused(*args, None, True)[0]
        return function(*args, **(kwargs or {}))


def counted(call: Callable[[], object], operations: float) -> Cost:
    """What a call costs that takes so many operations, in 10^12."""
    with FusedAttention(), Traffic() as traffic:
        call()
    return Cost(operations, traffic.bytes / 1e9, traffic.calls)


@cache
def costs() -> dict[str, Cost]:
    """By name, of the published networks; what is done for eight pairs at once has an 8 behind."""
    with torch.device("meta"):
        denoiser = build_denoiser(ModelConfig())
        first_stage = build_first_stage(denoiser.config.first_stage)
    operations, found = rows(), {}
    for pairs, end in ((1, ""), (PART, f", {PART}")):
        latent, rays = empty(pairs, 4, 32, 32), tuple(empty(pairs, 128, 32, 32) for _ in range(3))
        features = empty(3 * pairs, RAY_FEATURES, 128, 128)
        with torch.no_grad():
            given = denoiser.prepare(latent, rays)
            call = partial(denoiser.score_given, latent, 1.0, given)
            found[f"evaluation{end}"] = counted(call, pairs * operations["an evaluation, prepared"])
        call = partial(train, denoiser, features, latent)
        trained = pairs * training_rows()["a training step, from latents"][0]
        found[f"training step{end}"] = counted(call, trained)
    with torch.no_grad():
        prepared = operations["cameras of a pair"] + operations["preparing a view"]
        found["preparing"] = counted(partial(prepare, denoiser), prepared)
        call = partial(first_stage.encode, empty(*IMAGE))
        found["encoding"] = counted(call, operations["encoding a frame"])
        call = partial(first_stage.decode, empty(*LATENT))
        found["decoding"] = counted(call, operations["decoding a frame"])
    return found


def prepare(denoiser: Denoiser) -> None:
    """What is done once a frame."""
    rays = denoiser.embed_rays(empty(3, RAY_FEATURES, 128, 128)).chunk(3)
    denoiser.prepare(empty(*LATENT), tuple(rays))


def slowest(limits: dict[str, float]) -> tuple[str, float]:
    """The bottleneck and its seconds."""
    return max(limits.items(), key=lambda item: item[1])


def frame_seconds(machine: Machine, evaluations: int) -> float:
    """Of one frame at a machine's limits, from cameras to pixels."""
    parts = {"preparing": 1, "evaluation": evaluations, "decoding": 1}
    return sum(times * slowest(costs()[name].limits(machine))[1] for name, times in parts.items())


def step_limits(machine: Machine, from_videos: bool = False) -> dict[str, float]:
    """Seconds of the paper's training step, 64 pairs, at each of a machine's limits."""
    pairs = TRAINING.batch_size // machine.devices
    parts, name = (pairs // PART, f"training step, {PART}") if pairs > 1 else (1, "training step")
    limits = {key: parts * value for key, value in costs()[name].limits(machine).items()}
    if from_videos:
        for key, value in costs()["encoding"].limits(machine).items():
            # Encoded together, so that the calls are those of one.
            limits[key] += value * (parts if key == "calls" else 2 * pairs)
    limits["memory"] += ADAM * WEIGHTS * 4 / machine.memory
    if machine.devices > 1:  # a ring's all-reduce of the gradients
        sent = 2 * (machine.devices - 1) / machine.devices * WEIGHTS * 4
        limits["network"] = sent / machine.network
    return limits


def table(head: str, lines: Iterable[Iterable[object]]) -> str:
    """A table of Markdown."""
    rule = " | ".join(["---"] * len(head.split(" | ")))
    body = [" | ".join(str(cell) for cell in line) for line in lines]
    return "\n".join(f"| {line} |" for line in (head, rule, *body))


def count(number: float) -> str:
    """Two digits, and thousands apart."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def duration(seconds: float) -> str:
    """In the unit that fits."""
    for unit, size in (("years", 365 * DAY), ("days", DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{count(seconds / size)} {unit}"
    return f"{count(seconds)} s" if seconds >= 1 else f"{count(1000 * seconds)} ms"


def cost_table() -> str:
    """What is counted."""
    names = {
        "evaluation": "an evaluation",
        f"evaluation, {PART}": f"an evaluation of {PART} pairs",
        "preparing": "cameras and view of a frame, once",
        "decoding": "decoding a frame",
        "encoding": "encoding a frame",
        "training step": "the gradient of a pair",
        f"training step, {PART}": f"the gradient of {PART} pairs",
    }
    lines = []
    for name, title in names.items():
        cost = costs()[name]
        numbers = f"{cost.teraflops:.3f}", count(cost.gigabytes), count(cost.calls)
        lines.append((title, *numbers))
    return table("of the published network | TFLOP | GB moved | calls", lines)


def frame_table() -> str:
    """An evaluation's time at each limit, and a frame's at the slowest, by the sampler."""
    names = "consistency", "dpm-solver", "predictor-corrector"
    wanted = [SAMPLERS[name].evaluations(SAMPLERS[name].steps) for name in names]
    lines = []
    for machine in MACHINES[:3]:
        limits = costs()["evaluation"].limits(machine)
        frames = [duration(frame_seconds(machine, number)) for number in wanted]
        lines.append((machine.name, *marked(limits, LIMITS[:3]), *frames))
    heads = " | ".join(f"frame of {number:,}" for number in wanted)
    return table(f"an evaluation | {' | '.join(LIMITS[:3])} | {heads}", lines)


def training_table() -> str:
    """A step's time at each limit, and the paper's training's at the slowest."""
    lines = []
    for machine in MACHINES:
        limits = step_limits(machine)
        _, seconds = slowest(limits)
        _, of_videos = slowest(step_limits(machine, from_videos=True))
        whole = [duration(TRAINING.steps * step) for step in (seconds, of_videos)]
        pairs = count(TRAINING.batch_size / seconds)
        lines.append((machine.name, *marked(limits, LIMITS), pairs, *whole))
    heads = "pairs a second | from latents | from videos"
    return table(f"a step of 64 pairs | {' | '.join(LIMITS)} | {heads}", lines)


def marked(limits: dict[str, float], names: Iterable[str]) -> list[str]:
    """The limits' durations, the bottleneck in bold."""
    bottleneck, _ = slowest(limits)
    texts = {name: duration(value) for name, value in limits.items()}
    texts[bottleneck] = f"**{texts[bottleneck]}**"
    return [texts.get(name, "none") for name in names]


def data_table() -> str:
    """Storage, and what goes with it."""
    limits = costs()["encoding"].limits(MACHINES[2])
    encoding = max(limits["arithmetic"], limits["memory"])  # 64 frames share their calls
    lines = []
    for name, times in (("RealEstate10K", 1), ("a hundred times that", 100)):
        frames = times * FRAMES
        sizes = [
            f"{count(frames * size / 1e9)} GB" for size in (VIDEO_BYTES, LATENT_BYTES, POSE_BYTES)
        ]
        passes = count(EPOCHS / times)
        lines.append((name, f"{frames:,}", *sizes, duration(frames * encoding), passes))
    return table(
        "data | frames | videos, 360p | latents | poses | encoding, one H100 | epochs", lines
    )


def tables() -> list[str]:
    """All tables, in the document's order."""
    return [cost_table(), frame_table(), training_table(), data_table()]


def renewed(text: str) -> str:
    """The document with its tables as they are now; a table is found by its head."""
    for made in tables():
        head = made.splitlines()[0]
        if f"{head}\n" not in text:
            raise ValueError(f"no table {head}: expected one in the document")
        before, rest = text.split(f"{head}\n", 1)
        lines = rest.splitlines(keepends=True)
        after = "".join(dropwhile(lambda line: line.startswith("|"), lines))
        text = f"{before}{made}\n{after}"
    return text


def main() -> None:
    """Print the tables, or renew a document's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    text = "renew the tables of this document instead of printing them"
    parser.add_argument("--document", type=Path, metavar="docs/scale.md", help=text)
    document = parser.parse_args().document
    if document:
        document.write_text(renewed(document.read_text()))
        return
    print("\n\n".join(tables()))


if __name__ == "__main__":
    main()
