"""The folder of a sample, instance-data/samples/<id>: every path in it.

sampling-spec.json                  the task: cameras, and what each frame is generated from
init-ims/NNNN.png                   given frames; NNNN is a pose's index
true-ims/NNNN.png                   true frames where they are known, for evaluation
samples/<run>/run.json              the settings that made the run; a run's name has 8 digits
samples/<run>/sampling-spec.json    the task that it was made for
samples/<run>/latents/NNNN.npy      (channels, size, size) float32, the result
samples/<run>/images/NNNN.png       the same, decoded
samples/<run>/video.mp4             all frames, once they are there
samples/<run>/contact-sheet.png     the same, side by side
evaluation/<run>/                   tsed.json, tsed.png, matches-<matcher>.npz, metrics.json,
                                    report.html
"""

from dataclasses import dataclass
from pathlib import Path

from .cameras.spec import SamplingSpec, read_spec, spec_differs, write_spec
from .utils.files import atomic_path, refuse_overwriting
from .utils.images import IMAGE_SUFFIXES, numbered_images, read_frame
from .utils.json_files import joined
from .utils.leases import lease
from .utils.reading import MEGABYTE, read_bytes

SPEC = "sampling-spec.json"
GIVEN_IMAGES = Path("init-ims")
TRUE_IMAGES = Path("true-ims")
PHOTO_BYTES = 500 * MEGABYTE
LONGEST_WRITE = 30.0  # seconds that another process is waited for while it writes a sample


@dataclass(frozen=True)
class Sample:
    """The places in samples/<id>. Nothing needs to be there yet."""

    directory: Path

    @property
    def name(self) -> str:
        """The <id>."""
        return self.directory.resolve().name

    @property
    def spec_file(self) -> Path:
        """The sampling specification."""
        return self.directory / SPEC

    @property
    def given_folder(self) -> Path:
        """Where given frames lie."""
        return self.directory / GIVEN_IMAGES

    @property
    def true_folder(self) -> Path:
        """Where true frames lie."""
        return self.directory / TRUE_IMAGES

    def spec(self) -> SamplingSpec:
        """The specification; raises as `read_spec`."""
        return read_spec(self.spec_file)

    def true_images(self) -> dict[int, Path]:
        """The file of each true frame, by pose index."""
        return {index: paths[0] for index, paths in numbered_images(self.true_folder).items()}

    def run(self, run: int | str) -> "RunFolder":
        """The folder of a run, by its number or its name."""
        return RunFolder(self, run if isinstance(run, str) else f"{run:08d}")

    def runs(self) -> list["RunFolder"]:
        """The runs that have images, in the order of their names."""
        return [
            self.run(path.parent.name) for path in sorted(self.directory.glob("samples/*/images"))
        ]

    def free_run_number(self) -> int:
        """One more than the highest run number."""
        names = [path.name for path in self.directory.glob("samples/*")]
        return 1 + max((int(name) for name in names if name.isdecimal()), default=-1)

    def given_images(self, spec: SamplingSpec) -> dict[int, Path]:
        """The file of each given frame, by pose index: NNNN.png, or another of IMAGE_SUFFIXES.

        Raises FileNotFoundError naming all missing ones, ValueError for two or for no given pose.
        """
        folder = self.given_folder
        found = numbered_images(folder)
        for index, candidates in found.items():
            if len(candidates) > 1:
                names = " and ".join(path.name for path in candidates)
                raise ValueError(f"{folder}: both {names} for pose {index}; remove one of them")
            if index not in spec.given:
                raise ValueError(
                    f"{candidates[0]}: pose {index} is not given ({joined(spec.given)}); remove "
                    "the image, or make the pose given (its dependencies null, and without it in "
                    "generation_order)"
                )
        missing = [f"{index:04d}.png" for index in self.missing_photos(spec)]
        if missing:
            raise FileNotFoundError(
                f"{folder}: no {joined(missing)}; expected the image of each given pose, "
                "as png, jpg, webp, …"
            )
        return {index: found[index][0] for index in spec.given}

    def missing_photos(self, spec: SamplingSpec) -> list[int]:
        """The given poses without an image."""
        there = numbered_images(self.given_folder)
        return [index for index in spec.given if index not in there]

    def write(self, spec: SamplingSpec, images: dict[Path, bytes], force: bool = False) -> None:
        """Write the specification, and images by their place in the folder (`image_place`).

        Without `force` a file with another content is a ValueError, before anything is lost.
        """
        with lease(self.directory, wait=LONGEST_WRITE):
            self._write(spec, images, force)

    def _write(self, spec: SamplingSpec, images: dict[Path, bytes], force: bool) -> None:
        replaced = [path for path in self._same_frames(images) if self._differs(path, images)]
        spec_in_the_way = [self.spec_file] if spec_differs(self.spec_file, spec) else []
        refuse_overwriting(spec_in_the_way + sorted(replaced), force)
        for image, content in images.items():
            with atomic_path(self.directory / image) as temporary:
                temporary.write_bytes(content)
        for path in replaced:
            if path.relative_to(self.directory) not in images:  # the same frame, another suffix
                path.unlink()
        write_spec(self.spec_file, spec)

    def _same_frames(self, images: dict[Path, bytes]) -> set[Path]:
        """Images that are there of the frames that `images` has, whatever their suffix."""
        folders = {image.parent for image in images}
        there = {folder: numbered_images(self.directory / folder) for folder in folders}
        return {path for image in images for path in there[image.parent].get(int(image.stem), [])}

    def _differs(self, path: Path, images: dict[Path, bytes]) -> bool:
        return read_bytes(path, "an image", PHOTO_BYTES) != images.get(
            path.relative_to(self.directory)
        )


