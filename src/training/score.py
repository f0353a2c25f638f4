"""Training the denoiser on frame pairs: `train(config, instance_data)`."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from ..cameras.motion import Motion
from ..config import Config
from ..datasets.device_pairs import DevicePairs
from ..datasets.latents import first_stage_fingerprint
from ..datasets.sources import open_dataset
from ..diffusion.sde import draw_cond_levels, draw_noise_levels, noised_view
from ..model_config import ModelConfig
from ..models import Denoiser, build_denoiser, load_denoiser, open_first_stage
from ..models.motion import KEY as MOTION_KEY
from ..utils.checks import differences
from ..utils.denormals import flushed_denormals
from ..utils.distributed import Process, join_processes
from ..utils.ema import ExponentialMovingAverage
from ..utils.files import from_base, instance_data_option
from ..utils.leases import lease
from ..utils.pictures import from_bytes
from ..utils.precision import autocast
from ..utils.random import generator
from .needs import check_needs
from .objective import PairLoss, pair_levels
from .pictures import sample_grid
from .steps import Scalars, Skips, accumulate, adam, rate_factor
from .trainer import Trainer

log = logging.getLogger(__name__)

# The loss is logged by noise level, between these.
NOISE_LEVEL_BOUNDS = 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0
PICTURES = 4  # pairs in a sample picture


class Draws(NamedTuple):
    """What is random in n samples, on the device."""

    noise: Tensor  # (n, c, L, L), of the targets
    sigma: Tensor  # (n,), the targets' noise levels
    cond_noise: Tensor  # (n, c, L, L), of the conditioning views
    sigma_cond: Tensor  # (n,), their levels; sigma_min: clean


class ScoreTask:
    """The denoiser as a task of the trainer; checkpoints have the published keys."""

    model_sections = ("first_stage", "denoiser", "diffusion")

    def __init__(self, config: Config, instance_data: Path, process: Process) -> None:
        model = config.model  # a mistake in it shall not wait for the data
        self.config, self.process = config, process
        check_needs(config, instance_data)
        weights = from_base(config.data.first_stage)
        first_stage = open_first_stage(config.first_stage, weights, instance_data)
        self.first_stage = first_stage.to(process.device)
        self.dataset = open_dataset(config, first_stage_fingerprint(self.first_stage))
        torch.manual_seed(config.training.seed)  # of the first weights
        denoiser = _first_denoiser(model, from_base(config.training.initial_weights))
        self.network = self.denoiser = denoiser.to(process.device).train()
        self.title = f"a score network on {self.dataset.title}"
        self.skips = Skips(process, "training.learning_rate", self.dataset.name)
        self.pairs = self.dataset  # with the poses of every sequence
        if config.data.on_device:
            self.dataset = DevicePairs(self.pairs, process.device)
        parameters = [one for one in self.denoiser.parameters() if one.requires_grad]
        self.optimizer = adam(parameters, config.training.learning_rate)
        self.ema = ExponentialMovingAverage(self.denoiser, config.training.ema_decay)
        self.consistency = model.diffusion.trained_for == "consistency"
        self.objective = loss = PairLoss(denoiser, config.consistency.weight_exponent)
        self.loss = process.parallel(torch.compile(loss) if config.training.compile else loss)

    @cached_property
    def motion(self) -> Motion:
        """How far apart the cameras of the training's pairs are; measured for the first save."""
        return self.pairs.motion()

    def update(self, batches: list[dict[str, Tensor]], step: int) -> Scalars:
        """One optimizer step: encode, noise, loss, gradient, clipping, warm-up, averages."""
        settings = self.config.training
        rate = settings.learning_rate * rate_factor(settings, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        backward = partial(self._backward, step)
        samples = accumulate(batches, settings.accumulation, backward)
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), settings.gradient_norm)
        skipped = self.skips.skips(norm, step, samples["loss"], batches)
        if not skipped:
            self.optimizer.step()
            self.ema.update(self.denoiser)
        return {
            "skipped_steps": torch.tensor(float(skipped)),
            "loss": samples["loss"].mean(),
            "gradient_norm": norm,
            "learning_rate": torch.tensor(rate),
            # The share of samples whose video could not be read.
            "replaced_samples": samples["replaced"].float().mean(),
            **_by_noise_level(samples["loss"], samples["sigma"]),
        }

    def _backward(self, step: int, batch: dict[str, Tensor], last: bool) -> dict[str, Tensor]:
        """The gradient of a part of a step's batch; each sample's loss and noise level."""
        target, cond, cameras = self._encode(batch)
        drawn = self._draw(batch, target.shape[1:])
        sigma_min = self.config.diffusion.sigma_min
        cond = noised_view(cond, drawn.cond_noise, drawn.sigma_cond, sigma_min)
        inputs = [target, cond, drawn.noise, drawn.sigma, drawn.sigma_cond, cameras]
        if self.consistency:
            inputs.append(pair_levels(drawn.sigma, step, self.config))
        with self.process.averaging(self.loss, now=last):
            with self._autocast():
                loss = self.loss(*inputs)
            (loss.mean() / self.config.training.accumulation).backward()
        return {"loss": loss.detach(), "sigma": drawn.sigma, "replaced": batch["replaced"]}

    def state_dict(self) -> dict:
        """The published checkpoint's keys, and the motion of the training pairs."""
        return {
            "score_sde_model": self.denoiser.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            MOTION_KEY: asdict(self.motion),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.denoiser.load_state_dict(state["score_sde_model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])

    def blank_loss(self) -> Tensor:
        """The loss of one blank pair; frames are encoded as they are in a step."""
        settings, device = self.config, self.process.device
        latent = torch.zeros(1, *settings.model.latent_shape, device=device)
        if settings.data.latents is None:
            images = torch.zeros(2, 3, *[settings.first_stage.image_size] * 2, device=device)
            with torch.no_grad():
                self.first_stage.encode(images)
        pose, one = torch.eye(4, device=device)[None], torch.ones(1, device=device)
        cameras = {"target_pose": pose, "cond_pose": pose, "focal_y": one}
        lower = [one / 2] if self.consistency else []
        return self.objective(latent, latent, latent, one, one, cameras, *lower).mean()

    def pictures(self) -> dict[str, Tensor]:
        """Given, generated and true frames of the first samples, with the averaged weights."""
        if self.config.data.on_device:
            batch = self.dataset.batch(range(PICTURES))
        else:
            batch = default_collate([self.dataset[number] for number in range(PICTURES)])
        seed = self.config.training.seed
        with self.ema.applied_to(self.denoiser):
            grid = sample_grid(self.denoiser, self.first_stage, *self._encode(batch), seed)
        return {"samples/given_generated_true": grid}

    @torch.no_grad()
    def _encode(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """A batch's target and conditioning latents (n, c, L, L), and cameras, on the device."""
        device = self.process.device
        batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        cameras = {name: batch[name] for name in ("target_pose", "cond_pose", "focal_y")}
        if "target_latent" in batch:
            return batch["target_latent"], batch["cond_latent"], cameras
        images = from_bytes(torch.cat([batch["target_image"], batch["cond_image"]]))
        with self._autocast():
            target, cond = self.first_stage.encode(images).float().chunk(2)
        return target, cond, cameras

    def _draw(self, batch: dict[str, Tensor], shape: torch.Size) -> Draws:
        """What is random in samples: each from its own number, unless the batch brings it."""
        settings, device = self.config.diffusion, self.process.device
        if "noise" in batch:
            parts = [batch[name] for name in ("uniform", "noise", "cond_uniform", "cond_noise")]
        else:
            seed, numbers = self.config.training.seed, batch["number"].tolist()
            sources = [generator(seed, "noise", number) for number in numbers]
            parts = _random_numbers(sources, shape)
            # Of a view without noise they would make no difference.
            with_noise = settings.sigma_cond_max is not None
            again = _random_numbers(sources, shape) if with_noise else map(torch.zeros_like, parts)
            parts = *parts, *again
        uniform, noise, cond_uniform, cond_noise = (part.to(device) for part in parts)
        sigma_cond = draw_cond_levels(cond_uniform, settings)
        return Draws(noise, draw_noise_levels(uniform, settings), cond_noise, sigma_cond)

    def _autocast(self) -> AbstractContextManager:
        return autocast(self.process.device, self.config.training.precision)


def _random_numbers(sources: list[np.random.Generator], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Of each generator a uniform number, (n,), and then normal ones, (n, *shape)."""
    uniform = torch.tensor([source.random() for source in sources])
    normal = [source.standard_normal(shape, dtype="float32") for source in sources]
    return uniform, torch.from_numpy(np.stack(normal))


def _first_denoiser(config: ModelConfig, path: Path | None) -> Denoiser:
    """The denoiser before its first step: random, or with the averaged weights in `path`."""
    denoiser = build_denoiser(config)
    if path is None:
        return denoiser
    weights = load_denoiser(path)
    for section in ("first_stage", "denoiser"):
        found, wanted = getattr(weights.config, section), getattr(config, section)
        if found != wanted:
            raise ValueError(f"weights {path}: {differences(section, found, wanted)}; use the same")
    # Not the buffers: they hold the noise levels, which follow the settings.
    denoiser.load_state_dict(dict(weights.named_parameters()), strict=False)
    return denoiser


def _by_noise_level(losses: Tensor, sigmas: Tensor) -> dict[str, Tensor]:
    """The mean loss between neighbouring NOISE_LEVEL_BOUNDS; NaN where no sample fell."""
    bounds = torch.tensor(NOISE_LEVEL_BOUNDS, device=sigmas.device)
    bins = torch.bucketize(sigmas, bounds)
    names = [*(f"below_{bound:g}" for bound in NOISE_LEVEL_BOUNDS), "above"]
    # Not losses[bins == number]: a GPU would be waited for.
    return {
        f"loss_by_noise_level/{name}": losses.where(bins == number, torch.nan).nanmean()
        for number, name in enumerate(names)
    }


def _what_next(trainer: Trainer, instance_data: Path) -> str:
    """What a training that ends has left, and the commands to type now."""
    there = instance_data_option(instance_data)
    lines = [
        f"trained to step {trainer.step} of {trainer.settings.steps}; "
        f"the weights are the newest of {trainer.checkpoints}",
        f"next: photonvs make-trajectory pan --image PHOTO -o samples/pan{there}",
        f"      photonvs sample-trajectory -o samples/pan{there}",
    ]
    if trainer.step < trainer.settings.steps:
        lines.append("the same training command again goes on from here")
    return "\n".join(lines)


def train(
    config: Config,
    instance_data: Path,
    device: str | None = None,
    validation: Callable[[ScoreTask, Path], Callable[[int], dict[str, float]]] | None = None,
) -> Path:
    """Train the denoiser of `config`, or go on where `instance_data`/checkpoints stands.

    Also under torchrun. Writes checkpoints/EEEE-IIIIIIII.pth and checkpoints/config.yaml, and to
    logs/ TensorBoard curves and stats.jsonl. device: default a GPU if there is one. validation:
    makes, of the task and a folder, what scores the weights every `training.validate_every` steps;
    every process calls both.
    Returns the checkpoints' folder. Raises ValueError or FileNotFoundError for settings, data or
    weights that do not fit, and while another process trains there.
    """
    instance_data = Path(instance_data)
    with (
        flushed_denormals(),
        join_processes(device) as process,
        lease(*[instance_data / "checkpoints"] * process.leads),
    ):
        task = ScoreTask(config, instance_data, process)
        trainer = Trainer(task, instance_data / "checkpoints", instance_data / "logs", process)
        trainer.run(validation and validation(task, instance_data / "validation"))
        if process.leads:
            log.info(_what_next(trainer, instance_data))
    return trainer.checkpoints
