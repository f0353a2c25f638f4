"""Watching a training: frames along fixed paths that it does not see, and their scores."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..cameras.conditioning import conditioning
from ..cameras.files.matching import match_images
from ..cameras.files.reading import read_cameras
from ..cameras.realestate10k import sequence_path
from ..cameras.spec import SamplingSpec
from ..config import DataConfig
from ..datasets.poses import load_poses
from ..datasets.video import find_videos, sample_images
from ..samples import RunFolder, Sample
from ..sampling.trajectory import sample_trajectory
from ..training.score import ScoreTask
from ..utils.files import from_base
from .comparisons import BASELINE, score_run
from .matching import SiftMatcher
from .scoring import score_sequence, t_error_of
from .tsed import tsed


class Validation:
    """Frames along fixed paths of a split that training does not see, and their scores."""

    def __init__(self, task: ScoreTask, folder: Path) -> None:
        self.task, self.process = task, task.process
        self.samples = self.process.by_first(lambda: _write_samples(task.config.data, folder))

    def __call__(self, step: int) -> dict[str, float]:
        """Sample every path as run number `step`, with the averaged weights.

        The processes share the paths; every one must call this. Returns the mean PSNR (dB), that of
        copying the given frame, and TSED. A ValueError or OSError of one process is raised in all.
        """
        self.process.share(lambda: self._clear(step))
        shares = self.process.share(lambda: self._score_share(step))
        scored = {path: scores for share in shares for path, scores in share.items()}
        paths = [scored[sample] for sample in self.samples]  # in the same order on any processes
        rows = [row for path in paths for row in path.rows]
        names = "psnr", BASELINE
        scores = {name: float(np.mean([row[name] for row in rows])) for name in names}
        return scores | {"tsed": float(np.nanmean([path.tsed for path in paths]))}

    def _clear(self, step: int) -> None:
        """Remove what an earlier training in this folder left; the first process does."""
        for sample in self.samples if self.process.leads else ():
            shutil.rmtree(Sample(sample).run(step).folder, ignore_errors=True)

    def _score_share(self, step: int) -> dict[Path, "PathScores"]:
        """Make this process's share of the paths; the scores of each, by the sample's folder."""
        denoiser, first_stage = self.task.denoiser, self.task.first_stage
        with self.task.ema.applied_to(denoiser):
            runs = sample_trajectory(
                self.samples,
                denoiser,
                first_stage,
                runs=[step],
                process=self.process,
                progress=False,
            )
        places = [run.place for run in runs]
        return {
            place.sample.directory: PathScores(score_run(place), _tsed(place)) for place in places
        }


class PathScores(NamedTuple):
    """Scores of the frames of one path."""

    rows: list[dict]  # of `score_run`
    tsed: float


def _tsed(run: RunFolder) -> float:
    cameras = read_cameras(run.spec_file)
    images = match_images(cameras, run.images).images
    scores = score_sequence(images, cameras, SiftMatcher())
    return tsed([score.distances for score in scores], t_error_of(scores))


def _write_samples(data: DataConfig, folder: Path) -> list[Path]:
    """A sample's folder for each validation path, with given and true frames."""
    split = from_base(data.validation)
    sequences, videos = load_poses(split / "poses.npy"), find_videos(split / "videos")
    frames, every = data.validation_frames, data.validation_every
    needed = (frames - 1) * every + 1
    present = np.array([video in videos for video in sequences.videos()])
    usable = np.flatnonzero(present & (sequences.lengths() >= needed))
    if not len(usable):
        raise ValueError(
            f"{split}/poses.npy: no sequence has a video and the {needed} poses that validation "
            "needs"
        )
    count = min(data.validation_sequences, len(usable))
    folders = []
    for number in usable[np.linspace(0, len(usable) - 1, count).astype(int)]:
        name = sequences.id_of(number)
        sequence = sequences.sequence(number)
        path = sequence_path(sequence, f"sequence {name} of {split}/poses.npy", frames, every)
        spec = SamplingSpec(path.focal_y, path.poses, *conditioning(frames))
        folders.append(folder / name)
        images = sample_images(videos[sequence.video], path.timestamps)
        Sample(folders[-1]).write(spec, images, force=True)
    return folders
