"""A small world of photonvs's files, and every command that writes, on it.

The networks are tiny, so that a command takes a second at most.
"""

import hashlib
import json
import multiprocessing
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import training_task
from chunk_records import record
from jobs import Job, command
from PIL import Image
from sampling_task import CONFIG, write_task

from photonvs.datasets.chunk_files import save_chunk
from photonvs.datasets.extract import extract
from photonvs.datasets.layout import Split
from photonvs.datasets.rooms import clips
from photonvs.models import build_denoiser, save_weights
from photonvs.samples import Sample, image_places
from photonvs.utils.pictures import png_bytes

CHAIN = (None, (0,), (1,))
FIRST_STAGE = [
    "first_stage.image_size=16",
    "first_stage.channels=32",
    "first_stage.channel_multipliers=[1,1]",
    "first_stage.codebook_size=16",
    "first_stage.latent_channels=4",
    "data.workers=0",
    "training.batch_size=4",
    "training.steps=3",
    "training.warmup_steps=1",
    "training.sample_every=0",
    "training.validate_every=0",
    "training.save_minutes=0",
    "training.checkpoint_every=1",
]


def nothing() -> None:
    """No preparation."""


def plain_rooms() -> None:
    """Rooms of one colour: rendering takes minutes on a slow machine, and is not what is tested."""

    class Plain:
        def render(self, pose: np.ndarray, focal_y: float, size: tuple[int, int]) -> tuple:
            grey = np.uint8(abs(pose).sum() * 10)
            return np.full((*size, 3), grey, np.uint8), np.zeros(size, np.float32)

    fork = multiprocessing.get_context("fork")
    clips.multiprocessing = SimpleNamespace(get_context=lambda method: fork)
    clips._renderer = lambda clip: Plain()
    clips.make_scene = lambda clip: (None, np.tile(np.eye(4), (clip.frames, 1, 1)), 0.9)


@dataclass(frozen=True)
class Command:
    """A command that writes. Words in braces are places of the world."""

    words: str
    writes: tuple[str, ...]  # folders and files, below the world
    again: str = ""  # what a second run may refuse with, once all is there
    prepare: Callable[[], object] = nothing  # in the command's process, before it
    # How names end of files that differ from run to run: x264 reads memory that it has not set,
    # for frames of so few pixels.
    varies: tuple[str, ...] = ()

    def line(self, world: Path) -> list[str]:
        """The command line in a world."""
        return [word.replace("{w}", str(world)) for word in self.words.split()]

    def start(self, world: Path, outputs: Path | None = None) -> Job:
        """The command at work in a world; what it prints goes to a file in `outputs`.

        outputs: default the folder that the world is in.
        """
        output = (outputs or world.parent) / f"{world.name}-{secrets.token_hex(4)}.txt"
        return command(self.line(world), output, self.prepare)


TRAIN = " ".join(
    training_task.settings(Path("{w}/data/train"), "training.steps=3", "training.save_minutes=0")
)
MODEL = "--checkpoint {w}/i/tiny.safetensors --device cpu --steps 2"
COMMANDS = {
    "make-trajectory": Command(
        "make-trajectory dolly --frames 3 --image {w}/photo.png -o samples/new "
        "--instance-data {w}/i",
        ("i/samples/new",),
    ),
    "sample-trajectory": Command(
        f"sample-trajectory -o samples/room --instance-data {{w}}/i {MODEL}",
        ("i/samples/room/samples",),
    ),
    "run": Command(
        f"run {{w}}/photo.png --frames 3 --instance-data {{w}}/i {MODEL}",
        ("i/samples/photo-orbit",),
    ),
    "gallery": Command("gallery --instance-data {w}/i", ("i/gallery.html",)),
    "compute-tsed": Command(
        "compute-tsed -o samples/done --instance-data {w}/i --summary {w}/summary.json",
        ("i/samples/done/evaluation", "summary.json"),
    ),
    "draw-epipolar": Command(
        "draw-epipolar -o samples/done --instance-data {w}/i --figure {w}/figure.png",
        ("figure.png",),
    ),
    "evaluate": Command(
        "evaluate -o samples/done --instance-data {w}/i", ("i/samples/done/evaluation",)
    ),
    "evaluate --protocol": Command(
        "evaluate --protocol {w}/protocol.yaml --data {w}/data/train --instance-data {w}/i "
        f"--metrics psnr -- {MODEL}",
        ("i/samples/protocol",),
    ),
    "make-protocol": Command(
        "make-protocol {w}/new.yaml --poses {w}/data/train/poses.npy --sequences 2 --frames 3 "
        "--every 2",
        ("new.yaml",),
        again="exists; results refer to it",
    ),
    "convert-sequence": Command(
        "convert-sequence own --name walk --images {w}/images --poses {w}/transforms.json "
        "--data {w}/data",
        ("data/own", "data/RealEstate10K-original/own"),
    ),
    "export-cameras": Command(
        "export-cameras {w}/exported --format transforms -o samples/done --instance-data {w}/i "
        "--force",
        ("exported",),
    ),
    "pack": Command(
        "pack square --data {w}/data --chunks {w}/packed --frames 8 --workers 1", ("packed",)
    ),
    "unpack": Command(
        "unpack out --chunks {w}/chunks --data {w}/data --workers 1",
        ("data/out", "data/RealEstate10K-original/out"),
        varies=(".mp4",),
    ),
    "download-videos": Command(
        "download-videos web --data {w}/data --sleep 0 --parallel 1",
        ("data/web/videos",),
        varies=("manifest.jsonl",),  # times, to the second
    ),
    "extract-poses": Command(
        "extract-poses train --data {w}/data", ("data/train/poses.npy", "data/train/skipped.txt")
    ),
    "encode-latents": Command(
        f"encode-latents {TRAIN} --latents {{w}}/new-latents --device cpu --instance-data {{w}}/i",
        ("new-latents",),
    ),
    "chunks": Command("info {w}/chunks", ("chunks/photonvs-index",)),
    "train": Command(f"train {TRAIN} --device cpu --instance-data {{w}}/t", ("t/checkpoints",)),
    "train-first-stage": Command(
        "train-first-stage --config first-stage-small --device cpu --instance-data {w}/f "
        "data.poses={w}/data/train/poses.npy data.videos={w}/data/train/videos "
        + " ".join(FIRST_STAGE),
        ("f/first-stage/checkpoints", "f/first-stage.safetensors", "f/first-stage.ckpt"),
    ),
    "export-weights": Command(
        "export-weights {w}/exported.safetensors --instance-data {w}/trained",
        ("exported.safetensors",),
    ),
    "make-rooms": Command(
        "make-rooms test --clips 1 --frames 2 --fps 5 --workers 1 --data {w}/rooms",
        ("rooms",),
        prepare=plain_rooms,
    ),
}


