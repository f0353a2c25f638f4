"""report.html: one self-contained page with frames, epipolar lines, plots and tables, for any browser, on a phone too.

Pictures are embedded as JPEG of at most PICTURE_SIZE pixels; nothing is loaded from anywhere.
"""

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..utils.files import atomic_path
from ..utils.pictures import read_frame, read_square
from .image_table import LABELS
from .matching import Matcher, cached_match, read_grey
from .scoring import FrameSequence, match_distances, pair_fundamental
from .tsed import has_baseline

TEMPLATE = Path(__file__).with_name("page.html")
PICTURE_SIZE = 384  # pixels of an embedded picture's longer side
MATCHES = 150  # points drawn in a pair, from the best to the worst


@dataclass(frozen=True)
class PageSequence:
    """What the page shows of one sequence."""

    name: str
    frames: FrameSequence
    report: dict  # of tsed.json
    cache: Path  # file of matches
    given: tuple[int, ...] = ()  # positions of given frames
    photo: Path | None = None  # the first given frame, as it was given
    true: Mapping[int, Path] = field(default_factory=dict)  # by position
    rows: Sequence[dict] = ()  # of metrics.json


def write_page(
    path: Path,
    title: str,
    sequences: Sequence[PageSequence],
    matcher: Matcher,
    tables: Sequence[dict] = (),
    notes: Sequence[str] = (),
    about: str = "",
) -> None:
    """Write the page of at least one sequence. tables: {"title", "head", "rows"} of texts; notes: what was left out."""
    settings = sequences[0].report
    subtitle = f"T_error {settings['t_error']:g} pixels, T_matches {settings['t_matches']}, matcher {settings['matcher']}"
    content = {
        "title": title,
        "subtitle": ", ".join(
            part for part in (about, subtitle, f"photonvs {settings['photonvs']}") if part
        ),
        "tables": list(tables),
        "notes": list(notes),
        "sequences": [_sequence(sequence, matcher) for sequence in sequences],
    }
    data = json.dumps(content, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )  # cannot end the script element
    text = TEMPLATE.read_text(encoding="utf-8").replace("{{title}}", html.escape(title))
    with atomic_path(path) as temporary:
        temporary.write_text(text.replace("{{data}}", data), encoding="utf-8")


def _sequence(sequence: PageSequence, matcher: Matcher) -> dict:
    report = sequence.report
    kept = ("tsed", "t_error", "t_matches", "area_under_curve", "mean_median_sed", "count", "curve")
    names = [
        name
        for name in (sequence.rows[0] if sequence.rows else {})
        if name not in ("frame", "number")
    ]
    return {key: report[key] for key in kept} | {
        "name": sequence.name,
        "photo": _embedded(sequence.photo, square=True) if sequence.photo else None,
        "frames": [
            {
                "name": image.name,
                "given": position in sequence.given,
                "image": _embedded(image),
                "true": _embedded(sequence.true[position]) if position in sequence.true else None,
            }
            for position, image in enumerate(sequence.frames.images)
        ],
        "pairs": _pairs(sequence, matcher),
        "psnr": [
            [row["frame"], row.get("psnr"), row.get("psnr_of_copying")]
            for row in sequence.rows
            if "psnr" in row
        ],
        "row_head": ["frame", *(LABELS[name].split(",")[0] for name in names)],
        "rows": [
            [str(row["frame"]), *(_text(row[name]) for name in names)] for row in sequence.rows
        ],
    }


def _pairs(sequence: PageSequence, matcher: Matcher) -> list[dict]:
    """The report's pairs, each with matched points, distances and the fundamental matrix that its lines come from."""
    reported = sequence.report["pairs"]
    readable = [tuple(pair["frames"]) for pair in reported if pair["matches"] is not None]
    matches = dict(
        zip(
            readable,
            cached_match(matcher, sequence.frames.images, readable, sequence.cache),
            strict=True,
        )
    )
    pairs = []
    for pair in reported:
        frames = tuple(pair["frames"])
        drawn = {"points": [], "sizes": [], "fundamental": None}
        if frames in matches:
            drawn = _drawing(sequence.frames, frames, matches[frames])
        pairs.append(pair | {"problem": pair.get("problem")} | drawn)
    return pairs


def _drawing(
    frames: FrameSequence, pair: tuple[int, int], matches: tuple[np.ndarray, np.ndarray]
) -> dict:
    cameras = [frames.cameras[position] for position in pair]
    sizes = [read_grey(frames.images[position]).shape for position in pair]
    distances, fundamental = np.full(len(matches[0]), np.nan), None
    if has_baseline(cameras[0].pose, cameras[1].pose):
        distances = match_distances(matches, *cameras, *sizes)
        fundamental = pair_fundamental(cameras, sizes)
        fundamental = (fundamental / np.abs(fundamental).max()).tolist()
    order = np.argsort(distances)
    chosen = order[
        np.unique(np.linspace(0, len(order) - 1, min(MATCHES, len(order))).round().astype(int))
    ]
    points = [
        [
            *(round(float(value), 2) for value in (*matches[0][index], *matches[1][index])),
            _number(distances[index]),
        ]
        for index in chosen
    ]
    return {"points": points, "sizes": [size[::-1] for size in sizes], "fundamental": fundamental}


def _embedded(path: Path, square: bool = False) -> str | None:
    """A picture, or its centre square, as a data URI; None if it cannot be read."""
    try:
        image = Image.fromarray(read_square(path, PICTURE_SIZE) if square else read_frame(path))
    except (ValueError, OSError):
        return None
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _number(value: float) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
