"""Training the first stage, whose latents the denoiser works on: VQGAN, Esser et al. 2021.

Each step makes its losses from one pass of the autoencoder. They are reconstruction (mean absolute
error and perceptual distance), codebook and commitment. After `discriminator_start` steps come the
adversarial losses of both sides.
"""

import logging
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..config import Config
from ..models import save_weights
from ..models.choosing import training_line
from ..models.discriminator import PatchDiscriminator, generator_loss
from ..models.perceptual import load_perceptual
from ..models.places import OWN_FIRST_STAGE
from ..utils.checkpoint import list_checkpoints, save_checkpoint
from ..utils.denormals import flushed_denormals
from ..utils.distributed import Process, join_processes
from ..utils.ema import ExponentialMovingAverage
from ..utils.files import instance_data_option
from ..utils.leases import lease
from ..utils.pictures import from_bytes
from ..utils.precision import autocast
from .first_stage_inputs import check_settings, first_weights, training_frames
from .first_stage_losses import (
    AdversarialLoss,
    Autoencoding,
    CodeRestarts,
    adaptive_weight,
    codebook_loss,
    perplexity,
)
from .reconstruction import reconstruction_picture, reconstruction_quality
from .steps import Scalars, Skips, accumulate, adam, rate_factor
from .trainer import Trainer

log = logging.getLogger(__name__)

ADAM_BETAS = (0.5, 0.9)
PICTURES = 4  # frames in a picture


