"""What a sample's folder holds, in lines for people."""

from pathlib import Path

from ..cameras.geometry import field_of_view_of
from ..cameras.motion import path_sizes
from ..cameras.spec import SamplingSpec
from ..samples import RunFolder, Sample
from ..utils.images import numbered_images
from ..utils.json_files import joined
from .runs import read_run_settings


def sample_lines(folder: Path) -> list[str]:
    """Of samples/<id>: its path, the photos, and each run with its method and completeness."""
    sample = Sample(folder)
    spec = sample.spec()
    length, view = path_sizes(spec.poses).length, field_of_view_of(spec.focal_y)
    missing = sample.missing_photos(spec)
    photos = f"no photo of {joined(missing)}" if missing else "their photos are there"
    lines = [
        f"a sample of {len(spec.poses)} frames, given: {joined(spec.given)} ({photos})",
        f"path {length:.3g} units long, field of view {view:.0f} degrees",
    ]
    if true := sample.true_images():
        lines.append(f"{len(true)} true frames")
    runs = [_run_line(run, spec) for run in sample.runs()]
    return [*lines, *(runs or ["no runs yet"])]


def _run_line(run: RunFolder, spec: SamplingSpec) -> str:
    there = len(numbered_images(run.images))
    frames = len(spec.poses)
    state = "complete" if there >= frames else f"{there} of {frames} frames"
    return f"run {run.name}: {state}, {method_words(run)}"


def method_words(run: RunFolder) -> str:
    """Sampler, steps, seed and weights by run.json; other systems' frames have none."""
    record = read_run_settings(run.settings_file) if run.settings_file.is_file() else {}
    if "sampler" not in record:
        return "made with unknown settings"
    words = [str(record["sampler"])]
    words += [f"{key} {record[key]}" for key in ("steps", "seed") if key in record]
    match record:
        case {"weights": {"denoiser": {"file": file}}}:
            words.append(f"weights {file}")
    return ", ".join(words)
