"""Every kind of file that photonvs reads: how one is made, and what reads it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pycolmap
from chunk_records import record
from PIL import Image
from readers import (
    camera_path,
    checkpoints,
    chunks,
    denoiser,
    first_stage,
    image,
    keyframes,
    latent_of_run,
    latents,
    matches,
    own_frames,
    poses_file,
    statistics,
    urls,
    video,
)
from scenes import random_poses, write_realestate10k_text
from test_camera_files import write_colmap_text
from world import picture

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.camera_path import write_camera_path
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.realestate10k import read_realestate10k_text
from photonvs.cameras.spec import read_spec
from photonvs.config import FirstStageConfig, load_config
from photonvs.datasets.chunk_files import save_chunk
from photonvs.datasets.chunks import ChunkIndex
from photonvs.datasets.download.manifest import read_manifest
from photonvs.datasets.own_frames import write_own_frames
from photonvs.evaluation.comparisons import read_rows
from photonvs.evaluation.match_cache import MatchCache
from photonvs.evaluation.matching import Frame, SiftMatcher
from photonvs.evaluation.protocol import read_protocol
from photonvs.models import save_weights
from photonvs.models.first_stage import build_first_stage
from photonvs.sampling.runs import read_run_settings
from photonvs.training.recipe import RECIPES, load_recipe
from photonvs.utils.checkpoint import list_checkpoints, save_checkpoint

FIRST_STAGE = FirstStageConfig(
    image_size=16,
    channels=32,
    channel_multipliers=[1, 1],
    residual_blocks=1,
    latent_channels=4,
    codebook_size=16,
)


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    # Path of a whole file in an empty folder, of the world.
    make: Callable[[Path, Path], Path]
    read: Callable[[Path], object]
    # Whether a part of the file may be read as another one: fewer lines, frames of a video, or
    # pixels that are whole, without what describes them at the file's end.
    parts: bool = False
    # Whether a damaged file is as good as none, since it is made again.
    remade: bool = False


def copied(place: str, *beside: str) -> Callable[[Path, Path], Path]:
    """A maker that copies a file of the world, its folder too, and files that go with it."""

    def make(world: Path, folder: Path) -> Path:
        for one in (place, *beside):
            target = folder / one
            target.parent.mkdir(parents=True, exist_ok=True)
            source = world / one
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        return folder / place

    return make


def saved(name: str, write: Callable[[Path], object]) -> Callable[[Path, Path], Path]:
    """A maker that writes a file of this name."""

    def make(world: Path, folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


def write_matches(path: Path) -> None:
    frame, cache = (
        Frame(path, "a", Image.new("RGB", (8, 8)), True, False),
        MatchCache(path, SiftMatcher()),
    )
    points = np.arange(40, dtype=np.float32).reshape(20, 2)
    cache.get(frame, frame, lambda: (points, points + 1))
    cache.save()


def write_path(path: Path) -> None:
    cameras = [Camera(pose, "", focal_y=0.9, size=(48, 48)) for pose in random_poses(3, 4)]
    write_camera_path(cameras, path)


def write_keyframes(path: Path) -> None:
    entries = [{"position": [0, 0, k], "look_at": [1, 0, k + 2.5], "time": k} for k in range(3)]
    path.write_text(json.dumps({"keyframes": entries, "up": [0, 1, 0]}))


def write_photo(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 28
    Image.fromarray(picture(5)).save(path, exif=exif)


def write_settings(path: Path) -> None:
    path.write_text("denoiser:\n  channels: 32\ntraining:\n  steps: 7\n  learning_rate: 1.0e-3\n")


def published(path: Path) -> None:
    module = build_first_stage(FIRST_STAGE)
    config = {"first_stage": asdict(FIRST_STAGE)}
    save_checkpoint(path, {"state_dict": dict(module.state_dict()), "config": config})


def write_own(path: Path) -> None:
    write_own_frames(path, "poses", [(0, 1), (0, 2)], np.zeros((2, 12, 8, 8), np.float16))


def write_manifest(path: Path) -> None:
    entry = {"video": "a", "url": "https://x.invalid/a", "status": "there", "when": "2024-01-01"}
    path.write_text(json.dumps(entry) + "\n" + json.dumps(entry | {"status": "gone"}) + "\n")


def colmap(name: str) -> Callable[[Path, Path], Path]:
    def make(world: Path, folder: Path) -> Path:
        write_colmap_text(folder / "model", random_poses(3, 4))
        if name.endswith(".bin"):
            (folder / "model" / "points3D.txt").touch()
            pycolmap.Reconstruction(str(folder / "model")).write_binary(str(folder / "model"))
            for text in (folder / "model").glob("*.txt"):
                text.unlink()
        return folder / "model" / name

    return make


def indexed(name: str) -> Callable[[Path, Path], Path]:
    def make(world: Path, folder: Path) -> Path:
        save_chunk(folder / "000000.torch", [record("a"), record("b")])
        return ChunkIndex(folder).folder / "photonvs-index" / name

    return make


def numbers(name: str) -> Callable[[Path, Path], Path]:
    poses = random_poses(3, 4)
    text = json.dumps({"poses": poses.tolist(), "focal_y": 0.9})
    if name.endswith(".npz"):
        return saved(name, lambda path: np.savez(path, poses=poses, focal_y=0.9))
    if name.endswith(".npy"):
        return saved(name, lambda path: np.save(path, poses))
    return saved(name, lambda path: path.write_text(text))


def newest_checkpoint(world: Path, folder: Path) -> Path:
    newest = list_checkpoints(world / "trained" / "checkpoints")[-1]
    return Path(shutil.copy(newest, folder / newest.name))


DONE = "i/samples/done"
SPEC, RUN = f"{DONE}/sampling-spec.json", f"{DONE}/samples/00000000"
KINDS = {
    "sampling-spec.json": Kind(copied(SPEC), read_spec),
    "matrices.json": Kind(numbers("path.json"), camera_path),
    "matrices.npy": Kind(numbers("path.npy"), camera_path),
    "matrices.npz": Kind(numbers("path.npz"), camera_path),
    "camera path": Kind(saved("camera_path.json", write_path), camera_path),
    "keyframes": Kind(saved("keyframes.json", write_keyframes), keyframes),
    "transforms.json": Kind(copied("transforms.json"), read_cameras),
    "COLMAP cameras.txt": Kind(colmap("cameras.txt"), read_cameras, parts=True),
    "COLMAP images.txt": Kind(colmap("images.txt"), read_cameras, parts=True),
    "COLMAP cameras.bin": Kind(colmap("cameras.bin"), read_cameras, parts=True),
    "COLMAP images.bin": Kind(colmap("images.bin"), read_cameras, parts=True),
    "RealEstate10K text": Kind(
        saved("a.txt", lambda path: write_realestate10k_text(path, random_poses(3, 5))),
        read_realestate10k_text,
        parts=True,
    ),
    "URL of a text": Kind(
        saved("a.txt", lambda path: write_realestate10k_text(path, random_poses(3, 2))),
        urls,
        parts=True,
    ),
    "poses.npy": Kind(copied("data/train/poses.npy"), poses_file),
    "settings": Kind(
        saved("mine.yaml", write_settings), lambda path: load_config(str(path)), parts=True
    ),
    "recipe": Kind(
        saved("mine.yaml", lambda path: shutil.copy(RECIPES / "rooms.yaml", path)),
        lambda path: load_recipe(str(path)),
        parts=True,
    ),
    "own frames": Kind(saved("own.npz", write_own), own_frames),
    "protocol": Kind(copied("protocol.yaml"), read_protocol, parts=True),
    "run.json": Kind(copied(f"{RUN}/run.json"), read_run_settings),
    "latent of a run": Kind(
        copied(f"{RUN}/latents/0001.npy", SPEC, f"{DONE}/init-ims"), latent_of_run
    ),
    "latents' manifest": Kind(copied("latents/manifest.json", "latents"), latents),
    "latents' index": Kind(copied("latents/index.npy", "latents"), latents),
    "shard of latents": Kind(copied("latents/0000.npy", "latents"), latents),
    "missing frames": Kind(copied("latents/0000-missing.json", "latents"), latents),
    "chunk": Kind(saved("0.torch", lambda path: save_chunk(path, [record("a")])), chunks),
    "chunks' manifest": Kind(indexed("chunks.json"), chunks, remade=True),
    "chunks' poses": Kind(indexed("poses.npy"), chunks, remade=True),
    "chunks' places": Kind(indexed("images.npy"), chunks, remade=True),
    "PNG": Kind(saved("a.png", write_photo), image, parts=True),
    "JPEG": Kind(saved("a.jpg", write_photo), image, parts=True),
    "WebP": Kind(saved("a.webp", write_photo), image),
    "TIFF": Kind(saved("a.tiff", write_photo), image),
    "BMP": Kind(
        saved("a.bmp", lambda path: Image.fromarray(picture(1)).save(path)), image, parts=True
    ),
    "video": Kind(copied("data/train/videos/video0.mp4"), video, parts=True),
    "denoiser.safetensors": Kind(copied("i/tiny.safetensors"), denoiser),
    "first-stage.safetensors": Kind(
        saved("a.safetensors", lambda path: save_weights(path, build_first_stage(FIRST_STAGE))),
        first_stage,
    ),
    "checkpoint": Kind(newest_checkpoint, checkpoints),
    "published first stage": Kind(saved("a.ckpt", published), first_stage),
    "matches.npz": Kind(saved("m.npz", write_matches), matches, remade=True),
    "metrics.json": Kind(
        saved("m.json", lambda path: path.write_text('{"frames": [{"frame": 1, "psnr": 20.5}]}')),
        read_rows,
        parts=True,
        remade=True,
    ),
    "stats.jsonl": Kind(
        saved("s.jsonl", lambda path: path.write_text('{"step": 1}\n{"step": 2}\n')),
        statistics,
        parts=True,
        remade=True,
    ),
    "manifest.jsonl": Kind(saved("manifest.jsonl", write_manifest), read_manifest, parts=True),
}