class FirstStageTask:
    """The first stage as a task of the trainer."""

    model_sections = ("first_stage",)

    def __init__(self, config: Config, process: Process) -> None:
        check_settings(config)
        self.config, self.process = config, process
        settings, seed = config.first_stage_training, config.training.seed
        self.dataset = training_frames(config, flip=settings.flip)
        self.dataset.crop = settings.crop
        validation = config.data.validation
        self.held_out = training_frames(config, validation) if validation else None
        self.perceptual = load_perceptual(settings.perceptual, process.device)
        torch.manual_seed(seed)  # of the first weights
        self.network = self.first_stage = first_weights(config).to(process.device).train()
        self.title = f"a first stage on {self.dataset.title}"
        self.autoencoding = process.parallel(Autoencoding(self.first_stage))
        rate = settings.learning_rate_per_image * config.training.batch_size
        self.optimizer = adam(self.first_stage.parameters(), rate, ADAM_BETAS)
        self.ema = ExponentialMovingAverage(self.first_stage, config.training.ema_decay)
        self.skips = Skips(
            process, "first_stage_training.learning_rate_per_image", self.dataset.name
        )
        self.restarts = CodeRestarts(
            self.first_stage.quantize.embedding, settings.restart_after, seed, process
        )
        self.discriminator = None
        if settings.discriminator_weight:
            sizes = settings.discriminator_channels, settings.discriminator_layers
            self.discriminator = PatchDiscriminator(*sizes).to(process.device).train()
            self.adversarial = process.parallel(AdversarialLoss(self.discriminator))
            judges = self.discriminator.parameters()
            self.discriminator_optimizer = adam(judges, rate, ADAM_BETAS)

    def update(self, batches: list[dict[str, Tensor]], step: int) -> Scalars:
        """One step of the autoencoder, and one of the discriminator once it takes part."""
        settings = self.config.first_stage_training
        adversarial = self.discriminator is not None and step >= settings.discriminator_start
        optimizers = [self.optimizer, *([self.discriminator_optimizer] if adversarial else [])]
        # Batch normalization changes its statistics before it is known whether the step is skipped.
        statistics = [] if self.discriminator is None else list(self.discriminator.buffers())
        before = [one.clone() for one in statistics]
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        parts = accumulate(
            batches,
            self.config.training.accumulation,
            lambda batch, last: self._backward(batch, last, adversarial),
        )
        codes, latents, errors = (parts.pop(name) for name in ("codes", "latents", "error"))
        norm = nn.utils.get_total_norm(
            [one.grad for optimizer in optimizers for one in optimizer.param_groups[0]["params"]]
        )
        skipped = self.skips.skips(norm, step, errors, batches)
        if skipped:
            for one, value in zip(statistics, before, strict=True):
                one.copy_(value)
            unknown = torch.tensor(torch.nan)
            used = dict.fromkeys(("perplexity", "used_codes", "restarted_codes"), unknown)
        else:
            for optimizer in optimizers:
                self._move(optimizer, step)
            used = self._care_for_codes(codes, latents, step)
            self.ema.update(self.first_stage)
        scalars = {name: values.mean() for name, values in parts.items()} | used
        return scalars | {"skipped_steps": torch.tensor(float(skipped))}

    def _backward(
        self, batch: dict[str, Tensor], last: bool, adversarial: bool
    ) -> dict[str, Tensor]:
        """The gradients of a part of a step's batch.

        Returns its losses by name. Of each latent pixel it returns `latents` (m, c) and `codes`
        (m,), and of each sample its `error` (n,).
        """
        count = self.config.training.accumulation
        images = from_bytes(batch["image"].to(self.process.device, non_blocking=True))
        with self.process.averaging(self.autoencoding, now=last):
            with autocast(self.process.device, self.config.training.precision):
                reconstructions, latents, quantized, codes = self.autoencoding(images)
            losses = self._losses(images, reconstructions, latents, quantized, adversarial)
            (losses["loss"] / count).backward()
        if adversarial:
            with self.process.averaging(self.adversarial, now=last):
                losses["discriminator"] = self.adversarial(images, reconstructions.detach())
                (losses["discriminator"] / count).backward()
        row = {name: loss.detach() for name, loss in losses.items()}
        row["latents"] = latents.detach().movedim(1, -1).flatten(0, -2)
        row["error"] = (reconstructions.detach() - images).abs().mean((1, 2, 3))
        return row | {"codes": codes.flatten()}

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
            named = self.discriminator.named_parameters()
            frozen = {name: parameter.detach() for name, parameter in named}
            judged = functional_call(self.discriminator, frozen, reconstructions)
            losses["generator"] = generator_loss(judged)
            last_layer = self.first_stage.decoder.conv_out.weight
            losses["adaptive_weight"] = adaptive_weight(loss, losses["generator"], last_layer)
            weight = settings.discriminator_weight * losses["adaptive_weight"]
            loss = loss + weight * losses["generator"]
        losses["codebook"] = codebook_loss(latents, quantized, settings.commitment)
        losses["loss"] = loss + settings.codebook_weight * losses["codebook"]
        return losses

    def _move(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """A step of an optimizer, with the rate of the present settings, warm-up and decay."""
        training = self.config.training
        rate = self.config.first_stage_training.learning_rate_per_image * training.batch_size
        (group,) = optimizer.param_groups
        group["lr"] = rate * rate_factor(training, step)
        optimizer.step()

    def _care_for_codes(self, codes: Tensor, latents: Tensor, step: int) -> dict[str, Tensor]:
        """Restart idle codes, and say how this process used the codebook in this step."""
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
        """Go on from a checkpoint; a discriminator that it lacks begins anew.

        Raises ValueError for a discriminator of other sizes.
        """
        self.first_stage.load_state_dict(state["first_stage"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.restarts.idle = state["idle_codes"].clone()
        if self.discriminator is not None and "discriminator" in state:
            try:
                self.discriminator.load_state_dict(state["discriminator"])
            except RuntimeError as error:
                raise ValueError(
                    "the checkpoint's discriminator is of other sizes than "
                    "first_stage_training.discriminator_channels and discriminator_layers: "
                    "use those it was trained with"
                ) from error
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def blank_loss(self) -> Tensor:
        """The loss of one blank frame, without the discriminator."""
        side = self.dataset.crop or self.config.first_stage.image_size
        images = torch.zeros(1, 3, side, side, device=self.process.device)
        reconstructions, latents, quantized, _ = Autoencoding(self.first_stage)(images)
        return self._losses(images, reconstructions, latents, quantized, adversarial=False)["loss"]

    def pictures(self) -> dict[str, Tensor]:
        """Held-out frames, or else the training's first, and below them their reconstructions.

        These are made with the averaged weights.
        """
        dataset = self.dataset if self.held_out is None else self.held_out
        with self.ema.applied_to(self.first_stage):
            picture = reconstruction_picture(self.first_stage, dataset, PICTURES)
        return {"samples/true_reconstructed": picture}

    def validate(self, step: int) -> dict[str, float]:
        """PSNR and SSIM of held-out frames, with the averaged weights.

        The processes share the frames; every one must call this. Empty without `data.validation`.
        """
        if self.held_out is None:
            return {}
        with self.ema.applied_to(self.first_stage):
            count = self.config.first_stage_training.validation_frames
            return reconstruction_quality(self.first_stage, self.held_out, count, self.process)

    def export(self, path: str | Path) -> None:
        """Write the averaged weights for users, to `path`, a .safetensors file.

        Beside it goes a .ckpt in the published layout. Its `state_dict` has the published names,
        the discriminator's after `loss.discriminator.`; its `config` the settings.
        """
        with self.ema.applied_to(self.first_stage):
            save_weights(path, self.first_stage)
            state = dict(self.first_stage.state_dict())
            if self.discriminator is not None:
                judges = self.discriminator.state_dict()
                state |= {f"loss.discriminator.{name}": item for name, item in judges.items()}
            settings = {"first_stage": asdict(self.config.first_stage)}
            published = {"state_dict": state, "config": settings}
            save_checkpoint(Path(path).with_suffix(".ckpt"), published)


def train_first_stage(config: Config, instance_data: Path, device: str | None = None) -> Path:
    """Train the first stage of `config`, or go on where `instance_data`/first-stage stands.

    Also under torchrun. It writes to first-stage/ as the denoiser's training does. At its end come
    first-stage.safetensors, whose path it returns, and first-stage.ckpt. Raises ValueError or
    FileNotFoundError for settings, data or weights that do not fit, and while another process
    trains there.
    """
    instance_data = Path(instance_data)
    folder, exported = instance_data / "first-stage", instance_data / OWN_FIRST_STAGE
    if exported.exists() and not list_checkpoints(folder / "checkpoints"):
        raise ValueError(
            f"{exported} exists and no checkpoint in {folder} goes with it: move it elsewhere or "
            "train with another --instance-data, since training would replace it"
        )
    with (
        flushed_denormals(),
        join_processes(device) as process,
        lease(*[folder / "checkpoints"] * process.leads),
    ):
        task = FirstStageTask(config, process)
        Trainer(task, folder / "checkpoints", folder / "logs", process).run(task.validate)
        process.by_first(lambda: task.export(exported))
        scores = task.validate(config.training.steps)
        if process.leads:
            quality = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
            log.info("wrote %s; held-out frames: %s", exported, quality or "none (data.validation)")
            taken = list_checkpoints(instance_data / "checkpoints")  # of another score network
            whole = instance_data.resolve()
            other = whole.with_name(f"{whole.name}-latents")
            there = instance_data_option(other if taken else instance_data)
            command = training_line(config.first_stage, exported, config.data)
            log.info("next: %s%s", command, there)
    return exported
