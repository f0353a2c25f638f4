"""The settings of a model and of its training, typed.

YAML presets in `configs/` and `key=value` arguments fill them in. Each dataclass checks itself when
it is made, as in `model_config`.
"""

import math
from dataclasses import dataclass, field, fields
from io import StringIO
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from .model_config import DenoiserConfig, DiffusionConfig, FirstStageConfig, ModelConfig
from .utils.checks import check_above_zero, check_at_least, check_between, check_one_of
from .utils.reading import MEGABYTE
from .utils.words import one_line
from .utils.yaml_files import read_yaml

PRESETS = Path(__file__).parent / "configs"
PERCEPTUAL = "lpips", "stlpips", "none"
MOST_WORKERS = 1024  # processes; more are a slip of the hand, and bring a machine to its knees

SETTINGS_BYTES = MEGABYTE // 10  # of a YAML file
# What settings raise that have another shape, type or size than expected.
SENSELESS = (OmegaConfBaseException, ValueError, TypeError, ArithmeticError, RecursionError)

Settings = TypeVar("Settings")


@dataclass
class DataConfig:
    """Where the frame pairs come from and how they are chosen. Paths start at the repository."""

    poses: str = "dataset-data/data/train/poses.npy"
    videos: str = "dataset-data/data/train/videos"
    # Folder of .torch chunks: frames and cameras from it, not from the two above.
    chunks: str | None = None
    # First-stage weights; null: those that fit, of the folder of instance data or shipped, or else
    # those in the folder, which the settings follow.
    first_stage: str | None = None
    # Folder that encode-latents.py wrote: train from it, not from videos; null: from videos.
    latents: str | None = None
    # Hold all latents in the device's memory, and draw pairs and noise there, a batch at a time.
    # Pairs then depend on the number of processes and parts, too.
    on_device: bool = False
    # File of frames that a network made itself (`training.own_frames`): views in their place of
    # `own_share` of the pairs that have one; null: true views alone. Only with `latents`.
    own_frames: str | None = None
    own_share: float = 0.3
    # Poses between the two frames of a pair at most; null: any distance, as published.
    max_gap: int | None = None
    workers: int = 4  # processes that load frames; 0: none
    # Folder of another split: poses.npy and videos/, or for the first stage chunks; null: none.
    validation: str | None = None
    validation_sequences: int = 8  # of that split, evenly chosen
    validation_frames: int = 6  # of each path, the given one included
    validation_every: int = 5  # poses from frame to frame

    def __post_init__(self) -> None:
        check_between(0, MOST_WORKERS, "data", self, "workers")
        check_at_least(1, "data", self, "max_gap", "validation_sequences", "validation_every")
        check_at_least(2, "data", self, "validation_frames")
        if self.on_device and self.latents is None:
            raise ValueError("data.on_device: expected data.latents, which it holds in memory")
        if not 0 <= self.own_share <= 1:
            raise ValueError(f"data.own_share {self.own_share}: expected 0 to 1")


