"""gallery.html: one page of many samples, with loops, consistency and settings."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..cameras.motion import describe
from ..evaluation.page import embedded, page_text
from ..samples import RunFolder, Sample
from ..sampling.about import method_words
from ..utils.files import write_text
from ..utils.images import numbered_images
from ..utils.json_files import read_json
from .downloads import animation, run_frames

TEMPLATE = Path(__file__).with_name("gallery.html")
LOOP_SIZE = 256  # pixels: larger frames are reduced


def write_gallery(path: Path, samples: Sequence[Sample], title: str) -> list[str]:
    """Write the page of all runs of the samples, a single file that loads nothing.

    Returns what was left out, a line each. Raises ValueError if no run has frames.
    """
    cards, left_out = [], []
    for sample in samples:
        runs = sample.runs()
        if not runs:
            left_out.append(f"{sample.name}: no runs yet")
        for run in runs:
            try:
                cards.append(_card(run))
            except (ValueError, OSError) as error:
                left_out.append(f"{run.title}: {error}")
    if not cards:
        raise ValueError(f"no frames to show; {'; '.join(left_out)}")
    count = f"{len(cards)} videos" if len(cards) > 1 else "1 video"
    text = page_text(
        TEMPLATE,
        title=html.escape(title),
        subtitle=f"{count}, from one photo each, along a camera path.",
        cards="\n".join(cards),
    )
    write_text(path, text)
    return left_out


def _card(run: RunFolder) -> str:
    """HTML of a run: its loop beside the photo, and what is known of it."""
    spec = run.spec()
    loop = base64.b64encode(animation(_reduced(run_frames(run)), "WEBP")).decode()
    pictures = [("generated", f"data:image/webp;base64,{loop}")]
    photos = numbered_images(run.sample.given_folder).get(spec.given[0])
    photo = embedded(photos[0], square=True) if photos else None
    if photo:
        pictures.insert(0, ("the photo", photo))
    figures = "".join(
        f'<figure><img src="{address}" alt="{caption}" loading="lazy">'
        f"<figcaption>{caption}</figcaption></figure>"
        for caption, address in pictures
    )
    badges = "".join(f'<span class="badge">{text}</span>' for text in _scores(run))
    lines = [method_words(run), describe(spec)]
    texts = "".join(f'<p class="soft">{html.escape(line)}</p>' for line in lines)
    return (
        f'<article class="card"><div class="loops">{figures}</div>'
        f"<h2>{html.escape(run.title)}</h2><p>{badges}</p>{texts}</article>"
    )


def _scores(run: RunFolder) -> list[str]:
    """TSED and the mean PSNR, where they were measured."""
    results, scores = run.results, []
    if results.tsed.is_file():
        report = read_json(results.tsed)
        if report["tsed"] is not None:
            scores.append(f"TSED {report['tsed']:.2f} at {report['t_error']:g} px")
    if results.metrics.is_file():
        rows = read_json(results.metrics)["frames"]
        values = [row["psnr"] for row in rows if row.get("psnr") is not None]
        if values:
            scores.append(f"PSNR {np.mean(values):.1f} dB")
    return scores


def _reduced(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames with sides of at most LOOP_SIZE pixels."""
    reduced = [Image.fromarray(frame) for frame in frames]
    for image in reduced:
        image.thumbnail((LOOP_SIZE, LOOP_SIZE), Image.Resampling.BICUBIC)
    return [np.array(image) for image in reduced]
