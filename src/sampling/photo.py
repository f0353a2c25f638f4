"""From one photo to a video: a path, a sample, its frames."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from ..cameras.conditioning import conditioning
from ..cameras.files.path import path_of_file
from ..cameras.joining import moves_path
from ..cameras.paths import DISTANCE_LOOKED_AT, PRESETS, at_distance
from ..cameras.photo import Lens, chosen_lens, lens_of_photo
from ..cameras.spec import SamplingSpec, spec_differs
from ..models.model import Model
from ..samples import GIVEN_IMAGES, Sample, given_photos
from .method import Method
from .runs import Run
from .trajectory import sample_trajectory

LONGEST_NAME = 60  # characters of a sample's name


@dataclass(frozen=True)
class PhotoRun:
    """What came of a photo, and what was assumed of it."""

    sample: Sample
    spec: SamplingSpec
    lens: Lens
    runs: list[Run]


def run_photo(
    photo: Path,
    model: Model,
    path: Sequence[str] = ("orbit",),
    *,
    instance_data: Path,
    folder: Path | None = None,
    frames: int = 20,
    distance: float = DISTANCE_LOOKED_AT,
    smooth: bool = False,
    field_of_view: float | None = None,
    condition: str = "previous",
    method: Method | None = None,
    runs: Iterable[int] = (0,),
    batch_size: int = 8,
    frames_per_second: float = 10.0,
) -> PhotoRun:
    """Make the frames and the video that a camera on a path sees, from one photo.

    path: moves in the words of `moves_path`, or any file that `path_of_file` reads. frames, smooth:
    of moves. distance: to what the photo shows, in the unit of the training data; the moves' sizes
    grow with it. field_of_view: degrees across the photo's centre square; None: by its EXIF, else
    DEFAULT_FIELD_OF_VIEW. folder: of the sample; None: a free one in `instance_data`/samples, named
    after photo and path. The rest is that of `sample_trajectory`.

    Called again with the same arguments it goes on. Raises ValueError or FileNotFoundError as the
    functions that it calls.
    """
    if not photo.is_file():
        raise FileNotFoundError(f"{photo}: no such image file")
    lens = lens_of_photo(photo) if field_of_view is None else chosen_lens(field_of_view)
    poses, focal_y = _path_poses(path, frames, distance, smooth)
    if focal_y is not None and field_of_view is None:
        lens = Lens(focal_y, "the path's file")
    spec = SamplingSpec(lens.focal_y, poses, *conditioning(len(poses), condition))
    images = given_photos([photo], spec.given)
    named = instance_data / "samples" / f"{sample_name(photo.stem)}-{path_name(path)}"
    sample = Sample(folder or free_folder(named, spec, images))
    sample.write(spec, images)
    made = sample_trajectory(
        [sample.directory],
        model.denoiser,
        model.first_stage,
        method,
        runs=runs,
        batch_size=batch_size,
        frames_per_second=frames_per_second,
        weights=model.identity,
    )
    return PhotoRun(sample, spec, lens, made)


def _path_poses(
    path: Sequence[str], frames: int, distance: float, smooth: bool
) -> tuple[np.ndarray, float | None]:
    """Poses (n, 4, 4) of moves or of a file, and the focal_y that a file has."""
    if len(path) == 1 and path[0].partition(":")[0] not in PRESETS:
        if not Path(path[0]).exists():
            moves = ", ".join(PRESETS)
            raise FileNotFoundError(f"{path[0]}: no such file of cameras, nor one of {moves}")
        found = path_of_file(Path(path[0]))
        return found.poses, found.focal_y
    return at_distance(moves_path(path, frames, smooth), distance), None


def sample_name(text: str) -> str:
    """A name that can be a folder's, near to any text."""
    return re.sub(r"[^\w.-]+", "-", text)[:LONGEST_NAME].strip("-.") or "photo"


def path_name(path: Sequence[str]) -> str:
    """A name for a path: its first move's, or its file's."""
    return sample_name(Path(path[0].partition(":")[0]).stem)


def free_folder(wanted: Path, spec: SamplingSpec, images: dict[Path, bytes]) -> Path:
    """The first of `wanted`, `wanted`-2, … that does not exist or has just this path and photo.

    A folder that a killed process has begun, without a path yet, is as good as none.

    images: the given ones by their place in the folder.
    """
    names = (wanted.name if number == 1 else f"{wanted.name}-{number}" for number in count(1))
    folders = (wanted.with_name(name) for name in names)
    return next(folder for folder in folders if not folder.exists() or _is(folder, spec, images))


def _is(folder: Path, spec: SamplingSpec, images: dict[Path, bytes]) -> bool:
    sample = Sample(folder)
    there = {path.relative_to(folder) for path in (folder / GIVEN_IMAGES).glob("[!.]*")}
    same = all((folder / place).read_bytes() == images.get(place) for place in there)
    if not sample.spec_file.is_file():
        return same
    return same and there == set(images) and not spec_differs(sample.spec_file, spec)
