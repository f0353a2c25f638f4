"""Storing a run of a path: what is there, what is missing, and whether both belong together.

`samples` says what lies where. Given frames are stored as well, as the first stage sees them. A
latent that is there is final: later frames are conditioned on it, in the same process or after an
interruption.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..cameras.spec import SamplingSpec, write_spec
from ..samples import SPEC, RunFolder, Sample
from ..utils.arrays import read_array
from ..utils.files import atomic_path, fingerprint, sweep, write_text
from ..utils.images import read_frame
from ..utils.json_files import read_json, shown
from ..utils.pictures import write_contact_sheet, write_png, write_video

PREVIEW_SECONDS = 5.0  # between two contact sheets of a run that is being made


@dataclass(eq=False)
class Run:
    """One drawing of a path's frames, stored in its folder."""

    place: RunFolder
    number: int
    spec: SamplingSpec
    given: dict[int, Path]  # pose index -> photo
    made: set[int] = field(default_factory=set)  # frames that this process wrote
    previewed: float = field(default_factory=time.monotonic)  # when, by the monotonic clock

    @property
    def folder(self) -> Path:
        """samples/<id>/samples/<run>."""
        return self.place.folder

    def frames(self) -> list[int]:
        """All pose indices, in the order in which the frames are made: given ones first."""
        return [*self.given, *self.spec.generation_order]

    def has_latent(self, index: int) -> bool:
        """Whether a frame's latent is there."""
        return self.place.latent(index).is_file()

    def has_image(self, index: int) -> bool:
        """Whether a frame's image is there."""
        return self.place.image(index).is_file()

    def begun(self) -> bool:
        """Whether any frame is there."""
        return any(self.has_latent(index) or self.has_image(index) for index in self.frames())

    def complete(self) -> bool:
        """Whether all images are there."""
        return all(self.has_image(index) for index in self.frames())

    def finished(self) -> bool:
        """Whether there is nothing to make any more."""
        latents = all(self.has_latent(index) for index in self.frames())
        summary = self.place.video.is_file() and self.place.contact_sheet.is_file()
        return latents and summary and self.complete()

    def sweep(self) -> None:
        """Remove the temporary files of a killed process; only for who holds the run's lease."""
        for folder in (self.place.folder, self.place.images, self.place.latents):
            sweep(folder, age=0)

    def read_latents(self, shape: tuple[int, ...]) -> dict[int, Tensor]:
        """The latents that are there, float32, by pose index.

        Raises ValueError for a file that doesn't hold finite numbers of that shape.
        """
        return {
            index: self._read_latent(index, shape)
            for index in self.frames()
            if self.has_latent(index)
        }

    def _read_latent(self, index: int, shape: tuple[int, ...]) -> Tensor:
        path = self.place.latent(index)
        try:
            latent = read_array(path)
        except ValueError as error:
            raise ValueError(f"latent {error}; delete it to have the frame made again") from error
        if latent.shape != shape or latent.dtype != np.float32 or not np.isfinite(latent).all():
            raise ValueError(
                f"latent {path}: found {latent.dtype} {latent.shape}; expected finite float32 "
                f"{shape}; delete it to have the frame made again"
            )
        return torch.from_numpy(latent)

    def write_frame(
        self, index: int, latent: Tensor, image: np.ndarray, frames_per_second: float
    ) -> None:
        """Save a frame that has been drawn. Video and contact sheet follow as they can be made."""
        self.write_latent(index, latent)
        self.write_image(index, image)
        self.write_summary(frames_per_second)
        if not self.complete() and time.monotonic() - self.previewed >= PREVIEW_SECONDS:
            self.write_contact_sheet()
            self.previewed = time.monotonic()

    def write_latent(self, index: int, latent: Tensor) -> None:
        """Save a frame's latent, whole or not at all.

        Raises ValueError, and saves nothing, if it holds NaN or infinity.
        """
        if not latent.isfinite().all():
            raise ValueError(
                f"{self.folder}: the latent of frame {index:04d} came out with NaN or infinite "
                "numbers and is not saved; try --precision float32, more steps, or other weights"
            )
        with atomic_path(self.place.latent(index)) as temporary:
            np.save(temporary, latent.numpy())
        self.made.add(index)

    def write_image(self, index: int, frame: np.ndarray) -> None:
        """Save a frame's image, whole or not at all."""
        write_png(self.place.image(index), frame)
        self.made.add(index)

    def write_summary(self, frames_per_second: float, partial: bool = False) -> None:
        """Video and contact sheet of a complete run, unless they are there and still right.

        partial: also of a run that is not complete, with the frames that are there.
        """
        video, sheet = self.place.video, self.place.contact_sheet
        complete = self.complete()
        if complete and not self.made and video.is_file() and sheet.is_file():
            return
        there = [index for index in sorted(self.frames()) if self.has_image(index)]
        if complete or (partial and there):
            frames = [read_frame(self.place.image(index)) for index in there]
            write_video(video, frames, frames_per_second)
            self.write_contact_sheet()

    def write_contact_sheet(self) -> None:
        """All frames side by side; those that are not there yet are grey."""
        indices = sorted(self.frames())
        frames = {
            index: read_frame(self.place.image(index)) for index in indices if self.has_image(index)
        }
        empty = np.full_like(next(iter(frames.values())), 224)
        captions = [f"{index:04d}" + (" given" if index in self.given else "") for index in indices]
        write_contact_sheet(
            self.place.contact_sheet,
            [frames.get(index, empty) for index in indices],
            captions,
            [index in self.given for index in indices],
        )

    def claim(self, settings: dict) -> None:
        """Record the settings of a run that has no frames yet; those of another are checked.

        settings: plain values; the run's own inputs (specification, given images) are added.
        """
        if self.begun():
            self.check(settings)
            return
        write_spec(self.place.own_spec_file, self.spec)
        text = json.dumps(self._with_inputs(settings), indent=2)
        write_text(self.place.settings_file, text + "\n")

    def _with_inputs(self, settings: dict) -> dict:
        sample = self.place.sample
        inputs = {
            str(path.relative_to(sample.directory)): fingerprint(path)
            for path in self.given.values()
        }
        return {**settings, "inputs": {SPEC: fingerprint(sample.spec_file), **inputs}}

    def check(self, settings: dict) -> None:
        """Raise ValueError if the run has frames and was made with other settings (`claim`)."""
        if not self.begun():
            return
        sample, path = self.place.sample, self.place.settings_file
        recorded, wanted = _flat(read_run_settings(path)), _flat(self._with_inputs(settings))
        different = [key for key in {**recorded, **wanted} if recorded.get(key) != wanted.get(key)]
        if different:
            key = different[0]
            others = f" (also different: {', '.join(different[1:4])})" if different[1:] else ""
            raise ValueError(
                f"{path}: this run was made with {key} = {recorded.get(key)}, now it is "
                f"{wanted.get(key)}{others}; use the former settings, or make a run beside it: "
                f"--run {sample.free_run_number()}"
            )


