"""Training steps a second of the published denoiser: from videos, and from latents.

    python benchmarks/training.py [--pairs 1] [--steps 2]

Latents spare it the first stage's encoding. On a GPU if there is one. A worker process loads the
data. Both trainings take turns, and their first step does not count.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from data import sequence
from video import RATE, make_video

from photonvs.config import Config, DataConfig, TrainingConfig
from photonvs.datasets.pairs import FramePairs
from photonvs.datasets.poses import save_poses
from photonvs.models import build_first_stage, save_weights
from photonvs.training.latents import encode_latents
from photonvs.training.loading import numbered_batches
from photonvs.training.score import ScoreTask
from photonvs.utils.denormals import flushed_denormals
from photonvs.utils.distributed import Process, choose_device

FRAMES = 8  # of the video that is trained on


def main() -> None:
    """Print seconds a step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "pairs a step (default: %(default)s)"
    parser.add_argument("--pairs", type=int, default=1, metavar="N", help=text)
    text = "steps to time (default: %(default)s)"
    parser.add_argument("--steps", type=int, default=2, metavar="N", help=text)
    options = parser.parse_args()
    process = Process(choose_device())
    what = f"{options.pairs} pairs a step, {options.steps} steps, on {process.device}"
    print(f"published network, {what}")
    with tempfile.TemporaryDirectory() as folder, flushed_denormals(), ExitStack() as stack:
        configs = prepare(Path(folder), options.pairs, process.device)
        tasks = {name: ScoreTask(config, Path(folder), process) for name, config in configs.items()}
        batches = {
            name: stack.enter_context(batches_of(task.dataset, task.config))
            for name, task in tasks.items()
        }
        seconds = dict.fromkeys(tasks, 0.0)
        for step in range(options.steps + 1):
            for name, task in tasks.items():
                took = timed_step(task, batches[name], step)
                seconds[name] += took if step else 0.0
    for name, total in seconds.items():
        rate = f"{options.steps / total:8.3f} steps/s, {total / options.steps:.2f} s a step"
        print(f"training from {name:8s}{rate}")
    print(f"from latents {seconds['videos'] / seconds['latents']:.2f} times as fast as from videos")


def prepare(folder: Path, pairs: int, device: torch.device) -> dict[str, Config]:
    """The settings of both trainings by name.

    In the folder go a video, its poses, an untrained first stage and the latents.
    """
    make_video(folder / "video.mp4", 4 * RATE)
    save_poses(folder / "poses.npy", {"0": sequence("video", FRAMES)})
    first_stage = build_first_stage(Config().first_stage).eval()
    weights = folder / "first-stage.safetensors"
    save_weights(weights, first_stage)
    places = {"poses": f"{folder}/poses.npy", "videos": str(folder), "first_stage": str(weights)}
    videos = DataConfig(**places, workers=1)
    training = TrainingConfig(batch_size=pairs)
    from_videos = Config(data=videos, training=training)
    encode_latents(from_videos, folder / "latents", first_stage.to(device))
    latents = replace(videos, latents=f"{folder}/latents")
    return {"videos": from_videos, "latents": Config(data=latents, training=training)}


def batches_of(
    dataset: FramePairs, config: Config
) -> AbstractContextManager[Iterator[dict[str, torch.Tensor]]]:
    """A data set's batches, loaded by a worker."""
    pairs = config.training.batch_size
    numbers = (range(start, start + pairs) for start in range(0, 10**9, pairs))
    return numbered_batches(dataset, numbers, config.data.workers, pin_memory=False)


def timed_step(task: ScoreTask, batches: Iterator[dict[str, torch.Tensor]], step: int) -> float:
    """Seconds of an optimizer step, waiting for its data included."""
    start = time.perf_counter()
    scalars = task.update([next(batches)], step)
    scalars["loss"].item()  # waits for a GPU
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
