"""How many processor cores this process may keep busy."""

import math
import os
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")  # Linux's, version 2
OWN_GROUP = Path("/proc/self/cgroup")
THREADS = "OMP_NUM_THREADS", "MKL_NUM_THREADS"  # what users choose torch's threads by


def usable_cores() -> int:
    """The cores that this process may run on, but no more than its container has time for.

    A part of a core counts as one.
    """
    return max(1, math.ceil(min(_allowed_cores(), _granted_cores())))


def limit_threads() -> None:
    """Have torch take no more threads than a container has time for, if nobody chose a number.

    Torch keeps to physical cores and to those that the process may run on, and knows nothing of a
    container's share of time. Where threads have to share that, all of them stand still again and
    again. It must be called before torch is imported.
    """
    cores = usable_cores()
    if cores < _allowed_cores() and not any(name in os.environ for name in THREADS):
        os.environ["OMP_NUM_THREADS"] = str(cores)


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _granted_cores() -> float:
    """The cores' worth of time that the process's control groups grant, the least of them."""
    try:
        name = OWN_GROUP.read_text().rpartition("::/")[2].strip()
    except OSError:  # no Linux
        return math.inf
    group = CONTROL_GROUPS / name
    around = [one for one in (group, *group.parents) if one.is_relative_to(CONTROL_GROUPS)]
    return min(map(_granted_by, around))


def _granted_by(group: Path) -> float:
    try:
        time, period = (group / "cpu.max").read_text().split()
        return math.inf if time == "max" else int(time) / int(period)
    except (OSError, ValueError):  # no such limit here
        return math.inf
