"""Where a training's frame pairs come from: a registry of data sources."""

from collections.abc import Callable
from pathlib import Path

from ..config import Config, DataConfig
from ..utils.files import from_base
from .chunks import ChunkPairDataset, poses_path
from .latents import LatentPairDataset
from .own_frames import OwnFramePairs
from .pairs import FramePairs, PairDataset


def open_latents(config: Config, fingerprint: str) -> FramePairs:
    """Pairs of latents that encode-latents wrote."""
    data, seed = config.data, config.training.seed
    paths = poses_of(data), from_base(data.latents)
    arguments = *paths, fingerprint, seed, data.max_gap
    if data.own_frames is None:
        return LatentPairDataset(*arguments)
    own = {"own_frames": from_base(data.own_frames), "own_share": data.own_share}
    return OwnFramePairs(*arguments, **own)


def open_chunks(config: Config, fingerprint: str) -> FramePairs:
    """Pairs of frames in chunks."""
    data, seed = config.data, config.training.seed
    return ChunkPairDataset(
        from_base(data.chunks), config.first_stage.image_size, seed, data.max_gap
    )


def open_videos(config: Config, fingerprint: str) -> FramePairs:
    """Pairs of frames of videos."""
    data, seed = config.data, config.training.seed
    paths = from_base(data.poses), from_base(data.videos)
    return PairDataset(*paths, config.first_stage.image_size, seed, data.max_gap)


# By the setting of `data` that asks for it. The first one that is set is taken.
SOURCES: dict[str, Callable[[Config, str], FramePairs]] = {
    "latents": open_latents,
    "chunks": open_chunks,
    "videos": open_videos,
}


def open_dataset(config: Config, fingerprint: str) -> FramePairs:
    """The training's frame pairs.

    fingerprint: that of the training's first stage, which latents must have been made with. Raises
    ValueError or FileNotFoundError for data that is absent, unfinished, or made of something else.
    """
    source = next(name for name in SOURCES if getattr(config.data, name) is not None)
    return SOURCES[source](config, fingerprint)


def poses_of(data: DataConfig) -> Path:
    """The poses file of the training data; that of chunks is made if need be."""
    return from_base(data.poses) if data.chunks is None else poses_path(from_base(data.chunks))
