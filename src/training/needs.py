"""What a training of the denoiser needs, said at once."""

from pathlib import Path

from ..config import Config, DataConfig
from ..datasets.chunk_files import has_chunks
from ..datasets.latents import MANIFEST
from ..models.choosing import choose_first_stage
from ..utils.files import from_base

WHERE_DATA_COME_FROM = "photonvs make-rooms renders some, docs/data.md has all sources"


def check_needs(config: Config, instance_data: Path) -> None:
    """Raise FileNotFoundError, in one line, with all that a training lacks and where to get it."""
    missing = [*_missing_weights(config, instance_data), *_missing_data(config.data)]
    if missing:
        raise FileNotFoundError(f"this training lacks: {'; and '.join(missing)}")


def _missing_weights(config: Config, instance_data: Path) -> list[str]:
    path = from_base(config.data.first_stage)
    if config.first_stage.kind == "pixels" or (path and path.is_file()):
        return []
    if path:
        return [f"no first-stage weights {path} (data.first_stage)"]
    try:
        choose_first_stage(config.first_stage, instance_data)
    except FileNotFoundError as error:
        return [f"{error} (a small training that needs none is photonvs train --config small)"]
    return []


def _missing_data(data: DataConfig) -> list[str]:
    missing = []
    if data.chunks is not None:
        if not has_chunks(from_base(data.chunks)):
            missing.append(f"no chunks in {from_base(data.chunks)} ({WHERE_DATA_COME_FROM})")
    else:
        poses, videos = from_base(data.poses), from_base(data.videos)
        if data.latents is None and not videos.is_dir():
            missing.append(f"no folder of videos {videos} ({WHERE_DATA_COME_FROM})")
        if not poses.is_file():
            missing.append(f"no {poses} (photonvs extract-poses train writes it)")
    if data.latents is not None and not (from_base(data.latents) / MANIFEST).is_file():
        missing.append(
            f"no latents in {from_base(data.latents)} "
            "(photonvs encode-latents, with the same settings, writes them)"
        )
    return missing
