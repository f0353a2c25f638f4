"""A tiny training task: footage, settings, and the program in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from chunk_records import record

from photonvs.config import load_config
from photonvs.datasets.chunk_files import save_chunk
from photonvs.datasets.extract import extract
from photonvs.datasets.latents import first_stage_fingerprint
from photonvs.datasets.layout import Split
from photonvs.datasets.pairs import FramePairs
from photonvs.datasets.sources import open_dataset
from photonvs.models import build_first_stage
from photonvs.training.latents import encode_latents
from photonvs.utils.files import BASE

SEQUENCES, POSES = 3, 8


def write_footage(data: Path) -> Path:
    """Three sequences of a camera moving sideways, extracted. Returns the folder `data`/train."""
    from numbered_video import write_numbered_video  # late: chunks go without a video package

    (data / "train" / "videos").mkdir(parents=True)
    texts = data / "RealEstate10K-original" / "train"
    texts.mkdir(parents=True)
    for sequence in range(SEQUENCES):
        write_numbered_video(
            data / "train" / "videos" / f"video{sequence}.mp4", range(0, 30 * 512, 512)
        )
        lines = [f"https://www.youtube.com/watch?v=video{sequence}"]
        for pose in range(POSES):
            x = -0.1 * pose * (sequence + 1)
            lines.append(f"{pose * 100_000} 0.5 0.9 0.5 0.5 0 0 1 0 0 {x:f} 0 1 0 0 0 0 1 0")
        (texts / f"{sequence:016x}.txt").write_text("\n".join(lines))
    extract(Split(data, "train"))
    return data / "train"


def settings(train: Path, *more: str) -> list[str]:
    """key=value arguments of a network that takes milliseconds a step."""
    return [
        f"data.poses={train}/poses.npy",
        f"data.videos={train}/videos",
        "data.workers=0",
        "first_stage.kind=pixels",
        "first_stage.image_size=16",
        "denoiser.latent_size=8",
        "denoiser.latent_channels=12",
        "denoiser.channels=8",
        "denoiser.channel_multipliers=[1,1]",
        "denoiser.residual_blocks=1",
        "denoiser.attention_resolutions=[4]",
        "denoiser.attention_heads=1",
        "denoiser.ray_channels=[8,8]",
        "diffusion.sigma_max=20",
        "training.batch_size=8",
        "training.steps=6",
        "training.warmup_steps=3",
        "training.learning_rate=1e-3",
        "training.log_every=1",
        "training.sample_every=0",
        "training.checkpoint_every=2",
        *more,
    ]


def latent_settings(data: Path) -> list[str]:
    """The same of a training from latents of `write_footage`, which are made."""
    words = settings(write_footage(data), f"data.latents={data}/latents")
    config = load_config("realestate10k", words)
    encode_latents(config, data / "latents", build_first_stage(config.first_stage))
    return words


def chunk_settings(data: Path, *more: str) -> list[str]:
    """The same of a training from chunks of other sequences, which are written."""
    chunks = data / "chunks"
    save_chunk(chunks / "000000.torch", [record("b"), record("a")])
    save_chunk(chunks / "000001.torch", [record("c")])
    return settings(chunks, f"data.chunks={chunks}", *more)


def open_pairs(words: list[str]) -> FramePairs:
    """The training data of these settings."""
    config = load_config("realestate10k", words)
    fingerprint = first_stage_fingerprint(build_first_stage(config.first_stage))
    return open_dataset(config, fingerprint)


def command(
    instance_data: Path, arguments: list[str], processes: int = 1, launched: bool = False
) -> list[str]:
    """The command line of scripts/train.py, under torchrun for several processes or if asked."""
    launcher = [sys.executable]
    if processes > 1 or launched:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [
        *launcher,
        str(BASE / "src/scripts/train.py"),
        "--instance-data",
        str(instance_data),
        "--device",
        "cpu",
        *arguments,
    ]


def run(instance_data: Path, arguments: list[str], processes: int = 1) -> str:
    """Run scripts/train.py to its end; what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = command(instance_data, arguments, processes)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


def logged(instance_data: Path, name: str) -> list[float]:
    """The values of a scalar in stats.jsonl, in order."""
    rows = [
        json.loads(line)
        for line in (instance_data / "logs" / "stats.jsonl").read_text().splitlines()
    ]
    return [row[name] for row in rows if name in row]