@dataclass
class TrainingConfig:
    """The optimization; the defaults are the published training."""

    # Samples a step, in all: shared by the processes, and by the parts of `accumulation`.
    batch_size: int = 64
    # Parts of a step's batch that a process takes one after the other, to save memory.
    accumulation: int = 1
    # Of the network's arithmetic, float32 or bfloat16; weights stay float32.
    precision: str = "float32"
    compile: bool = False  # by torch.compile: slower to start, faster steps
    # Compute what is inside the network's blocks a second time in the backward pass, not keep it:
    # less memory, about a third more arithmetic.
    activation_checkpointing: bool = False
    steps: int = 2_100_000  # optimizer steps; 2,000 epochs of about 67,000 sequences at 64 a step
    minutes: float | None = None  # stop after this time in this process; null: no limit
    learning_rate: float = 2e-4  # Adam
    warmup_steps: int = 5000  # optimizer steps; linear
    # The last of `steps`, in which the rate falls linearly to zero; 0: none, as published.
    decay_steps: int = 0
    # Where a new training starts; a path as in `data`; null: random weights.
    initial_weights: str | None = None
    gradient_norm: float = 1.0  # clipped to this
    ema_decay: float = 0.999  # at most; ramps up as (1 + n) / (10 + n)
    seed: int = 0
    log_every: int = 50  # steps; curves in TensorBoard and stats.jsonl
    sample_every: int = 5000  # steps; sample images in TensorBoard; 0: none
    validate_every: int = 10000  # steps; 0: never
    checkpoint_every: int = 1000  # steps
    # A checkpoint also after this time without one; null: no limit.
    checkpoint_minutes: float | None = None
    # A checkpoint at the end that a full disk refuses is tried again for so long; 0: not at all.
    save_minutes: float = 5.0
    keep_checkpoints: int = 5  # the newest ones
    keep_every: int = 20000  # steps; checkpoints at multiples are kept for good; 0: none

    def __post_init__(self) -> None:
        names = "batch_size", "accumulation", "steps", "log_every", "keep_checkpoints"
        check_at_least(1, "training", self, *names)
        names = "warmup_steps", "decay_steps", "sample_every", "validate_every"
        check_at_least(0, "training", self, *names, "checkpoint_every", "keep_every")
        check_above_zero("training", self, "gradient_norm", "minutes", "checkpoint_minutes")
        check_between(0, math.inf, "training", self, "save_minutes")
        check_between(0, 1, "training", self, "learning_rate")  # Adam moves weights by up to it
        check_between(0, 2**63 - 1, "training", self, "seed")
        check_one_of("training", self, "precision", ("float32", "bfloat16"))
        if not 0 <= self.ema_decay < 1:
            raise ValueError(
                f"training.ema_decay {self.ema_decay}: expected at least 0 and less than 1"
            )


@dataclass
class FirstStageTrainingConfig:
    """Losses of the first stage's training; batch, steps and seed are in `training`.

    The defaults are the paper's preset for own data. The published training gives the codebook's
    loss weight 0.25 and the commitment 1, where the equation (van den Oord et al. 2017) has 1 and
    `commitment`. Adam doesn't see the scale of the codebook's own loss. So `commitment: 1.0` here
    is the published order.
    """

    # Adam; times training.batch_size (training.learning_rate is not used).
    learning_rate_per_image: float = 4.5e-6
    codebook_weight: float = 1.0  # of codebook and commitment loss together
    commitment: float = 0.25  # of the encoder's share of that loss
    perceptual: str = "lpips"  # lpips (fetches weights), stlpips (weights in a package) or none
    perceptual_weight: float = 1.0
    discriminator_weight: float = 0.8  # times the adaptive weight; 0: no discriminator
    discriminator_start: int = 10000  # optimizer steps before the discriminator takes part
    discriminator_channels: int = 64  # of its first layer
    discriminator_layers: int = 3  # that halve the size; a patch is 70 pixels wide with 3
    flip: bool = False  # mirror half of the frames
    crop: int | None = None  # pixels: train on a random square of a frame; null: on whole frames
    # Optimizer steps without use after which a code is placed anew; 0: never, as published.
    restart_after: int = 0
    validation_frames: int = 64  # of data.validation: frames whose reconstruction is measured

    def __post_init__(self) -> None:
        section = "first_stage_training"
        names = "discriminator_channels", "discriminator_layers", "validation_frames"
        check_at_least(1, section, self, *names)
        check_at_least(0, section, self, "discriminator_start", "restart_after")
        check_between(0, 1, section, self, "learning_rate_per_image")
        names = "codebook_weight", "commitment", "perceptual_weight", "discriminator_weight"
        check_between(0, 1e6, section, self, *names)
        check_one_of(section, self, "perceptual", PERCEPTUAL)


