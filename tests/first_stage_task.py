"""A tiny first stage to train, on frames that are made of nothing but their number."""

import numpy as np
import torch
from torch.utils.data import default_collate

from photonvs.config import (
    Config,
    FirstStageConfig,
    FirstStageTrainingConfig,
    TrainingConfig,
)
from photonvs.training import first_stage
from photonvs.training.first_stage import FirstStageTask
from photonvs.utils.distributed import Process

TINY = FirstStageConfig(
    image_size=32,
    channels=32,
    channel_multipliers=[1, 1],
    residual_blocks=1,
    latent_channels=3,
    codebook_size=64,
)


HERE = Process(torch.device("cpu"))


FRAMES = first_stage.training_frames


class Shapes:
    """Frames made of nothing but their number: a coloured disc on a coloured slope.

    Stands for a FrameDataset.
    """

    title = "4 shapes"

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        source = np.random.default_rng(number)
        y, x = np.mgrid[:32, :32] / 32
        centre, colours = source.uniform(0.2, 0.8, 2), source.uniform(0, 255, (3, 3))
        disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 0.05
        image = np.where(
            disc,
            colours[0, :, None, None],
            x * colours[1, :, None, None] + (1 - x) * colours[2, :, None, None],
        )
        place = {"sequence": torch.tensor(number), "frame": torch.tensor(0)}
        return {"image": torch.from_numpy(image.astype(np.uint8)), **place}

    def name(self, number: int, *frames: int) -> str:
        return f"shape {number}"


def settings(**changes: object) -> Config:
    """Settings of a tiny training without a discriminator; changes: of first_stage_training."""
    plain = {
        "perceptual": "none",
        "discriminator_weight": 0.0,
        "learning_rate_per_image": 2e-4,
        "restart_after": 20,
    }
    own = FirstStageTrainingConfig(**(plain | {"validation_frames": 4} | changes))
    training = TrainingConfig(batch_size=4, warmup_steps=1, ema_decay=0.9)
    return Config(first_stage=TINY, training=training, first_stage_training=own)


def adversarial(**changes: object) -> Config:
    small = {
        "discriminator_weight": 0.8,
        "discriminator_start": 2,
        "discriminator_channels": 4,
        "discriminator_layers": 2,
    }
    return settings(**(small | changes))


def batches(task: FirstStageTask, step: int, parts: int = 1) -> list[dict[str, torch.Tensor]]:
    """The batches of a step, as the trainer makes them."""
    size = task.config.training.batch_size
    samples = [task.dataset[(step * size + number) % 4] for number in range(size)]
    return [
        default_collate(samples[part * size // parts : (part + 1) * size // parts])
        for part in range(parts)
    ]


def train(task: FirstStageTask, first: int, stop: int) -> list[dict[str, torch.Tensor]]:
    return [task.update(batches(task, step), step) for step in range(first, stop)]
