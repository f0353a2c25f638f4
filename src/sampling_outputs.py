"""The folder of a sampling run: what is there, what is missing, and whether both belong together.

    samples/<id>/sampling-spec.json, init-ims/NNNN.png                   the task: cameras and given images
    samples/<id>/samples/<run, 8 digits>/run.json                        the settings that made the run
                                        /latents/NNNN.npy                (channels, size, size) float32, the result
                                        /images/NNNN.png                 the same, decoded
                                        /video.mp4, contact-sheet.png    once the run is complete

NNNN is a pose's index. Given frames are there as well, as the first stage sees them. A latent that is there is final: it is
what later frames are conditioned on, whether they are made in the same process or after an interruption.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .trajectory import SPEC, SamplingSpec, given_images, read_spec
from .utils.files import atomic_path
from .utils.pictures import read_frame, write_contact_sheet, write_png, write_video


@dataclass(frozen=True, eq=False)
class Run:
    """One drawing of a trajectory's frames; `made` holds the frames that this process wrote."""

    directory: Path  # samples/<id>
    number: int
    spec: SamplingSpec
    given: dict[int, Path]  # pose index -> photo
    made: set[int] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        """samples/<id>/samples/<run>."""
        return self.directory / "samples" / f"{self.number:08d}"

    def latent_path(self, index: int) -> Path:
        """File of a frame's latent."""
        return self.folder / "latents" / f"{index:04d}.npy"

    def image_path(self, index: int) -> Path:
        """File of a frame's image."""
        return self.folder / "images" / f"{index:04d}.png"

    def frames(self) -> list[int]:
        """All pose indices, in the order in which the frames are made: given ones first."""
        return [*self.given, *self.spec.generation_order]

    def complete(self) -> bool:
        """Whether all images are there."""
        return all(self.image_path(index).is_file() for index in self.frames())

    def read_latent(self, index: int, shape: tuple[int, ...]) -> Tensor:
        """A frame's latent, float32, or ValueError if the file doesn't hold finite numbers of that shape."""
        path = self.latent_path(index)
        try:
            latent = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"latent {path} cannot be read ({error}); delete it to have the frame made again"
            ) from error
        if latent.shape != shape or latent.dtype != np.float32 or not np.isfinite(latent).all():
            raise ValueError(
                f"latent {path}: found {latent.dtype} {latent.shape}; expected finite float32 {shape}; "
                "delete it to have the frame made again"
            )
        return torch.from_numpy(latent)

    def write_latent(self, index: int, latent: Tensor) -> None:
        """Save a frame's latent, whole or not at all; ValueError, and nothing saved, if it holds NaN or infinity."""
        if not latent.isfinite().all():
            raise ValueError(
                f"{self.folder}: the latent of frame {index:04d} came out with NaN or infinite numbers and is not saved; "
                "try --precision float32, more steps, or other weights"
            )
        with atomic_path(self.latent_path(index)) as temporary:
            np.save(temporary, latent.float().cpu().numpy())
        self.made.add(index)

    def write_image(self, index: int, frame: np.ndarray) -> None:
        """Save a frame's image, whole or not at all."""
        write_png(self.image_path(index), frame)
        self.made.add(index)

    def write_summary(self, frames_per_second: float) -> None:
        """Video and contact sheet of a complete run, unless they are there and no frame was made since."""
        video, sheet = self.folder / "video.mp4", self.folder / "contact-sheet.png"
        if not self.made and video.is_file() and sheet.is_file():
            return
        indices = sorted(self.frames())
        frames = [read_frame(self.image_path(index)) for index in indices]
        write_video(video, frames, frames_per_second)
        captions = [f"{index:04d}" + (" given" if index in self.given else "") for index in indices]
        write_contact_sheet(sheet, frames, captions, [index in self.given for index in indices])

    def claim(self, settings: dict) -> None:
        """Record the settings of a run that has no frames yet; ValueError if one with frames was made with others.

        `settings` holds plain values; the run's own inputs (specification, given images) are added.
        """
        inputs = {
            str(path.relative_to(self.directory)): fingerprint(path) for path in self.given.values()
        }
        settings = {**settings, "inputs": {SPEC: fingerprint(self.directory / SPEC), **inputs}}
        path = self.folder / "run.json"
        if not any(
            file.exists()
            for index in self.frames()
            for file in (self.latent_path(index), self.image_path(index))
        ):
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            return
        recorded, wanted = _flat(_read_settings(path)), _flat(settings)
        different = [key for key in {**recorded, **wanted} if recorded.get(key) != wanted.get(key)]
        if different:
            key = different[0]
            others = f" (also different: {', '.join(different[1:4])})" if different[1:] else ""
            raise ValueError(
                f"{path}: this run was made with {key} = {recorded.get(key)}, now it is {wanted.get(key)}{others}; "
                f"use the former settings, or make a run beside it: --run {_free_number(self.directory)}"
            )


def open_runs(directories: Iterable[str | Path], numbers: Iterable[int]) -> list[Run]:
    """The runs of these numbers in each folder samples/<id>; nothing is written.

    Raises FileNotFoundError or ValueError for a bad specification, a missing given image, or no folder or run at all.
    """
    numbers = sorted(set(numbers))
    if not numbers or numbers[0] < 0:
        raise ValueError(f"runs {numbers}: expected run numbers from 0 up")
    runs = []
    for directory in dict.fromkeys(map(Path, directories)):
        spec = read_spec(directory / SPEC)
        given = given_images(directory, spec)
        runs += [Run(directory, number, spec, given) for number in numbers]
    if not runs:
        raise ValueError("no folder to sample: expected one or more samples/<id>")
    return runs


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _read_settings(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(
            f"{path.parent}: found frames but no run.json, so their settings are unknown; move the folder away"
        )
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); move {path.parent} away") from error


def _flat(settings: dict, prefix: str = "") -> dict[str, object]:
    """Nested settings as one level: {"weights.sha256": …}."""
    flat = {}
    for key, value in settings.items():
        flat |= (
            _flat(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat


def _free_number(directory: Path) -> int:
    """One more than the highest run number in samples/<id>."""
    return 1 + max(
        (int(path.name) for path in (directory / "samples").iterdir() if path.name.isdecimal()),
        default=-1,
    )