def open_runs(directories: Iterable[str | Path], numbers: Iterable[int]) -> list[Run]:
    """The runs of these numbers in each folder samples/<id>; nothing is written.

    Raises FileNotFoundError or ValueError for a bad specification, a missing given image, or no
    folder or run at all.
    """
    numbers = sorted(set(numbers))
    if not numbers:
        raise ValueError("no run to make: expected --runs of at least 1")
    if numbers[0] < 0:
        raise ValueError(f"run {numbers[0]}: expected run numbers from 0 up")
    runs = []
    for sample in map(Sample, dict.fromkeys(map(Path, directories))):
        spec = sample.spec()
        given = sample.given_images(spec)
        runs += [Run(sample.run(number), number, spec, given) for number in numbers]
    if not runs:
        raise ValueError("no folder to sample: expected one or more samples/<id>")
    return runs


def read_run_settings(path: Path) -> dict:
    """The settings in a run.json; ValueError for a damaged one."""
    if not path.is_file():
        raise ValueError(
            f"{path.parent}: found frames but no run.json, so their settings are unknown; "
            "move the folder away"
        )
    try:
        settings = read_json(path)
        if not isinstance(settings, dict):
            raise ValueError(f"{path}: expected settings, found {shown(settings)}")
    except ValueError as error:
        raise ValueError(f"{error}; move {path.parent} away") from error
    return settings


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
