"""What reads each kind of file, and gives back what can be compared."""

import json
from pathlib import Path

import numpy as np
import torch
import training_task
from PIL import Image

from photonvs.cameras.files.keyframes import read_keyframes
from photonvs.cameras.files.path import path_of_file
from photonvs.cameras.photo import lens_of_photo
from photonvs.datasets.chunks import ChunkIndex
from photonvs.datasets.convert.checks import examine_video
from photonvs.datasets.download.batch import read_urls
from photonvs.datasets.latents import LatentCache
from photonvs.datasets.own_frames import OwnFrames
from photonvs.datasets.poses import load_poses
from photonvs.datasets.video import read_frames
from photonvs.evaluation.match_cache import MatchCache
from photonvs.evaluation.matching import Frame, SiftMatcher, open_frame
from photonvs.models import load_denoiser, load_first_stage
from photonvs.models.about import weights_lines
from photonvs.sampling.runs import open_runs
from photonvs.training.log_files import open_statistics
from photonvs.utils.checkpoint import list_checkpoints, load_newest_checkpoint
from photonvs.utils.images import read_frame


def values(thing: object) -> object:
    """Dataclasses, arrays and tensors as what can be compared."""
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().cpu().numpy()
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.tobytes()
    if isinstance(thing, dict):
        return {key: values(one) for key, one in thing.items()}
    if isinstance(thing, list | tuple):
        return [values(one) for one in thing]
    return values(vars(thing)) if hasattr(thing, "__dict__") else thing


def camera_path(path: Path) -> object:
    return values(path_of_file(path))


def keyframes(path: Path) -> object:
    return values(read_keyframes(path))


def poses_file(path: Path) -> object:
    poses = load_poses(path)
    return [values(poses[name]) for name in poses], poses.videos(), poses.lengths().tolist()


def latent_of_run(path: Path) -> object:
    (run,) = open_runs([path.parents[3]], [0])
    return values(run.read_latents((12, 8, 8)))


def latents(path: Path) -> object:
    cache = LatentCache(path.parent)
    cache.check({"format": 1})
    cache.check_rows(np.full(len(cache.index), training_task.POSES))
    rows = [cache.read(number, [0, 1]) for number in range(len(cache.index))]
    return values(rows), sum(cache.missing(0).values()), cache.deviation()


def chunks(path: Path) -> object:
    folder = path.parent if path.suffix == ".torch" else path.parents[1]
    index = ChunkIndex(folder)
    images = [index.read(number, [0, 1]) for number in range(len(index.poses))]
    return values(images), [values(index.poses[name]) for name in index.poses]


def image(path: Path) -> object:
    return values(read_frame(path)), open_frame(path).digest, lens_of_photo(path)


def video(path: Path) -> object:
    examine_video(path)
    return values(read_frames(path, range(0, 1_000_000, 100_000)))


def denoiser(path: Path) -> object:
    weights_lines(path)
    return values(load_denoiser(path).state_dict())


def first_stage(path: Path) -> object:
    weights_lines(path)
    return values(load_first_stage(path).state_dict())


def checkpoints(path: Path) -> object:
    newest = load_newest_checkpoint(path.parent)
    return list_checkpoints(path.parent) and newest[1]["total_iterations"], denoiser(path)


def matches(path: Path) -> object:
    frame = Frame(path, "a", Image.new("RGB", (8, 8)), True, False)
    again = []
    MatchCache(path, SiftMatcher()).get(frame, frame, lambda: again.append(1) or ((), ()))
    return len(again) <= 1


def own_frames(path: Path) -> object:
    own = OwnFrames(path, "poses")
    return [values(own.latent(0, frame)) for frame in (0, 1, 2)]


def statistics(path: Path) -> object:
    open_statistics(path, 10**9)
    return [json.loads(line) for line in path.read_text().splitlines()]


def urls(path: Path) -> object:
    found, complaints = read_urls(path.parent)
    if complaints:
        raise ValueError(complaints[0])
    return found
