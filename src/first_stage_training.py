"""Training the first stage, the image autoencoder that the score network works in: VQGAN, Esser et al. 2021.

Per step, from one pass of the autoencoder: reconstruction (mean absolute error and perceptual distance), codebook and
commitment, and after `discriminator_start` steps the adversarial losses of both sides.
"""

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .config import Config, config_to_dict, load_config
from .datasets.chunk_files import has_chunks
from .datasets.frames import ChunkFrameDataset, FrameDataset
from .datasets.realestate10k import FramePairs
from .first_stage_losses import (
    AdversarialLoss,
    Autoencoding,
    CodeRestarts,
    adaptive_weight,
    codebook_loss,
    perplexity,
)
from .models import build_first_stage, load_first_stage, save_weights
from .models.discriminator import PatchDiscriminator, generator_loss, patches
from .models.first_stage import latent_shape
from .models.perceptual import load_perceptual
from .reconstruction import reconstruction_picture, reconstruction_quality
from .trainer import Trainer, rate_factor
from .utils.checkpoint import OWN_FIRST_STAGE, list_checkpoints, save_checkpoint
from .utils.command_line import add_instance_data
from .utils.denormals import flushed_denormals
from .utils.distributed import Process, join_processes
from .utils.ema import ExponentialMovingAverage
from .utils.files import REPOSITORY

log = logging.getLogger(__name__)

ADAM_BETAS = (0.5, 0.9)
PICTURES = 4  # frames in a picture


