"""What the training of a first stage begins with: settings, frames and first weights."""

from torch import nn

from ..config import Config
from ..datasets.chunk_files import has_chunks
from ..datasets.frames import ChunkFrameDataset, FrameDataset
from ..datasets.pairs import FramePairs
from ..models import build_first_stage, open_first_stage
from ..models.discriminator import patches
from ..utils.files import from_base


def check_settings(config: Config) -> None:
    """Raise ValueError for settings that this training, but not others, cannot follow."""
    settings, size = config.first_stage_training, config.first_stage.image_size
    if config.first_stage.kind != "vqgan":
        raise ValueError(
            f"first_stage.kind {config.first_stage.kind!r} has no weights to train; expected vqgan"
        )
    if config.training.precision not in ("float32", "bfloat16") or config.training.compile:
        raise ValueError(
            f"training.precision {config.training.precision}, training.compile "
            f"{config.training.compile}: expected float32 or bfloat16, and false, to train a first "
            "stage"
        )
    if settings.crop is not None:
        shrink = size // config.first_stage.latent_shape[-1]  # pixels of a latent pixel
        if not shrink <= settings.crop <= size or settings.crop % shrink:
            raise ValueError(
                f"first_stage_training.crop {settings.crop}: expected a multiple of {shrink} "
                f"up to {size}"
            )
        size = settings.crop
    if settings.discriminator_weight and patches(size, settings.discriminator_layers) < 1:
        raise ValueError(
            f"first_stage_training.discriminator_layers {settings.discriminator_layers}: "
            f"too many for images of {size} pixels"
        )


def first_weights(config: Config) -> nn.Module:
    """The first stage before its first step: random, or with `training.initial_weights`."""
    path = from_base(config.training.initial_weights)
    if path is None:
        return build_first_stage(config.first_stage)
    return open_first_stage(config.first_stage, path, path.parent)


def training_frames(config: Config, folder: str | None = None, flip: bool = False) -> FramePairs:
    """The frames to train on, or those of another split's folder."""
    data, size, seed = config.data, config.first_stage.image_size, config.training.seed
    chunks, poses, videos = data.chunks, data.poses, data.videos
    if folder is not None:
        chunks = folder if has_chunks(from_base(folder)) else None
        poses, videos = f"{folder}/poses.npy", f"{folder}/videos"
    if chunks is not None:
        return ChunkFrameDataset(from_base(chunks), size, seed, flip)
    return FrameDataset(from_base(poses), from_base(videos), size, seed, flip)
