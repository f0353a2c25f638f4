"""Numbers and tables for people."""

from collections.abc import Sequence

from ..utils.words import plural
from .statistics import CONFIDENCE


def number_text(value: float | None, form: str = ".4g") -> str:
    """A number, or "-" where there is none."""
    return "-" if value is None else format(value, form)


def mean_text(mean: dict | None, form: str = ".4g") -> str:
    """A mean with its bootstrap interval, or with its deviation over subsets."""
    if mean is None or mean["mean"] is None:
        return "-"
    text = number_text(mean["mean"], form)
    if mean.get("deviation"):
        return f"{text} ± {mean['deviation']:.2g}"
    interval = mean.get("interval")
    if interval:
        low, high = (number_text(end, form) for end in interval)
        return f"{text} ({low} to {high})"
    return text


def sequences_text(mean: dict) -> str:
    """A mean over sequences, with their number and what its interval is."""
    text = f"{number_text(mean['mean'], '.3f')} over {plural(mean['sequences'], 'sequence')}"
    if mean["interval"]:
        low, high = (number_text(end, ".3f") for end in mean["interval"])
        text += f" ({CONFIDENCE:.0%} bootstrap interval {low} to {high})"
    return text


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Rows of a label and cells, in columns."""
    labels = max(len(label) for label, _ in rows)
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(len(rows[0][1]))]
    lines = []
    for label, cells in rows:
        line = f"{label:{labels}}"
        for cell, width in zip(cells, widths, strict=True):
            line += f"  {cell:>{width}}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