@dataclass(frozen=True)
class RunFolder:
    """The places in samples/<id>/samples/<run>, and of its evaluation."""

    sample: Sample
    name: str

    @property
    def title(self) -> str:
        """<id>/<run>, for people."""
        return f"{self.sample.name}/{self.name}"

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.sample.directory / "samples" / self.name

    @property
    def settings_file(self) -> Path:
        """The settings that made the run."""
        return self.folder / "run.json"

    @property
    def spec_file(self) -> Path:
        """The specification that the run was made for.

        Runs of version 0.1 have no copy of their own: theirs is the sample's.
        """
        own = self.own_spec_file
        return own if own.is_file() else self.sample.spec_file

    @property
    def own_spec_file(self) -> Path:
        """The run's copy of the specification."""
        return self.folder / SPEC

    def spec(self) -> SamplingSpec:
        """The specification that the run was made for; raises as `read_spec`."""
        return read_spec(self.spec_file)

    @property
    def images(self) -> Path:
        """Folder of decoded frames."""
        return self.folder / "images"

    @property
    def latents(self) -> Path:
        """Folder of latents."""
        return self.folder / "latents"

    @property
    def video(self) -> Path:
        """All frames of a complete run."""
        return self.folder / "video.mp4"

    @property
    def contact_sheet(self) -> Path:
        """All frames of a complete run, side by side."""
        return self.folder / "contact-sheet.png"

    @property
    def results(self) -> "Results":
        """Where its evaluation goes."""
        return Results(self.sample.directory / "evaluation" / self.name)

    def image(self, index: int) -> Path:
        """File of a frame's image."""
        return self.images / f"{index:04d}.png"

    def latent(self, index: int) -> Path:
        """File of a frame's latent."""
        return self.latents / f"{index:04d}.npy"


@dataclass(frozen=True)
class Results:
    """The places in a folder of results: of a run, or of anyone's frames."""

    folder: Path

    @property
    def tsed(self) -> Path:
        """TSED and each pair's numbers."""
        return self.folder / "tsed.json"

    @property
    def plot(self) -> Path:
        """TSED's curve, and the pairs' distances."""
        return self.folder / "tsed.png"

    @property
    def metrics(self) -> Path:
        """Image metrics of each frame."""
        return self.folder / "metrics.json"

    @property
    def page(self) -> Path:
        """The report for a browser."""
        return self.folder / "report.html"

    def matches(self, matcher: str) -> Path:
        """Matched points of neighbouring frames, by a matcher's name."""
        return self.folder / f"matches-{matcher}.npz"

    def original(self, index: int) -> Path:
        """A given photo as a frame of the run's size."""
        return self.folder / f"original-{index:04d}.png"


def find_samples(folder: Path) -> list[Sample]:
    """The sample in this folder, or else those in the folders inside it.

    Raises FileNotFoundError if there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected samples/<id> with {SPEC}")
    if (folder / SPEC).is_file():
        return [Sample(folder)]
    samples = [Sample(path.parent) for path in sorted(folder.glob(f"*/{SPEC}"))]
    if not samples:
        raise FileNotFoundError(
            f"{folder}: no {SPEC} in it or in a folder in it; scripts/make-trajectory.py writes one"
        )
    return samples


def image_places(frames: list[bytes], given: tuple[int, ...] = (0,)) -> dict[Path, bytes]:
    """PNG files of true frames, by their place in a sample's folder.

    frames: by pose index. The `given` ones are there twice.
    """
    true = {TRUE_IMAGES / f"{index:04d}.png": frame for index, frame in enumerate(frames)}
    there = [index for index in given if index < len(frames)]
    return true | {GIVEN_IMAGES / f"{index:04d}.png": frames[index] for index in there}


def given_photos(photos: list[Path], given: tuple[int, ...]) -> dict[Path, bytes]:
    """The content of photos by their place in a sample's folder; nothing if there are none.

    given: the pose index of each photo. Raises FileNotFoundError or ValueError for a file that
    sampling could not read, and for another number of photos.
    """
    if photos and len(photos) != len(given):
        raise ValueError(
            f"{len(photos)} images for {len(given)} given frames; expected one for each, in the "
            "order of --given"
        )
    places = {}
    for index, photo in zip(given, photos, strict=False):
        suffix = photo.suffix.lower()
        if not photo.is_file():
            raise FileNotFoundError(f"{photo}: no such image file")
        if suffix not in IMAGE_SUFFIXES:
            raise ValueError(f"{photo}: expected an image file ({' '.join(IMAGE_SUFFIXES)})")
        read_frame(photo)
        places[GIVEN_IMAGES / f"{index:04d}{suffix}"] = read_bytes(photo, "an image", PHOTO_BYTES)
    return places
