"""Pairs a second from videos, chunks and latents, and an index of RealEstate10K's size.

    python benchmarks/data.py [--sequences 80000]

The poses are random, 125 a sequence; the file takes 1.8 GB of a temporary folder. It is compared
with a pickled dictionary of arrays of a tenth of the sequences. Opening is timed in new processes,
with the file in the system's cache.
"""

import argparse
import multiprocessing
import pickle
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from video import RATE, make_video

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.config import Config, DataConfig
from photonvs.datasets.chunk_files import make_record, save_chunk
from photonvs.datasets.chunks import ChunkPairDataset
from photonvs.datasets.latents import describe, first_stage_fingerprint
from photonvs.datasets.pairs import FramePairs
from photonvs.datasets.poses import load_poses, save_poses
from photonvs.datasets.sources import open_dataset
from photonvs.datasets.video import crop_and_resize, read_frames
from photonvs.training.latents import encode_latents
from photonvs.utils.pictures import from_bytes

POSES = 125  # a sequence
VIDEOS, SECONDS = 3, 20  # of the data set for pairs
PICKLED = 10  # the pickled dictionary has so many times fewer sequences


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "of the pose index (default: %(default)s)"
    parser.add_argument("--sequences", type=int, default=80_000, metavar="N", help=text)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        compare_pairs(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        compare_indices(Path(folder), options.sequences)


def compare_pairs(folder: Path) -> None:
    """Pairs a second of one process, from videos and from latents (4, 32, 32) as published."""
    data = DataConfig(poses=f"{folder}/poses.npy", videos=f"{folder}/videos", workers=0)
    config = Config(data=data)
    (folder / "videos").mkdir()
    for number in range(VIDEOS):
        make_video(folder / "videos" / f"video{number}.mp4", SECONDS * RATE)
    paths = {
        f"{number:016x}": sequence(f"video{number}", SECONDS * RATE) for number in range(VIDEOS)
    }
    save_poses(folder / "poses.npy", paths)
    stage = StandIn(config)
    start = time.perf_counter()
    frames = encode_latents(config, folder / "latents", stage).frames
    rate = frames / (time.perf_counter() - start)
    print(f"decoding and cropping all frames once: {rate:.0f} frames/s, one process")
    from_videos = open_dataset(config, "")
    config.data = replace(data, latents=f"{folder}/latents")
    from_latents = open_dataset(config, first_stage_fingerprint(stage))
    from_chunks = open_chunks(folder, paths)
    images = np.random.default_rng(0).integers(0, 256, (2, 360, 640, 3), dtype=np.uint8)
    print(f"crop_and_resize: {1000 * seconds(lambda _: crop_and_resize(images), 20):.1f} ms a pair")
    kinds = (
        ("videos", from_videos, 40),
        ("chunks", from_chunks, 200),
        ("latents", from_latents, 2000),
    )
    for name, dataset, count in kinds:
        rate = 1 / seconds(dataset.__getitem__, count)
        print(f"training pairs from {name}: {rate:.0f} pairs/s, one process")
    check_same_pairs(from_videos, from_latents)


def open_chunks(folder: Path, paths: Mapping[str, VideoPoses]) -> FramePairs:
    """The same videos' frames as chunks, one a video, and their pairs."""
    (folder / "chunks").mkdir()
    for key, path in paths.items():
        poses = np.broadcast_to(np.eye(4), (len(path), 4, 4))
        frames = read_frames(folder / "videos" / f"{path.video}.mp4", path.timestamps)
        url = f"https://x.invalid/watch?v={path.video}"
        record = make_record(key, url, path.timestamps, poses, (9 / 16, 1.0, 0.5, 0.5), frames)
        save_chunk(folder / "chunks" / f"{key}.torch", [record])
    return ChunkPairDataset(folder / "chunks", Config().first_stage.image_size)


class StandIn(torch.nn.Module):
    """In place of the first stage, so that only the data's side is timed.

    Its latents are four channels of the image at an eighth of the size.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config.first_stage

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, [0, 1, 2, 0], ::8, ::8]


def check_same_pairs(from_videos: FramePairs, from_latents: FramePairs) -> None:
    """Fail unless both give the same frames."""
    for number in range(3):
        image, latent = from_videos[number]["target_image"], from_latents[number]["target_latent"]
        expected = from_bytes(image[:, ::8, ::8])
        torch.testing.assert_close(latent[:3], expected, rtol=1e-3, atol=1e-3)


def sequence(video: str, frames: int) -> VideoPoses:
    """Every frame of a video, with cameras that don't matter."""
    times = np.round(np.arange(frames) * 1e6 / RATE).astype(np.int64)
    ones, poses = np.ones(frames), np.broadcast_to(np.eye(3, 4), (frames, 3, 4))
    return VideoPoses(video, times, ones, ones, ones, ones, poses)


def seconds(function: Callable[[int], object], count: int) -> float:
    """The mean time of function(0), function(1), ..., after a first call."""
    function(0)
    start = time.perf_counter()
    for number in range(count):
        function(number)
    return (time.perf_counter() - start) / count


def write_indices(folder: Path, count: int) -> tuple[Path, Path]:
    """Write poses.npy with `count` sequences, and poses.pickle with a tenth of them."""
    one = sequence("abcdefghijk", POSES)
    save_poses(folder / "poses.npy", {f"{number:016x}": one for number in range(count)})
    with (folder / "poses.pickle").open("wb") as file:
        fields = {name: np.array(value) for name, value in vars(one).items() if name != "video"}
        content = {
            f"{number:016x}": {name: value.copy() for name, value in fields.items()}
            for number in range(count // PICKLED)
        }
        pickle.dump(content, file, protocol=4)
    return folder / "poses.npy", folder / "poses.pickle"


def compare_indices(folder: Path, count: int) -> None:
    """Time and memory until a training can ask for the first pair's cameras."""
    index, pickled = write_indices(folder, count)
    for path, opened in ((index, open_index), (pickled, open_pickle)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sequences, took, megabytes = pool.apply(in_new_process, (opened, path))
        size = f"{sequences} sequences, {path.stat().st_size / 1e9:.2f} GB"
        cost = f"{1000 * took:.0f} ms, {megabytes:.0f} MB of memory"
        print(f"{path.name}: {size}: opened in {cost}")
    start = time.perf_counter()
    describe(index, "")
    took = time.perf_counter() - start
    print(f"poses.npy: hashed in {took:.1f} s, when a training from latents starts")


def in_new_process(opened: Callable[[Path], Mapping], path: Path) -> tuple[int, float, float]:
    """Number of sequences, seconds and megabytes that opening takes."""
    before, start = memory(), time.perf_counter()
    content = opened(path)
    took = time.perf_counter() - start
    return len(content), took, memory() - before


def memory() -> float:
    """Megabytes of memory that this process has to itself (Linux only, else NaN).

    Mapped files, which processes share, do not count.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    return int(re.search(r"RssAnon:\s*(\d+) kB", status.read_text())[1]) / 1024


def open_index(path: Path) -> Mapping:
    """Open poses.npy, and read a sequence."""
    poses = load_poses(path)
    poses.sequence(len(poses) // 2).poses.sum()
    return poses


def open_pickle(path: Path) -> Mapping:
    """Load the dictionary, and read a sequence."""
    with path.open("rb") as file:
        content = pickle.load(file)  # noqa: S301 (written above)
    next(iter(content.values()))["poses"].sum()
    return content


if __name__ == "__main__":
    main()
