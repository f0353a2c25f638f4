"""Image metrics in words: what each is called, and tables for people."""

from collections.abc import Sequence

from .image_results import HORIZONS

LABELS = {
    "psnr": "PSNR (dB), higher is better",
    "psnr_of_copying": "PSNR (dB) of copying the photo",
    "ssim": "SSIM, higher is better",
    "lpips": "LPIPS, lower is better",
    "fid": "FID, lower is better",
    "kid": "KID, lower is better",
    "frechet-efficientnet": "Fréchet distance, EfficientNet-Lite0 (not comparable with FID)",
    "kernel-efficientnet": "kernel distance, EfficientNet-Lite0 (not comparable with KID)",
}


def horizon_names(short_term: int) -> list[str]:
    """HORIZONS for a table's head."""
    return ["all frames", f"short term (frame {short_term})", "long term (last frame)"]


def metric_rows(summary: dict[str, dict]) -> list[tuple[str, list[str]]]:
    """(label, a text for each of HORIZONS) of each metric that has a number."""
    names = [name for name in LABELS if any(name in summary[horizon] for horizon in HORIZONS)]
    return [
        (LABELS[name], [_text(summary[horizon].get(name)) for horizon in HORIZONS])
        for name in names
    ]


def plain_table(summary: dict[str, dict], short_term: int) -> str:
    """The means over sequences for a terminal."""
    return aligned([("", horizon_names(short_term)), *metric_rows(summary)])


def aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Rows of a label and cells, in columns."""
    labels = max(len(label) for label, _ in rows)
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(len(rows[0][1]))]
    lines = [
        f"{label:{labels}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for label, cells in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _text(value: dict | None) -> str:
    if value is None or value["mean"] is None:
        return "-"
    if "deviation" in value:
        return (
            f"{value['mean']:.4g} ± {value['deviation']:.2g}"
            if value["deviation"]
            else f"{value['mean']:.4g}"
        )
    interval = value.get("interval")
    return f"{value['mean']:.4g}" + (
        f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
    )
