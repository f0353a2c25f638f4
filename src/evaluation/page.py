"""report.html: one page with frames, epipolar lines, plots and tables.

It works in any browser, on a phone too. Pictures are embedded as JPEG of at most PICTURE_SIZE
pixels; nothing is loaded from anywhere.
"""

import base64
import html
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..utils.files import write_text
from ..utils.images import read_frame, read_square
from .comparisons import BASELINE, value_names
from .image_table import label
from .scoring import PairScore
from .statistics import spread
from .tables import number_text

TEMPLATE = Path(__file__).with_name("page.html")
STYLE = Path(__file__).with_name("style.css")  # of all our pages
PICTURE_SIZE = 384  # pixels of an embedded picture's longer side
MATCHES = 150  # points drawn in a pair, from the best to the worst


@dataclass(frozen=True)
class PageSequence:
    """What the page shows of one sequence."""

    name: str
    report: dict  # of tsed.json
    scores: Sequence[PairScore]  # of the report's pairs
    frames: Sequence[str]  # names
    pictures: Mapping[int, str | None]  # `picture` of each frame by position, where there is one
    given: tuple[int, ...] = ()  # positions of given frames
    photo: Path | None = None  # the first given frame, as it was given
    true: Mapping[int, Path] = field(default_factory=dict)  # by position
    rows: Sequence[dict] = ()  # of metrics.json
    # Of the frames that rows name, where a name's number is another one.
    positions: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Means:
    """Numbers over all sequences, of which the page shows some."""

    title: str
    numbers: Sequence[tuple[str, str]]  # (label, text)


def write_page(
    path: Path,
    title: str,
    sequences: Sequence[PageSequence],
    tables: Sequence[dict] = (),
    notes: Sequence[str] = (),
    about: str = "",
    means: Means | None = None,
) -> None:
    """Write the page of at least one sequence.

    means: shown on top, before the numbers of the chosen sequence.

    tables: {"title", "head", "rows"} of texts. notes: what was left out, and more to know.
    """
    content = {
        "title": title,
        "subtitle": _subtitle(sequences[0].report, about),
        "means": asdict(means) if means else None,
        "tables": list(tables),
        "notes": list(notes),
        "sequences": [_sequence(sequence) for sequence in sequences],
    }
    data = json.dumps(content, allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # cannot end the script element
    text = page_text(TEMPLATE, title=html.escape(title), data=data)
    write_text(path, text)


def page_text(template: Path, **parts: str) -> str:
    """A page's template with its {{parts}} and our style filled in; parts are HTML."""
    parts["style"] = STYLE.read_text(encoding="utf-8")
    pieces = re.split(r"\{\{(\w+)\}\}", template.read_text(encoding="utf-8"))
    return "".join(parts[piece] if k % 2 else piece for k, piece in enumerate(pieces))


def _subtitle(report: dict, about: str) -> str:
    parts = [
        f"T_error {report['t_error']:.4g} pixels",
        f"T_matches {report['t_matches']}",
        f"matcher {report['matcher']}",
        f"photonvs {report['photonvs']}",
    ]
    return ", ".join([about, *parts] if about else parts)


def _sequence(sequence: PageSequence) -> dict:
    report, rows = sequence.report, sequence.rows
    kept = ("tsed", "t_error", "t_matches", "area_under_curve", "mean_median_sed", "count", "curve")
    names = value_names(rows)
    return {key: report[key] for key in kept} | {
        "name": sequence.name,
        "photo": embedded(sequence.photo, square=True) if sequence.photo else None,
        "frames": [_frame(sequence, position) for position in range(len(sequence.frames))],
        "pairs": [
            pair | {"problem": pair.get("problem")} | _drawing(score)
            for pair, score in zip(report["pairs"], sequence.scores, strict=True)
        ],
        "psnr": [
            [
                sequence.positions.get(row["frame"], row["frame"]),
                row.get("psnr"),
                row.get(BASELINE),
            ]
            for row in rows
            if "psnr" in row
        ],
        "row_head": ["frame", *(label(name).split(",")[0] for name in names)],
        "rows": [[str(row["frame"]), *(number_text(row[name]) for name in names)] for row in rows],
    }


def _frame(sequence: PageSequence, position: int) -> dict:
    true = sequence.true.get(position)
    return {
        "name": sequence.frames[position],
        "given": position in sequence.given,
        "image": sequence.pictures.get(position),
        "true": embedded(true) if true else None,
    }


def _drawing(score: PairScore) -> dict:
    """Matched points with their distances, and the fundamental matrix that lines come from."""
    if score.points is None:
        return {"points": [], "sizes": [], "fundamental": None}
    distances, fundamental = score.distances, score.fundamental
    if distances is None:
        distances = np.full(score.matches, np.nan)
    if fundamental is not None:
        fundamental = (fundamental / np.abs(fundamental).max()).tolist()
    first, second = score.points
    order = np.argsort(distances)
    points = []
    for index in order[spread(len(order), MATCHES)]:
        places = (round(float(value), 2) for value in (*first[index], *second[index]))
        points.append([*places, _number(distances[index])])
    sizes = [size[::-1] for size in score.sizes]
    return {"points": points, "sizes": sizes, "fundamental": fundamental}


def embedded(path: Path, square: bool = False) -> str | None:
    """`picture` of an image file, or of its centre square; None if it cannot be read."""
    try:
        frame = read_square(path, PICTURE_SIZE) if square else read_frame(path)
    except (ValueError, OSError):
        return None
    return picture(Image.fromarray(frame))


def picture(image: Image.Image) -> str:
    """An RGB image as a small data URI."""
    image = image.copy()
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _number(value: float) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None
