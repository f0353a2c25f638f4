"""Which first stage goes with settings, and settings that go with a first stage."""

import logging
import shlex
from collections.abc import Set
from dataclasses import fields, replace
from pathlib import Path

from torch import nn

from ..config import Config, DataConfig, load_config
from ..model_config import FirstStageConfig
from ..utils.checks import differences
from ..utils.files import from_base
from .first_stage import build_first_stage
from .places import SHIPPED_FIRST_STAGE, find_first_stage, first_stages
from .weights import first_stage_settings, load_first_stage

# Presets of the denoiser, in the order in which they are proposed.
DENOISER_PRESETS = "rooms", "small", "realestate10k"

log = logging.getLogger(__name__)


def choose_first_stage(config: FirstStageConfig, instance_data: Path) -> Path:
    """The first stage's weights that have these settings, of `instance_data` or else shipped.

    Without any, those of other settings that `find_first_stage` finds; raises as that.
    """
    for path in (*first_stages(instance_data), SHIPPED_FIRST_STAGE):
        if path.is_file() and first_stage_settings(path) == config:
            return path
    return find_first_stage(instance_data)


def open_first_stage(config: FirstStageConfig, path: Path | None, instance_data: Path) -> nn.Module:
    """The frozen first stage of these settings.

    path: of its weights; None: where `choose_first_stage` finds them. Raises as `load_first_stage`,
    and ValueError for a first stage of other settings.
    """
    if config.kind == "pixels":
        return build_first_stage(config).eval()
    path = path or choose_first_stage(config, instance_data)
    first_stage = load_first_stage(path)
    if first_stage.config != config:
        raise ValueError(
            f"first stage {path}: {differences('first_stage', first_stage.config, config)}; "
            "use weights and settings of one model"
        )
    return first_stage


def follow_first_stage(config: Config, chosen: Set[str], instance_data: Path) -> Config:
    """The settings, with those of the first stage that is found where nobody set them.

    The denoiser's latent_size and latent_channels follow too. chosen: the keys that the user set,
    such as first_stage.image_size; they stay. Without weights, or where none are needed, nothing
    changes. Raises ValueError where the denoiser cannot take such latents.
    """
    if config.first_stage.kind == "pixels":
        return config
    try:
        weights = from_base(config.data.first_stage)
        path = weights or choose_first_stage(config.first_stage, instance_data)
        found = first_stage_settings(path)
    except FileNotFoundError:  # the training says what it lacks, all at once
        return config
    names = [one.name for one in fields(found) if f"first_stage.{one.name}" not in chosen]
    try:
        first_stage = replace(config.first_stage, **{name: getattr(found, name) for name in names})
        channels, size, _ = first_stage.latent_shape
        latents = {"latent_channels": channels, "latent_size": size}
        free = {name: value for name, value in latents.items() if f"denoiser.{name}" not in chosen}
        followed = replace(
            config, first_stage=first_stage, denoiser=replace(config.denoiser, **free)
        )
    except ValueError as error:
        raise ValueError(f"with the first stage {path}: {error}") from error
    if followed != config:
        log.info("first stage %s: settings that were not given follow it", path)
    return followed


def training_line(first_stage: FirstStageConfig, weights: Path, data: DataConfig) -> str:
    """The command that trains a denoiser on a first stage that was just trained, and its data.

    Its preset has the same first stage, or else a denoiser that takes such latents. weights: of the
    first stage, named since others may fit the preset, too. data: what the first stage was trained
    on.
    """
    presets = [(name, load_config(name)) for name in DENOISER_PRESETS]
    for preset_name, preset in sorted(presets, key=lambda one: one[1].first_stage != first_stage):
        if _takes(preset, first_stage):
            words = ["photonvs train --config", preset_name]
            if preset.first_stage.kind != first_stage.kind:
                words.append(f"first_stage.kind={first_stage.kind}")
            places = {"poses": data.poses, "videos": data.videos, "chunks": data.chunks}
            for name, place in ({"latents": None} | places).items():
                if getattr(preset.data, name) != place:
                    words.append(f"data.{name}={place or 'null'}")
            words.append(f"data.first_stage={weights.resolve()}")
            return " ".join([words[0], *map(shlex.quote, words[1:])])
    return "photonvs train --config my-settings.yaml"


def _takes(config: Config, first_stage: FirstStageConfig) -> bool:
    """Whether the denoiser of these settings can take the first stage's latents."""
    channels, size, _ = first_stage.latent_shape
    try:
        replace(config.denoiser, latent_channels=channels, latent_size=size)
    except ValueError:
        return False
    return True
