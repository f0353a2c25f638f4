"""Small models, and checkpoints of them, for tests of reading and writing weights."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from photonvs.config import DenoiserConfig, FirstStageConfig, ModelConfig
from photonvs.models import (
    build_denoiser,
)

CONFIG = ModelConfig(
    first_stage=FirstStageConfig(kind="pixels", image_size=16, pixel_block=2),
    denoiser=DenoiserConfig(
        latent_size=8,
        latent_channels=12,
        channels=8,
        channel_multipliers=[1, 2],
        attention_resolutions=[4],
        attention_heads=1,
        ray_channels=[4, 8],
        residual_blocks=1,
    ),
)


VQGAN = FirstStageConfig(
    image_size=32,
    channels=32,
    channel_multipliers=[1, 1],
    residual_blocks=1,
    latent_channels=3,
    codebook_size=20,
)


def training_checkpoint(**changes) -> dict:
    """A small checkpoint as training writes it, the EMA one above the raw weights."""
    denoiser = build_denoiser(CONFIG)
    trained = [parameter.detach() for parameter in denoiser.parameters() if parameter.requires_grad]
    checkpoint = {
        "format": 1,
        "config": asdict(CONFIG),
        "epoch": 1,
        "total_iterations": 10,
        "optimizer": torch.optim.Adam(denoiser.parameters()).state_dict(),
        "score_sde_model": denoiser.state_dict(),
        "training_data_sampler": {"index": 0, "epoch": 1},
        "ema": {
            "decay": 0.999,
            "num_updates": 10,
            "shadow_params": [tensor + 1 for tensor in trained],
        },
    }
    return {key: value for key, value in (checkpoint | changes).items() if value is not None}


def saved(path: Path, content: object, **options) -> Path:
    torch.save(content, path, **options)
    return path


def refused(load, path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