@dataclass
class ConsistencyConfig:
    """Consistency tuning, for `diffusion.objective=consistency`; `diffusion.consistency` uses it.

    The defaults are those of Geng et al. 2024 (arXiv 2406.14548), with larger and fewer stages.
    """

    # Equal parts of training.steps. The distance between the two noise levels of a pair shrinks
    # from stage to stage by `shrinkage`.
    stages: int = 4
    shrinkage: float = 4.0
    # Low levels are farther apart by the factor 1 + wide * sigmoid(-wide_slope * sigma).
    wide: float = 8.0
    wide_slope: float = 1.0
    # Of 1 / sigma^2 ("edm": plus 1 / sigma_data^2), which weights a pair's distance. At 0.5 an
    # error of the network's output counts the same at all levels. 1, the paper's, favours low ones.
    weight_exponent: float = 0.5

    def __post_init__(self) -> None:
        check_at_least(1, "consistency", self, "stages")
        check_at_least(0, "consistency", self, "wide", "wide_slope", "weight_exponent")
        if not self.shrinkage > 1:
            raise ValueError(f"consistency.shrinkage {self.shrinkage}: expected more than 1")


@dataclass
class Config:
    """All settings of a run. It is saved beside the run and inside each checkpoint."""

    first_stage: FirstStageConfig = field(default_factory=FirstStageConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    first_stage_training: FirstStageTrainingConfig = field(default_factory=FirstStageTrainingConfig)
    consistency: ConsistencyConfig = field(default_factory=ConsistencyConfig)

    @property
    def model(self) -> ModelConfig:
        """The model's settings; raises ValueError where its sections don't fit each other.

        A Config need not have that: a first stage's training ignores the denoiser's settings.
        """
        return ModelConfig(self.first_stage, self.denoiser, self.diffusion)


def load_config(name: str = "realestate10k", overrides: list[str] | None = None) -> Config:
    """Settings from a preset's name or a YAML file, then `key=value` overrides, checked.

    Raises FileNotFoundError, or ValueError for an unknown key, a wrong type or a value that cannot
    be. The message says which and where.
    """
    path = Path(name) if Path(name).suffix in (".yaml", ".yml") else PRESETS / f"{name}.yaml"
    if not path.is_file():
        presets = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.yaml")))
        raise FileNotFoundError(
            f"no settings {name}: expected a YAML file or one of the presets {presets}"
        )
    overrides = overrides or []
    malformed = [item for item in overrides if "=" not in item]
    if malformed:
        raise ValueError(
            f"setting {malformed[0]!r}: expected key=value, for example training.batch_size=8"
        )
    try:
        return _merge(Config, read_settings(path), OmegaConf.from_dotlist(overrides))
    except (*SENSELESS, YAMLError, OSError) as error:
        where = " ".join(["settings", str(path), *overrides])
        raise ValueError(f"{where}: {one_line(error)}") from error


def chosen_settings(name: str, overrides: list[str] | None = None) -> set[str]:
    """The keys that the user set, such as training.steps: overrides, and those of an own YAML file.

    Those of a preset are not among them. Takes what `load_config` took.
    """
    parts = [OmegaConf.from_dotlist(overrides or [])]
    if Path(name).suffix in (".yaml", ".yml"):
        parts.append(read_settings(Path(name)))
    sections = OmegaConf.to_container(OmegaConf.merge(*parts))
    return {f"{section}.{key}" for section, values in sections.items() for key in values or ()}


def settings_from_dict(kind: type[Settings], settings: object) -> Settings:
    """Settings of this dataclass from nested plain values, as files of weights carry them.

    Raises ValueError, in one line, for keys, types or values that cannot be.
    """
    if not isinstance(settings, dict):
        raise ValueError(f"settings: expected a dict, found {type(settings).__name__}")
    try:
        return _merge(kind, OmegaConf.create(settings))
    except SENSELESS as error:
        raise ValueError(f"settings: {one_line(error)}") from error


def without_training(settings: object) -> object:
    """Nested plain values without the sections that are about a training and not about a model.

    Checkpoints have them, and so have weight files of earlier versions.
    """
    if not isinstance(settings, dict):
        return settings
    sections = {one.name for one in fields(Config)} - {one.name for one in fields(ModelConfig)}
    return {key: value for key, value in settings.items() if key not in sections}


def read_settings(path: Path) -> object:
    """The values in a YAML file, unchecked, for omegaconf; raises as `read_yaml` and omegaconf."""
    _, text = read_yaml(path, SETTINGS_BYTES)
    return OmegaConf.load(StringIO(text))


def _merge(kind: type[Settings], *parts: object) -> Settings:
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), *parts))
