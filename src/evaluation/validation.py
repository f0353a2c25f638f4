"""The command scripts/train.py: the training, watched by frames sampled along fixed paths and their scores."""

import shutil
from pathlib import Path

import numpy as np

from ..commands.make_trajectory import frames_of, write_sample
from ..config import Config
from ..datasets.camera_files import find_images, read_cameras
from ..datasets.poses import load_poses
from ..datasets.video import find_videos
from ..sampling import sample_trajectory
from ..training.score import ScoreTask
from ..trajectory import SPEC, SamplingSpec, conditioning
from ..trajectory_presets import realestate10k
from ..utils.files import REPOSITORY
from .image_metrics import score_run
from .matching import SiftMatcher
from .scoring import FrameSequence, score_sequence
from .tsed import tsed


class Validation:
    """Frames along fixed paths of a split that training does not see, made with the averaged weights, and their scores."""

    def __init__(self, task: ScoreTask, folder: Path) -> None:
        self.task = task
        self.samples = _write_samples(task.config, folder)

    def __call__(self, step: int) -> dict[str, float]:
        """Sample every path as run number `step`; mean PSNR (dB), that of copying the given frame, and TSED."""
        for sample in self.samples:  # of an earlier training in this folder
            shutil.rmtree(sample / "samples" / f"{step:08d}", ignore_errors=True)
        with self.task.ema.applied_to(self.task.denoiser):
            runs = sample_trajectory(
                self.samples, self.task.denoiser, self.task.first_stage, runs=[step], progress=False
            )
        rows = [row for run in runs for row in score_run(run.directory, run.folder)]
        scores = {
            key: float(np.mean([row[key] for row in rows])) for key in ("psnr", "psnr_of_copying")
        }
        return scores | {
            "tsed": float(np.nanmean([_tsed(run.directory, run.folder) for run in runs]))
        }


def _tsed(directory: Path, run: Path) -> float:
    cameras = read_cameras(directory / SPEC)
    images, _ = find_images(cameras, run / "images")
    return tsed(
        [
            score.distances
            for score in score_sequence(
                FrameSequence(images, cameras), SiftMatcher(), run / "matches.npz"
            )
        ]
    )


def _write_samples(config: Config, folder: Path) -> list[Path]:
    """A sample's folder for each validation path, with given and true frames."""
    split = REPOSITORY / config.data.validation
    sequences, videos = load_poses(split / "poses.npy"), find_videos(split / "videos")
    frames, every = config.data.validation_frames, config.data.validation_every
    if frames < 2 or every < 1 or config.data.validation_sequences < 1:
        raise ValueError(
            "data.validation_frames must be at least 2, validation_every and validation_sequences at least 1"
        )
    present = np.array([video in videos for video in sequences.videos()])
    long_enough = np.flatnonzero(present & (sequences.lengths() > (frames - 1) * every))
    if not len(long_enough):
        raise ValueError(
            f"{split}/poses.npy: no sequence has a video and the {(frames - 1) * every + 1} poses that validation needs"
        )
    chosen = long_enough[
        np.linspace(
            0, len(long_enough) - 1, min(config.data.validation_sequences, len(long_enough))
        ).astype(int)
    ]
    folders = []
    for number in chosen:
        name = sequences.id_of(number)
        path = realestate10k(name, split / "poses.npy", frames, every)
        folders.append(folder / name)
        images = frames_of(videos[sequences[name].video], path)
        write_sample(
            folders[-1],
            SamplingSpec(path.focal_y, path.poses, *conditioning(frames)),
            images,
            force=True,
        )
    return folders
