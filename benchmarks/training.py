"""Training steps a second of the published network, from videos and from latents, which spare it the first stage's encoding.

    python benchmarks/training.py [--pairs 1] [--steps 2]

On a GPU if there is one. A worker process loads the data; both trainings take turns, and their first step does not count.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from data import sequence
from torch.utils.data import DataLoader
from video import RATE, make_video

from photonvs.config import Config
from photonvs.datasets.poses import save_poses
from photonvs.models import build_first_stage, save_weights
from photonvs.training.latents import encode_latents
from photonvs.training.score import ScoreTask
from photonvs.training.trainer import NumberedSamples
from photonvs.utils.denormals import flushed_denormals
from photonvs.utils.distributed import Process, choose_device

FRAMES = 8  # of the video that is trained on


def main() -> None:
    """Print seconds a step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=int, default=1, metavar="N", help="pairs a step (default: 1)"
    )
    parser.add_argument(
        "--steps", type=int, default=2, metavar="N", help="steps to time (default: 2)"
    )
    options = parser.parse_args()
    process = Process(choose_device())
    print(
        f"published network, {options.pairs} pairs a step, {options.steps} steps, on {process.device}"
    )
    with tempfile.TemporaryDirectory() as folder, flushed_denormals():
        configs = prepare(Path(folder), options.pairs, process.device)
        tasks = {name: ScoreTask(config, Path(folder), process) for name, config in configs.items()}
        batches = {name: batches_of(task) for name, task in tasks.items()}
        seconds = dict.fromkeys(tasks, 0.0)
        for step in range(options.steps + 1):
            for name, task in tasks.items():
                took = timed_step(task, batches[name], step)
                seconds[name] += took if step else 0.0
    for name, total in seconds.items():
        print(
            f"training from {name:8s}{options.steps / total:8.3f} steps/s, {total / options.steps:.2f} s a step"
        )
    print(f"from latents {seconds['videos'] / seconds['latents']:.2f} times as fast as from videos")


def prepare(folder: Path, pairs: int, device: torch.device) -> dict[str, Config]:
    """A video, its poses, an untrained first stage and the latents; the settings of both trainings by name."""
    make_video(folder / "video.mp4", 4 * RATE)
    save_poses(folder / "poses.npy", {"0": sequence("video", FRAMES)})
    first_stage = build_first_stage(Config().first_stage).eval()
    save_weights(folder / "first-stage.safetensors", first_stage)
    configs = {"videos": Config(), "latents": Config()}
    for config in configs.values():
        config.data.poses, config.data.videos, config.data.workers = (
            str(folder / "poses.npy"),
            str(folder),
            1,
        )
        config.data.first_stage = str(folder / "first-stage.safetensors")
        config.training.batch_size = pairs
    encode_latents(configs["latents"], folder / "latents", first_stage.to(device))
    configs["latents"].data.latents = str(folder / "latents")
    return configs


def batches_of(task: ScoreTask) -> Iterator[dict[str, torch.Tensor]]:
    """The task's batches, loaded by a worker."""
    pairs = task.config.training.batch_size
    numbers = (range(start, start + pairs) for start in range(0, 10**9, pairs))
    return iter(
        DataLoader(
            NumberedSamples(task.dataset),
            batch_sampler=numbers,
            num_workers=task.config.data.workers,
        )
    )


def timed_step(task: ScoreTask, batches: Iterator[dict[str, torch.Tensor]], step: int) -> float:
    """Seconds of an optimizer step, waiting for its data included."""
    start = time.perf_counter()
    scalars = task.update([next(batches)], step)
    scalars["loss"].item()  # waits for a GPU
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
