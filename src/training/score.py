"""Training the score network on frame pairs: `train(config, instance_data)`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import Config
from ..datasets.latents import first_stage_fingerprint, open_dataset
from ..diffusion.sde import draw_noise_levels, score_matching_loss
from ..models import Denoiser, build_denoiser, load_denoiser, open_first_stage
from ..utils.denormals import flushed_denormals
from ..utils.distributed import Process, join_processes
from ..utils.ema import ExponentialMovingAverage
from ..utils.files import BASE
from ..utils.random import generator
from .pictures import sample_grid
from .trainer import Trainer, rate_factor

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}
NOISE_LEVEL_BOUNDS = (
    0.03,
    0.1,
    0.3,
    1.0,
    3.0,
    10.0,
    30.0,
    100.0,
)  # between which the loss is logged by noise level
PICTURES = 4  # pairs in a sample picture


class PairLoss(nn.Module):
    """The training objective as one module, so that it is distributed and compiled as one."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self, target: Tensor, cond: Tensor, noise: Tensor, sigma: Tensor, cameras: dict[str, Tensor]
    ) -> Tensor:
        """target, cond, noise: (n, c, L, L) latents; sigma: (n,); cameras: target_pose, cond_pose (n, 4, 4), focal_y (n,).

        Returns the losses (n,): denoising score matching of the target given the clean conditioning view.
        """
        rays = self.denoiser.embed_cameras(**cameras)
        return score_matching_loss(
            lambda x, sigma: self.denoiser.score(x, cond, sigma, rays),
            target,
            noise,
            sigma,
            self.denoiser.config,
        )


