"""Training the score network on frame pairs: `train(config, instance_data)`.

Everything random (the pair, its noise level, its noise) is drawn from (seed, number of the sample), so a run that was stopped
and resumed sees the same samples as one that was not.
"""

import argparse
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from .config import Config, config_from_dict, config_to_dict, load_config
from .datasets.realestate10k import PairDataset
from .diffusion.sde import draw_noise_levels, score_matching_loss
from .models import Denoiser, build_denoiser, build_first_stage, load_first_stage
from .training_pictures import sample_grid
from .utils.checkpoint import (
    FORMAT,
    checkpoint_name,
    find_first_stage,
    load_newest_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from .utils.command_line import add_instance_data
from .utils.ema import ExponentialMovingAverage
from .utils.files import REPOSITORY, atomic_path
from .utils.random import generator
from .utils.signals import StopSignal

log = logging.getLogger(__name__)


class PairLoss(nn.Module):
    """The training objective as one module: the loss of each pair, given latents and cameras."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, target: Tensor, cond: Tensor, noise: Tensor, sigma: Tensor, cameras: dict[str, Tensor]) -> Tensor:
        """target, cond, noise: (n, c, L, L) latents; sigma: (n,); cameras: target_pose, cond_pose (n, 4, 4), focal_y (n,).

        Returns the losses (n,): denoising score matching of the target given the clean conditioning view.
        """
        rays = self.denoiser.embed_cameras(**cameras)
        return score_matching_loss(
            lambda x, sigma: self.denoiser.score(x, cond, sigma, rays), target, noise, sigma, self.denoiser.config
        )


@dataclass
class TrainingState:
    """What changes while training, and is saved."""

    denoiser: Denoiser
    ema: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    step: int = 0  # optimizer steps done
    samples: int = 0  # training samples seen; the next sample's number

    @classmethod
    def new(cls, config: Config, device: torch.device) -> "TrainingState":
        """Random weights, drawn from the seed."""
        torch.manual_seed(config.training.seed)
        denoiser = build_denoiser(config).to(device).train()
        parameters = [parameter for parameter in denoiser.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=config.training.learning_rate)
        return cls(denoiser, ExponentialMovingAverage(denoiser, config.training.ema_decay), optimizer)

    def to_checkpoint(self, epoch: int) -> dict:
        """The published checkpoint's keys, and ours: format, config, samples."""
        return {
            "format": FORMAT,
            "config": config_to_dict(self.denoiser.config),
            "samples": self.samples,
            "epoch": epoch,
            "total_iterations": self.step,
            "score_sde_model": self.denoiser.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, path: Path, checkpoint: dict) -> None:
        """Go on from a checkpoint; raises ValueError if it is of another model."""
        saved, present = config_from_dict(checkpoint["config"]), self.denoiser.config
        for section in ("first_stage", "denoiser", "diffusion"):
            if getattr(saved, section) != getattr(present, section):
                raise ValueError(
                    f"checkpoint {path} has {getattr(saved, section)}, the settings say {getattr(present, section)}: "
                    "use the same, or another --instance-data for a new model"
                )
        self.denoiser.load_state_dict(checkpoint["score_sde_model"])
        self.ema.load_state_dict(checkpoint["ema"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.step, self.samples = checkpoint["total_iterations"], checkpoint["samples"]


class Trainer:
    """One training run in one folder: data, model, and what is written while it goes on."""

    def __init__(self, config: Config, instance_data: Path, device: torch.device) -> None:
        self.config, self.device = config, device
        self.checkpoints = instance_data / "checkpoints"
        self.dataset = PairDataset(
            REPOSITORY / config.data.poses,
            REPOSITORY / config.data.videos,
            config.first_stage.image_size,
            seed=config.training.seed,
            max_gap=config.data.max_gap,
        )
        self.first_stage = self._first_stage(instance_data).to(device)
        self.state = TrainingState.new(config, device)
        newest = load_newest_checkpoint(self.checkpoints)
        if newest:
            self.state.restore(*newest)
            log.info("going on from %s: step %d", newest[0], self.state.step)
        self.loss = PairLoss(self.state.denoiser)
        self.writer = SummaryWriter(instance_data / "logs", purge_step=self.state.step + 1)
        with atomic_path(self.checkpoints / "config.yaml") as temporary:
            temporary.write_text(OmegaConf.to_yaml(OmegaConf.structured(config)))

    def _first_stage(self, instance_data: Path) -> nn.Module:
        if self.config.first_stage.kind == "pixels":
            return build_first_stage(self.config.first_stage)
        path = self.config.data.first_stage
        first_stage = load_first_stage(REPOSITORY / path if path else find_first_stage(instance_data))
        if first_stage.config != self.config.first_stage:
            raise ValueError(f"first stage {path}: it is {first_stage.config}, the settings say {self.config.first_stage}")
        return first_stage

    def run(self) -> None:
        """Train until the wanted step or time, or a signal; save at the end."""
        settings, stop, started = self.config.training, StopSignal(), time.monotonic()
        meter = Meter(self)
        for batch in self._batches():
            self._step(batch, meter)
            done = self.state.step >= settings.steps or bool(stop)
            done |= settings.minutes is not None and time.monotonic() - started >= 60 * settings.minutes
            if self.state.step % settings.log_every == 0 or done:
                meter.report()
            if settings.sample_every and self.state.step % settings.sample_every == 0:
                self._write_samples()
            if self.state.step % settings.checkpoint_every == 0 or done:
                self._save()
            if done:
                break
        self.writer.close()

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """Batches of consecutive sample numbers from where the training stands."""
        size, left = self.config.training.batch_size, self.config.training.steps - self.state.step
        numbers = range(self.state.samples, self.state.samples + left * size)
        workers = self.config.data.workers
        return iter(
            DataLoader(
                self.dataset,
                batch_size=size,
                sampler=numbers,
                num_workers=workers,
                pin_memory=self.device.type == "cuda",
                prefetch_factor=2 if workers else None,
            )
        )

    def _step(self, batch: dict[str, Tensor], meter: "Meter") -> None:
        """One optimizer step: encode, noise, loss, gradient, clipping, warm-up, averages."""
        state, settings = self.state, self.config.training
        target, cond, cameras = self.encode(batch)
        noise, sigma = self._noise(target.shape)
        for group in state.optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (state.step + 1) / max(1, settings.warmup_steps))
        state.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(target, cond, noise, sigma, cameras).mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(state.denoiser.parameters(), settings.gradient_norm)
        if not torch.isfinite(norm):
            raise RuntimeError(f"the gradient is not finite at step {state.step + 1}: lower training.learning_rate")
        state.optimizer.step()
        state.ema.update(state.denoiser)
        state.step += 1
        state.samples += len(target)
        meter.add(loss.detach(), norm)

    @torch.no_grad()
    def encode(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """A batch's target and conditioning latents (n, c, L, L) and its cameras, on the training device."""
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        images = torch.cat([batch["target_image"], batch["cond_image"]]).float() / 127.5 - 1
        target, cond = self.first_stage.encode(images).chunk(2)
        return target, cond, {name: batch[name] for name in ("target_pose", "cond_pose", "focal_y")}

    def _noise(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Noise (n, c, L, L) and noise levels (n,) of the next samples, each from its own number."""
        sources = [generator(self.config.training.seed, "noise", self.state.samples + i) for i in range(shape[0])]
        uniform = torch.tensor([source.random() for source in sources])
        noise = torch.stack([torch.from_numpy(source.standard_normal(shape[1:], dtype="float32")) for source in sources])
        return noise.to(self.device), draw_noise_levels(uniform, self.config.diffusion).to(self.device)

    def _save(self) -> None:
        epoch, rest = divmod(self.state.samples, len(self.dataset))
        path = self.checkpoints / checkpoint_name(epoch, rest // self.config.training.batch_size)
        save_checkpoint(path, self.state.to_checkpoint(epoch))
        log.info("saved %s", path)
        prune_checkpoints(self.checkpoints, self.config.training.keep_checkpoints, self.config.training.keep_every)

    def _write_samples(self) -> None:
        """Given, generated and true frames of the first four samples, with the averaged weights, into TensorBoard."""
        batch = torch.utils.data.default_collate([self.dataset[number] for number in range(4)])
        with self.state.ema.applied_to(self.state.denoiser):
            grid = sample_grid(self.state.denoiser, self.first_stage, *self.encode(batch), seed=self.config.training.seed)
        self.writer.add_image("samples/given_generated_true", grid, self.state.step)


class Meter:
    """Means between two reports: a line in the log and the TensorBoard curves."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._restart()

    def _restart(self) -> None:
        self.losses: list[Tensor] = []
        self.norms: list[Tensor] = []
        self.since = time.monotonic()

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Note one step's loss and gradient norm (before clipping); kept as tensors, so that a GPU is not waited for."""
        self.losses.append(loss)
        self.norms.append(norm)

    def report(self) -> None:
        """Write the means since the last report."""
        state, settings = self.trainer.state, self.trainer.config.training
        seconds = (time.monotonic() - self.since) / len(self.losses)
        scalars = {
            "loss": torch.stack(self.losses).mean().item(),
            "gradient_norm": torch.stack(self.norms).mean().item(),
            "learning_rate": state.optimizer.param_groups[0]["lr"],
            "samples_per_second": settings.batch_size / seconds,
        }
        for name, value in scalars.items():
            self.trainer.writer.add_scalar(f"training/{name}", value, state.step)
        left = time.strftime("%H:%M:%S", time.gmtime((settings.steps - state.step) * seconds % 86400))
        days = int((settings.steps - state.step) * seconds // 86400)
        log.info(
            "step %d/%d  loss %.4g  gradient %.3g  %.1f samples/s  %s left",
            state.step,
            settings.steps,
            scalars["loss"],
            scalars["gradient_norm"],
            scalars["samples_per_second"],
            f"{days} d {left}" if days else left,
        )
        self._restart()


def train(config: Config, instance_data: Path, device: str | torch.device | None = None) -> Path:
    """Train the score network of `config`, or go on where `instance_data`/checkpoints stands.

    Writes checkpoints/EEEE-IIIIIIII.pth and checkpoints/config.yaml, and TensorBoard curves to logs/. device: default a GPU if
    there is one. Returns the checkpoints' folder. Raises ValueError or FileNotFoundError for data or weights that do not fit.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.set_flush_denormal(True)  # denormal numbers slow CPUs many times
    trainer = Trainer(config, Path(instance_data), device)
    if trainer.state.step >= config.training.steps:
        log.info("step %d of %d is done already", trainer.state.step, config.training.steps)
    else:
        trainer.run()
    return trainer.checkpoints


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/train.py."""
    parser = argparse.ArgumentParser(description="Train the score network; run the same command again to go on after a stop.")
    parser.add_argument("--config", default="realestate10k", help="a preset's name or a YAML file (default: %(default)s)")
    parser.add_argument("--device", help="for example cpu or cuda (default: a GPU if there is one)")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="settings that replace the preset's")
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(load_config(options.config, options.settings), options.instance_data, options.device)