def picture(seed: int, size: tuple[int, int] = (48, 86)) -> np.ndarray:
    """Coloured squares, (height, width, 3) uint8."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    return np.array(Image.fromarray(squares).resize(size[::-1], Image.Resampling.NEAREST))


def write_square_pixels(data: Path) -> None:
    """The footage again, with a focal length that fits its frames of 64 x 48 pixels."""
    split = Split(data, "square")
    shutil.copytree(data / "train" / "videos", split.videos)
    split.texts.mkdir()
    for text in Split(data, "train").texts.glob("*.txt"):
        (split.texts / text.name).write_text(text.read_text().replace(" 0.5 0.9 ", " 0.675 0.9 "))
    extract(split)


def build(world: Path, server: str) -> None:
    """Everything that the commands read, but what they themselves have to make.

    server: address of videos.
    """
    training_task.write_footage(world / "data")
    write_square_pixels(world / "data")
    web = world / "data" / "RealEstate10K-original" / "web"
    web.mkdir()
    for name in "ab":
        (web / f"{name}.txt").write_text(f"{server}/ok/{name}.mp4\n")
    for name in ("room", "done"):
        sample = Sample(write_task(world / "i" / "samples" / name, CHAIN))
        frames = [png_bytes(picture(index, (16, 16))) for index in range(len(CHAIN))]
        sample.write(sample.spec(), image_places(frames), force=True)
    save_weights(world / "i" / "tiny.safetensors", build_denoiser(CONFIG))
    Image.fromarray(picture(7)).save(world / "photo.png")
    (world / "images").mkdir()
    poses = np.tile(np.eye(4), (10, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(len(poses))
    frames = []
    for index, pose in enumerate(poses):
        Image.fromarray(picture(index)).save(world / "images" / f"{index:04d}.png")
        frames.append({"file_path": f"images/{index:04d}.png", "transform_matrix": pose.tolist()})
    lens = {"w": 86, "h": 48, "fl_x": 43.2, "fl_y": 43.2}
    (world / "transforms.json").write_text(json.dumps({**lens, "frames": frames}))
    save_chunk(world / "chunks" / "000000.torch", [record("a"), record("b")])


def fresh(source: Path, world: Path) -> Path:
    """A copy of a world."""
    return Path(shutil.copytree(source, world, symlinks=True))


@dataclass(frozen=True)
class Reference:
    """What an undisturbed command leaves."""

    # SHA-256 of each file by its place; None where two commands differ, as in a time.
    files: dict[str, str | None]
    seconds: float  # that it takes
    size: int  # of the files, bytes


def refer(command: Command, world: Path, folder: Path) -> Reference:
    """What a command leaves in a world, from two runs of it."""
    twice = []
    for number in range(2):
        copy, started = fresh(world, folder / str(number)), time.monotonic()
        outcome = command.start(copy).wait()
        assert outcome.code == 0, outcome.text
        seconds = time.monotonic() - started
        twice.append(visible(copy, command))
        time.sleep(max(0.0, 1.1 - seconds))  # so that seconds in files differ
    first, second = twice
    assert first.keys() == second.keys() and first
    files = {
        place: one if second[place] == one and not place.endswith(command.varies) else None
        for place, one in first.items()
    }
    size = sum((copy / place).stat().st_size for place in files)
    return Reference(files, seconds, size)


def visible(world: Path, command: Command) -> dict[str, str]:
    """The SHA-256 of each file that a command has written, by its place in the world.

    Without hidden ones and logs.
    """
    found = {}
    for name in command.writes:
        top = world / name
        for path in [top, *sorted(top.rglob("*"))]:
            place = str(path.relative_to(world))
            if path.is_file() and not any(part[0] == "." for part in Path(place).parts):
                found[place] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
