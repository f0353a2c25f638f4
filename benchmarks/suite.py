"""What users wait for, in one table: each row beside its reference in the same run.

    python benchmarks/suite.py [ROW …] [--repeats 5] [--threads N] [--device cuda] [--json FILE]

A row and its reference take turns, so that other work on the machine slows both. Their ratio is
what counts: absolute times belong to a machine and an hour. Each row runs in a process of its own,
and its peak memory is that of another process, which does the row's work once.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from parts import Row
from rows import OF_A_GPU, ROWS

from photonvs.utils.distributed import choose_device

TRAINS = "training-step"


def main() -> None:
    """Print the table, and write it as JSON."""
    options = parse()
    if options.one:
        found = peak_of(options) if options.memory else times_of(options)
        print(json.dumps(found))
        return
    device = torch.device(options.device) if options.device else choose_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(f"{device} {name}, {options.threads} threads, torch {torch.__version__}")
    print(f"{'row':24}{'median':>11}{'spread':>9}{'of the':>9}{'TFLOP/s':>9}{'peak':>10}")
    print(f"{'':24}{'':>11}{'':>9}{'reference':>9}{'':>9}{'memory':>10}  reference")
    found = {}
    of_this_device = [row for row in ROWS if device.type != "cpu" or row not in OF_A_GPU]
    for row in options.rows or of_this_device:
        found[row] = measured(row, options)
        print(line(row, found[row]), flush=True)
    if options.json:
        about = {"device": f"{device} {name}", "threads": options.threads, "rows": found}
        options.json.write_text(json.dumps(about, indent=1) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = f"of {', '.join(ROWS)}; default: all, but on a CPU {' and '.join(OF_A_GPU)}"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=text)
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="default: 5")
    threads = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=threads, metavar="N", help="default: all")
    parser.add_argument("--device", help="default: CUDA where there is one, else the CPU")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no row {', '.join(unknown)}; expected {', '.join(ROWS)}")
    return options


def measured(row: str, options: argparse.Namespace) -> dict[str, object]:
    """A row's figures, each from a process of its own."""
    command = [sys.executable, __file__, row, "--one", "--threads", str(options.threads)]
    command += ["--repeats", str(options.repeats)]
    command += ["--device", options.device] if options.device else []
    found = {}
    for more in ([], ["--memory"]):
        run = subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(run.stdout.splitlines()[-1])
    return found


def prepared(options: argparse.Namespace) -> tuple[Row, torch.device]:
    torch.set_num_threads(options.threads)
    device = torch.device(options.device) if options.device else choose_device()
    with mode(options):
        return ROWS[options.rows[0]](device), device


def mode(options: argparse.Namespace) -> torch.inference_mode | nullcontext:
    """Without gradients, but for training."""
    return nullcontext() if options.rows[0].startswith(TRAINS) else torch.inference_mode()


def times_of(options: argparse.Namespace) -> dict[str, object]:
    """Seconds of the row and of its reference, in turns; the first turn does not count."""
    row, device = prepared(options)
    calls = {"ours": row.ours} | ({"reference": row.reference} if row.reference else {})
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with mode(options):
        for turn in range(options.repeats + 1):
            for name, call in calls.items():
                took = timed(call, device)
                if turn:
                    seconds[name].append(took)
    return {**seconds, "beside": row.beside, "teraflops": row.teraflops}


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, what it started on a GPU included."""
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - start


def peak_of(options: argparse.Namespace) -> dict[str, float]:
    """Peak memory in MiB: of the GPU, else of the process."""
    row, device = prepared(options)
    with mode(options):
        row.ours()
    if device.type == "cuda":
        return {"peak_mib": torch.cuda.max_memory_allocated() / 2**20}
    unit = 1024 if sys.platform == "linux" else 1  # kilobytes, on macOS bytes
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20}


def line(name: str, found: dict[str, object]) -> str:
    """A row of the table."""
    ours, reference = found["ours"], found.get("reference")
    median = statistics.median(ours)
    spread = (max(ours) - min(ours)) / median
    ratio = f"{median / statistics.median(reference):.2f}" if reference else ""
    rate = f"{found['teraflops'] / median:.2f}" if found["teraflops"] else ""
    peak = f"{found['peak_mib']:.0f} MiB"
    figures = f"{1000 * median:>8.1f} ms{spread:>9.0%}{ratio:>9}{rate:>9}{peak:>10}"
    return f"{name:24}{figures}  {found['beside']}"


if __name__ == "__main__":
    main()
