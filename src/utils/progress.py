"""Progress of long computations."""

import sys

from tqdm import tqdm


def progress_bar(total: int, task: str, unit: str, enabled: bool = True) -> tqdm:
    """A bar with the remaining time; away from a terminal, a line every half minute."""
    terminal = sys.stderr.isatty()
    interval = 0.1 if terminal else 30.0
    line = f"{task}: {{percentage:.0f}} %, {{remaining}} left{{postfix}}\n"
    return tqdm(
        desc=task,
        total=total,
        unit=unit,
        disable=not (enabled and total),
        mininterval=interval,
        maxinterval=max(10.0, interval),
        bar_format=None if terminal else line,
    )
