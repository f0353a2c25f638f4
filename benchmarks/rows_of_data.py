"""Rows of `suite.py` about what is around the networks: videos, cameras, TSED, commands."""

import subprocess
import sys
from importlib.util import find_spec
from multiprocessing import get_context

import numpy as np
import torch
from parts import Row, scratch_folder

from photonvs.config import Config
from photonvs.datasets.poses import save_poses
from photonvs.datasets.sources import open_dataset

SEQUENCES = 80_000  # of an index of RealEstate10K's size


def pairs_from_video(device: torch.device) -> Row:
    """A training pair from a video of 360p; beside decoding it from the start with OpenCV."""
    # Late: the other rows go without a package for video files.
    import cv2
    from data import sequence
    from video import RATE, make_video

    folder = scratch_folder()
    make_video(folder / "video.mp4", 10 * RATE)
    save_poses(folder / "poses.npy", {"0": sequence("video", 10 * RATE)})
    config = Config()
    config.data.poses, config.data.videos = f"{folder}/poses.npy", str(folder)
    dataset, numbers = open_dataset(config, ""), iter(range(1_000_000))

    def from_the_start() -> None:
        capture = cv2.VideoCapture(str(folder / "video.mp4"))
        for _ in range(int(np.random.default_rng(next(numbers)).integers(10 * RATE)) + 1):
            capture.read()

    return Row(lambda: dataset[next(numbers)], from_the_start, "OpenCV, reading up to the frame")


def pose_index(device: torch.device) -> Row:
    """Opening 10 million cameras, and reading a sequence's; beside a tenth of them, pickled."""
    from data import open_index, open_pickle, write_indices

    # In a process of its own, whose memory does not count.
    with get_context("spawn").Pool(1) as pool:
        index, pickled = pool.apply(write_indices, (scratch_folder(), SEQUENCES))
    return Row(
        lambda: open_index(index), lambda: open_pickle(pickled), "a tenth of it, as a pickle"
    )


def tsed_of_a_sequence(device: torch.device) -> Row:
    """TSED of 20 frames: features, matches and distances; beside COLMAP's matching. One thread."""
    import cv2
    from tsed import colmap_exhaustive, make_frames, score_anew

    from photonvs.evaluation.matching import SiftMatcher

    cv2.setNumThreads(1)
    folder, matcher = scratch_folder(), SiftMatcher()
    images, cameras = make_frames(folder / "frames", 20)

    def ours() -> None:
        score_anew(images, cameras, matcher, folder)

    if find_spec("pycolmap") is None:
        return Row(ours)
    return Row(ours, lambda: colmap_exhaustive(folder / "frames", folder), "COLMAP, all pairs")


def start_of_a_command(device: torch.device) -> Row:
    """`photonvs sample-trajectory --help`; beside a bare `import torch`."""
    command = [sys.executable, "-m", "photonvs", "sample-trajectory", "--help"]
    return Row(
        lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
        lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True),
        "import torch",
    )
