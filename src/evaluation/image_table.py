"""Image metrics in words: what each is called, and their means in a table."""

from .comparisons import BASELINE
from .image_results import HORIZONS
from .registry import METRICS
from .tables import aligned, mean_text


def label(name: str) -> str:
    """What a number of a frame, or of a set of them, is called; its name, if it is not a metric."""
    if name == BASELINE:
        return "PSNR (dB) of copying the photo"
    return METRICS[name].label if name in METRICS else name


def horizon_names(short_term: int) -> list[str]:
    """HORIZONS for a table's head."""
    return ["all frames", f"short term (frame {short_term})", "long term (last frame)"]


def metric_rows(summary: dict[str, dict]) -> list[tuple[str, list[str]]]:
    """(label, a text for each of HORIZONS) of each metric that has a number."""
    known = ["psnr", BASELINE, *METRICS]
    there = list(dict.fromkeys(name for horizon in HORIZONS for name in summary[horizon]))
    names = sorted(there, key=lambda name: known.index(name) if name in known else len(known))
    return [
        (label(name), [mean_text(summary[horizon].get(name)) for horizon in HORIZONS])
        for name in names
    ]


def plain_table(summary: dict[str, dict], short_term: int) -> str:
    """The means over sequences for a terminal."""
    return aligned([("", horizon_names(short_term)), *metric_rows(summary)])