class FirstStageTask:
    """The first stage as a task of the trainer."""

    model_sections = ("first_stage",)

    def __init__(self, config: Config, process: Process) -> None:
        _check(config)
        self.config, self.process = config, process
        settings, seed = config.first_stage_training, config.training.seed
        self.dataset = _frames(config, flip=settings.flip)
        self.dataset.crop = settings.crop
        validation = config.data.validation
        self.held_out = _frames(config, validation) if validation else None
        self.perceptual = load_perceptual(settings.perceptual, process.device)
        torch.manual_seed(seed)  # of the first weights
        self.first_stage = _first_weights(config).to(process.device).train()
        self.autoencoding = process.parallel(Autoencoding(self.first_stage))
        rate = settings.learning_rate_per_image * config.training.batch_size
        self.optimizer = torch.optim.Adam(self.first_stage.parameters(), rate, ADAM_BETAS)
        self.ema = ExponentialMovingAverage(self.first_stage, config.training.ema_decay)
        self.restarts = CodeRestarts(
            self.first_stage.quantize.embedding, settings.restart_after, seed, process
        )
        self.bfloat16 = config.training.precision == "bfloat16"
        self.discriminator = None
        if settings.discriminator_weight:
            discriminator = PatchDiscriminator(
                settings.discriminator_channels, settings.discriminator_layers
            )
            self.discriminator = discriminator.to(process.device).train()
            self.adversarial = process.parallel(AdversarialLoss(self.discriminator))
            self.discriminator_optimizer = torch.optim.Adam(
                self.discriminator.parameters(), rate, ADAM_BETAS
            )

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What is trained, by name."""
        modules = {"first_stage": self.first_stage, "discriminator": self.discriminator}
        return {name: module for name, module in modules.items() if module is not None}

    def update(self, batches: Iterable[dict[str, Tensor]], step: int) -> dict[str, Tensor]:
        """One step of the autoencoder over `training.accumulation` batches, and one of the discriminator once it takes part."""
        accumulation = self.config.training.accumulation
        adversarial = (
            self.discriminator is not None
            and step >= self.config.first_stage_training.discriminator_start
        )
        optimizers = (
            [self.optimizer, self.discriminator_optimizer] if adversarial else [self.optimizer]
        )
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        rows, all_latents, all_codes = [], [], []
        for part, batch in enumerate(batches, start=1):
            images = batch["image"].to(self.process.device, non_blocking=True).float() / 127.5 - 1
            last = part == accumulation
            with self.process.averaging(self.autoencoding, now=last):
                with torch.autocast(
                    self.process.device.type, torch.bfloat16, enabled=self.bfloat16
                ):
                    reconstructions, latents, quantized, codes = self.autoencoding(images)
                losses = self._losses(images, reconstructions, latents, quantized, adversarial)
                (losses["loss"] / accumulation).backward()
            if adversarial:
                with self.process.averaging(self.adversarial, now=last):
                    losses["discriminator"] = self.adversarial(images, reconstructions.detach())
                    (losses["discriminator"] / accumulation).backward()
            rows.append({name: loss.detach() for name, loss in losses.items()})
            all_latents.append(latents.detach().movedim(1, -1).flatten(0, -2))
            all_codes.append(codes.flatten())
        for optimizer in optimizers:
            self._move(optimizer, step)
        scalars = {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}
        scalars |= self._care_for_codes(torch.cat(all_codes), torch.cat(all_latents), step)
        self.ema.update(self.first_stage)
        return scalars

    def _losses(
        self,
        images: Tensor,
        reconstructions: Tensor,
        latents: Tensor,
        quantized: Tensor,
        adversarial: bool,
    ) -> dict[str, Tensor]:
        """The autoencoder's losses by name; `loss` is what it descends. NaN: not in use."""
        settings, unused = self.config.first_stage_training, images.new_tensor(torch.nan)
        names = ("perceptual", "generator", "adaptive_weight", "discriminator")
        losses = dict.fromkeys(names, unused)
        losses["absolute_error"] = loss = F.l1_loss(reconstructions, images)
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual(images, reconstructions).mean()
            loss = loss + settings.perceptual_weight * losses["perceptual"]
        if adversarial:
            frozen = {
                name: parameter.detach()
                for name, parameter in self.discriminator.named_parameters()
            }
            losses["generator"] = generator_loss(
                functional_call(self.discriminator, frozen, reconstructions)
            )
            last_layer = self.first_stage.decoder.conv_out.weight
            losses["adaptive_weight"] = adaptive_weight(loss, losses["generator"], last_layer)
            loss = (
                loss
                + settings.discriminator_weight * losses["adaptive_weight"] * losses["generator"]
            )
        losses["codebook"] = codebook_loss(latents, quantized, settings.commitment)
        losses["loss"] = loss + settings.codebook_weight * losses["codebook"]
        return losses

    def _move(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """A step of an optimizer, with the rate of the present settings, warm-up and decay; gradients must be finite."""
        training = self.config.training
        rate = self.config.first_stage_training.learning_rate_per_image * training.batch_size
        (group,) = optimizer.param_groups
        group["lr"] = rate * rate_factor(training, step)
        norm = nn.utils.get_total_norm([parameter.grad for parameter in group["params"]])
        if not torch.isfinite(norm):
            raise ValueError(
                f"the gradient of step {step + 1} is not finite: lower first_stage_training.learning_rate_per_image"
            )
        optimizer.step()

    def _care_for_codes(self, codes: Tensor, latents: Tensor, step: int) -> dict[str, Tensor]:
        """Restart idle codes; how the codebook was used in this step by this process: perplexity, used and restarted codes."""
        counts = torch.bincount(codes, minlength=self.config.first_stage.codebook_size)
        restarted = self.restarts.update(counts, latents, step)
        return {
            "perplexity": perplexity(counts),
            "used_codes": (counts > 0).sum(),
            "restarted_codes": torch.tensor(restarted, device=counts.device),
        }

    def state_dict(self) -> dict:
        """All that changes while training."""
        state = {
            "first_stage": self.first_stage.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "idle_codes": self.restarts.idle,
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        return state

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint; a discriminator that it lacks begins anew, one of other sizes is a ValueError."""
        self.first_stage.load_state_dict(state["first_stage"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.restarts.idle = state["idle_codes"].clone()
        if self.discriminator is not None and "discriminator" in state:
            try:
                self.discriminator.load_state_dict(state["discriminator"])
            except RuntimeError as error:
                raise ValueError(
                    "the checkpoint's discriminator is of other sizes than first_stage_training.discriminator_channels and "
                    "discriminator_layers: use those it was trained with"
                ) from error
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def pictures(self) -> dict[str, Tensor]:
        """Held-out frames (or else the training's first) and below them their reconstructions, with the averaged weights."""
        dataset = self.dataset if self.held_out is None else self.held_out
        with self.ema.applied_to(self.first_stage):
            return {
                "samples/true_reconstructed": reconstruction_picture(
                    self.first_stage, dataset, PICTURES
                )
            }

    def validate(self, step: int) -> dict[str, float]:
        """PSNR and SSIM of held-out frames, with the averaged weights; empty without `data.validation`."""
        if self.held_out is None:
            return {}
        with self.ema.applied_to(self.first_stage):
            count = self.config.first_stage_training.validation_frames
            return reconstruction_quality(self.first_stage, self.held_out, count)

    def export(self, path: str | Path) -> None:
        """Write the averaged weights for users: `path`, a .safetensors file, and beside it a .ckpt in the published layout.

        The .ckpt has the published names under `state_dict`, the discriminator's under `loss.discriminator.`, and `config`.
        """
        with self.ema.applied_to(self.first_stage):
            save_weights(path, self.first_stage)
            state = dict(self.first_stage.state_dict())
            if self.discriminator is not None:
                state |= {
                    f"loss.discriminator.{name}": item
                    for name, item in self.discriminator.state_dict().items()
                }
            settings = {"first_stage": config_to_dict(self.config)["first_stage"]}
            save_checkpoint(
                Path(path).with_suffix(".ckpt"), {"state_dict": state, "config": settings}
            )


def _check(config: Config) -> None:
    """Raise ValueError for settings that this training cannot follow."""
    settings, size = config.first_stage_training, config.first_stage.image_size
    if config.first_stage.kind != "vqgan":
        raise ValueError(
            f"first_stage.kind {config.first_stage.kind!r} has no weights to train; expected vqgan"
        )
    if config.training.precision not in ("float32", "bfloat16") or config.training.compile:
        raise ValueError(
            "the first stage is trained with training.precision=float32 or bfloat16 and "
            "training.compile=false only"
        )
    if settings.crop is not None:
        _, latent = latent_shape(config.first_stage)
        shrink = size // latent
        if not shrink <= settings.crop <= size or settings.crop % shrink:
            raise ValueError(
                f"first_stage_training.crop {settings.crop}: expected a multiple of {shrink} up to {size}"
            )
        size = settings.crop
    if settings.discriminator_weight and patches(size, settings.discriminator_layers) < 1:
        raise ValueError(
            f"first_stage_training.discriminator_layers {settings.discriminator_layers}: too many for images of {size} pixels"
        )


def _first_weights(config: Config) -> nn.Module:
    """The first stage before its first step: random, or with the weights of `training.initial_weights`."""
    if config.training.initial_weights is None:
        return build_first_stage(config.first_stage)
    path = REPOSITORY / config.training.initial_weights
    first_stage = load_first_stage(path)
    if first_stage.config != config.first_stage:
        raise ValueError(
            f"weights {path} are of {first_stage.config}, the settings say {config.first_stage}: use the same"
        )
    return first_stage


def _frames(config: Config, folder: str | None = None, flip: bool = False) -> FramePairs:
    """The frames to train on, or those of another split's folder."""
    data, size, seed = config.data, config.first_stage.image_size, config.training.seed
    chunks, poses, videos = data.chunks, data.poses, data.videos
    if folder is not None:
        chunks = folder if has_chunks(REPOSITORY / folder) else None
        poses, videos = f"{folder}/poses.npy", f"{folder}/videos"
    if chunks is not None:
        return ChunkFrameDataset(REPOSITORY / chunks, size, seed, flip)
    return FrameDataset(REPOSITORY / poses, REPOSITORY / videos, size, seed, flip)


def train_first_stage(config: Config, instance_data: Path, device: str | None = None) -> Path:
    """Train the first stage of `config`, or go on where `instance_data`/first-stage stands; also under torchrun.

    Writes first-stage/checkpoints and first-stage/logs as the score network's training does, and at its end
    first-stage.safetensors, where the other commands look for it, and first-stage.ckpt. Returns the former's path. Raises
    ValueError or FileNotFoundError for settings, data or weights that do not fit.
    """
    instance_data = Path(instance_data)
    folder, exported = instance_data / "first-stage", instance_data / OWN_FIRST_STAGE
    if exported.exists() and not list_checkpoints(folder / "checkpoints"):
        raise ValueError(
            f"{exported} exists and no checkpoint in {folder} goes with it: move it elsewhere or train with another "
            "--instance-data, since training would replace it"
        )
    with flushed_denormals(), join_processes(device) as process:
        task = FirstStageTask(config, process)
        Trainer(task, folder / "checkpoints", folder / "logs", process).run(task.validate)
        if process.leads:
            task.export(exported)
            quality = ", ".join(
                f"{name} {value:.4g}"
                for name, value in task.validate(config.training.steps).items()
            )
            log.info("wrote %s; held-out frames: %s", exported, quality or "none (data.validation)")
    return exported


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/train-first-stage.py."""
    parser = argparse.ArgumentParser(
        description="Train a first stage (the image autoencoder) and write first-stage.safetensors, which train.py and "
        "sample-trajectory.py then find. Run the same command again to go on after a stop. SIGTERM, SIGUSR1, Ctrl-C or a "
        "file first-stage/checkpoints/stop: save and end."
    )
    parser.add_argument(
        "--config",
        default="first-stage-small",
        help="a preset's name or a YAML file (default: %(default)s)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings that replace the preset's"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train_first_stage(
        load_config(options.config, options.settings), options.instance_data, options.device
    )