class ScoreTask:
    """The score network as a task of the trainer; checkpoints have the published keys."""

    model_sections = ("first_stage", "denoiser", "diffusion")

    def __init__(self, config: Config, instance_data: Path, process: Process) -> None:
        if config.training.precision not in PRECISIONS:
            raise ValueError(
                f"training.precision {config.training.precision!r}: expected one of {', '.join(PRECISIONS)}"
            )
        self.config, self.process = config, process
        self.first_stage = open_first_stage(config, instance_data).to(process.device)
        self.dataset = open_dataset(config, first_stage_fingerprint(self.first_stage))
        torch.manual_seed(config.training.seed)  # of the first weights
        self.denoiser = _first_denoiser(config).to(process.device).train()
        parameters = [
            parameter for parameter in self.denoiser.parameters() if parameter.requires_grad
        ]
        self.optimizer = torch.optim.Adam(parameters, lr=config.training.learning_rate)
        self.ema = ExponentialMovingAverage(self.denoiser, config.training.ema_decay)
        loss = PairLoss(self.denoiser)
        self.loss = process.parallel(torch.compile(loss) if config.training.compile else loss)

    def update(self, batches: Iterator[dict[str, Tensor]], step: int) -> dict[str, Tensor]:
        """One optimizer step: encode, noise, loss, gradient, clipping, warm-up, averages."""
        settings = self.config.training
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate_factor(settings, step)
        self.optimizer.zero_grad(set_to_none=True)
        losses, sigmas, replaced = [], [], 0
        for part, batch in enumerate(batches, start=1):
            target, cond, cameras = self._encode(batch)
            noise, sigma = self._noise(batch["number"].tolist(), target.shape[1:])
            with self.process.averaging(self.loss, now=part == settings.accumulation):
                with self._autocast():
                    loss = self.loss(target, cond, noise, sigma, cameras)
                (loss.mean() / settings.accumulation).backward()
            losses.append(loss.detach())
            sigmas.append(sigma)
            replaced += int(batch["replaced"].sum())
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), settings.gradient_norm)
        if not torch.isfinite(norm):
            raise ValueError(
                f"the gradient of step {step + 1} is not finite: lower training.learning_rate"
            )
        self.optimizer.step()
        self.ema.update(self.denoiser)
        losses, sigmas = torch.cat(losses), torch.cat(sigmas)
        scalars = {
            "loss": losses.mean(),
            "gradient_norm": norm,
            "learning_rate": torch.tensor(group["lr"]),
        }
        scalars["replaced_samples"] = torch.tensor(
            replaced / len(losses)
        )  # their share: a video could not be read
        return scalars | _by_noise_level(losses, sigmas)

    def state_dict(self) -> dict:
        """The published checkpoint's keys."""
        return {
            "score_sde_model": self.denoiser.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.denoiser.load_state_dict(state["score_sde_model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])

    def pictures(self) -> dict[str, Tensor]:
        """Given, generated and true frames of the first samples, with the averaged weights."""
        batch = torch.utils.data.default_collate(
            [self.dataset[number] for number in range(PICTURES)]
        )
        with self.ema.applied_to(self.denoiser):
            grid = sample_grid(
                self.denoiser,
                self.first_stage,
                *self._encode(batch),
                seed=self.config.training.seed,
            )
        return {"samples/given_generated_true": grid}

    @torch.no_grad()
    def _encode(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """A batch's target and conditioning latents (n, c, L, L) and its cameras, on the training device."""
        batch = {
            name: value.to(self.process.device, non_blocking=True) for name, value in batch.items()
        }
        cameras = {name: batch[name] for name in ("target_pose", "cond_pose", "focal_y")}
        if "target_latent" in batch:
            return batch["target_latent"], batch["cond_latent"], cameras
        images = torch.cat([batch["target_image"], batch["cond_image"]]).float() / 127.5 - 1
        with self._autocast():
            target, cond = self.first_stage.encode(images).float().chunk(2)
        return target, cond, cameras

    def _noise(self, numbers: list[int], shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Noise (n, c, L, L) and noise levels (n,) of samples, each from its own number."""
        sources = [generator(self.config.training.seed, "noise", number) for number in numbers]
        uniform = torch.tensor([source.random() for source in sources])
        noise = torch.stack(
            [torch.from_numpy(source.standard_normal(shape, dtype="float32")) for source in sources]
        )
        return noise.to(self.process.device), draw_noise_levels(uniform, self.config.diffusion).to(
            self.process.device
        )

    def _autocast(self) -> AbstractContextManager:
        precision = PRECISIONS[self.config.training.precision]
        return torch.autocast(self.process.device.type, precision) if precision else nullcontext()


def _first_denoiser(config: Config) -> Denoiser:
    """The score network before its first step: random, or with the averaged weights of `training.initial_weights`."""
    denoiser = build_denoiser(config)
    if config.training.initial_weights is None:
        return denoiser
    path = BASE / config.training.initial_weights
    weights = load_denoiser(path)
    for section in ("first_stage", "denoiser"):
        found, wanted = getattr(weights.config, section), getattr(config, section)
        if found != wanted:
            raise ValueError(
                f"weights {path} are of {found}, the settings say {wanted}: use the same"
            )
    buffers = dict(weights.named_buffers())  # they hold the noise levels, which follow the settings
    denoiser.load_state_dict(
        {name: value for name, value in weights.state_dict().items() if name not in buffers},
        strict=False,
    )
    return denoiser


def _by_noise_level(losses: Tensor, sigmas: Tensor) -> dict[str, Tensor]:
    """The mean loss between neighbouring NOISE_LEVEL_BOUNDS; NaN where no sample fell."""
    bounds = torch.tensor(NOISE_LEVEL_BOUNDS, device=sigmas.device)
    bins = torch.bucketize(sigmas, bounds)
    names = [f"loss_by_noise_level/below_{bound:g}" for bound in NOISE_LEVEL_BOUNDS] + [
        "loss_by_noise_level/above"
    ]
    return {name: losses[bins == number].mean() for number, name in enumerate(names)}


def train(
    config: Config,
    instance_data: Path,
    device: str | None = None,
    validation: Callable[[ScoreTask, Path], Callable[[int], dict[str, float]]] | None = None,
) -> Path:
    """Train the score network of `config`, or go on where `instance_data`/checkpoints stands; also under torchrun.

    Writes checkpoints/EEEE-IIIIIIII.pth and checkpoints/config.yaml, and to logs/ TensorBoard curves and stats.jsonl. device:
    default a GPU if there is one. validation: makes, of the task and a folder, what scores the weights every
    `training.validate_every` steps. Returns the checkpoints' folder. Raises ValueError or FileNotFoundError for data or
    weights that do not fit.
    """
    instance_data = Path(instance_data)
    with flushed_denormals(), join_processes(device) as process:
        task = ScoreTask(config, instance_data, process)
        trainer = Trainer(task, instance_data / "checkpoints", instance_data / "logs", process)
        trainer.run(
            validation(task, instance_data / "validation") if validation and process.leads else None
        )
    return trainer.checkpoints
