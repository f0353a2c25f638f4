"""The settings of a model and of its training, typed; YAML presets in `configs/` and `key=value` arguments fill them in."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

PRESETS = Path(__file__).parent / "configs"


@dataclass
class FirstStageConfig:
    """The image autoencoder. `pixels` has no weights: it moves blocks of pixels into channels, and back."""

    kind: str = "vqgan"  # vqgan (weights in a file of their own) or pixels
    image_size: int = 256  # pixels, square
    channels: int = 128  # of the first level
    channel_multipliers: list[int] = field(
        default_factory=lambda: [1, 2, 2, 4]
    )  # one a level; halves the size between
    residual_blocks: int = 2  # a level
    latent_channels: int = 4
    codebook_size: int = 16384  # codes
    pixel_block: int = 2  # pixels; only for `pixels`: latent channels are then 3 * pixel_block^2


@dataclass
class DenoiserConfig:
    """The two-view score network and its ray downsampler; the defaults are the published network."""

    latent_size: int = 32  # latent pixels, square
    latent_channels: int = 4
    patch_size: int = 1  # latent pixels a side that are one pixel of the network, moved into channels; 1: as published
    channels: int = 128  # of the input convolution; the noise embedding has four times as many
    channel_multipliers: list[int] = field(
        default_factory=lambda: [2, 2, 2, 2]
    )  # one a level; halves the size between
    residual_blocks: int = 2  # a level
    attention_resolutions: list[int] = field(
        default_factory=lambda: [32, 16, 8, 4]
    )  # pixels of the network
    attention_heads: int = 4
    head_channels: int | None = None  # of one head; null: as many as the level has, as published
    ray_channels: list[int] = field(
        default_factory=lambda: [128, 128, 256, 256]
    )  # of the ray pyramid, one a level
    fourier_scale: float = 16.0  # of the random frequencies that embed log sigma
    preconditioning: str = (
        "published"  # published: score = network / sigma; edm: the input and output scalings of EDM
    )
    sigma_data: float = 0.5  # only for edm: standard deviation of the latents


@dataclass
class DiffusionConfig:
    """The variance-exploding process, sigma(t) = sigma_min (sigma_max / sigma_min)^t, and how training draws sigma."""

    sigma_min: float = 0.01  # in units of the latents
    sigma_max: float = 378.0
    noise_levels: str = "uniform"  # uniform: t uniform, as published; lognormal: as in EDM
    log_sigma_mean: float = -1.2  # only for lognormal
    log_sigma_std: float = 1.2  # only for lognormal


@dataclass
class DataConfig:
    """Where the frame pairs come from and how they are chosen."""

    poses: str = "dataset-data/data/train/poses.npy"  # relative paths start at the repository
    videos: str = "dataset-data/data/train/videos"
    chunks: str | None = (
        None  # folder of .torch chunks: frames and cameras from it, not from the two above
    )
    first_stage: str | None = None  # first-stage weights; null: where they are found by default
    latents: str | None = (
        None  # folder that encode-latents.py wrote: train from it, not from videos; null: from videos
    )
    max_gap: int | None = (
        None  # poses between the two frames of a pair at most; null: any distance, as published
    )
    workers: int = 4  # processes that load frames; 0: none
    # Folder of another split, with poses.npy and videos/ (for the first stage also of chunks); null: no validation.
    validation: str | None = None
    validation_sequences: int = 8  # of that split, evenly chosen
    validation_frames: int = 6  # of each path, the given one included
    validation_every: int = 5  # poses from frame to frame


@dataclass
class TrainingConfig:
    """The optimization; the defaults are the published training."""

    batch_size: int = (
        64  # samples a step, in all: shared by the processes, and by the parts of `accumulation`
    )
    accumulation: int = (
        1  # parts of a step's batch that a process takes one after the other, to save memory
    )
    precision: str = (
        "float32"  # of the network's arithmetic: float32 or bfloat16 (weights stay float32)
    )
    compile: bool = False  # by torch.compile: slower to start, faster steps
    steps: int = 2_100_000  # optimizer steps; 2,000 epochs of about 67,000 sequences at 64 a step
    minutes: float | None = None  # stop after this time in this process; null: no limit
    learning_rate: float = 2e-4  # Adam
    warmup_steps: int = 5000  # optimizer steps; linear
    decay_steps: int = 0  # the last of `steps`, over which the learning rate falls linearly to zero; 0: none, as published
    initial_weights: str | None = (
        None  # where a new training starts; a path as in `data`; null: random weights
    )
    gradient_norm: float = 1.0  # clipped to this
    ema_decay: float = 0.999  # at most; ramps up as (1 + n) / (10 + n)
    seed: int = 0
    log_every: int = 50  # steps
    sample_every: int = 5000  # steps; sample images in TensorBoard; 0: none
    validate_every: int = 10000  # steps; 0: never
    checkpoint_every: int = 1000  # steps
    checkpoint_minutes: float | None = (
        None  # a checkpoint also after this time without one; null: no limit
    )
    keep_checkpoints: int = 5  # the newest ones
    keep_every: int = 20000  # steps; checkpoints at multiples are kept for good; 0: none


@dataclass
class FirstStageTrainingConfig:
    """Losses of the first stage's training (batch, steps, seed are in `training`); defaults: the paper's preset for own data.

    The published training gives the codebook's loss weight 0.25 and the commitment 1, where the equation
    (van den Oord et al. 2017) has 1 and `commitment`. Adam doesn't see the scale of the codebook's own loss, so
    `commitment: 1.0` here is the published order.
    """

    learning_rate_per_image: float = (
        4.5e-6  # Adam; times training.batch_size (training.learning_rate is not used)
    )
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
    restart_after: int = (
        0  # optimizer steps without use after which a code is placed anew; 0: never, as published
    )
    validation_frames: int = 64  # of data.validation: frames whose reconstruction is measured


@dataclass
class Config:
    """All settings of a run. It is saved beside the run and inside each checkpoint."""

    first_stage: FirstStageConfig = field(default_factory=FirstStageConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    first_stage_training: FirstStageTrainingConfig = field(default_factory=FirstStageTrainingConfig)


def load_config(name: str = "realestate10k", overrides: list[str] | None = None) -> Config:
    """Settings from a preset's name or a YAML file, then `key=value` overrides, checked against the types above.

    Raises ValueError (an unknown key, a wrong type; the message says which and where) or FileNotFoundError.
    """
    path = Path(name) if Path(name).suffix in (".yaml", ".yml") else PRESETS / f"{name}.yaml"
    if not path.is_file():
        presets = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.yaml")))
        raise FileNotFoundError(
            f"no settings {name}: expected a YAML file or one of the presets {presets}"
        )
    malformed = [item for item in overrides or [] if "=" not in item]
    if malformed:
        raise ValueError(
            f"setting {malformed[0]!r}: expected key=value, for example training.batch_size=8"
        )
    try:
        return _merge(OmegaConf.load(path), OmegaConf.from_dotlist(overrides or []))
    except (OmegaConfBaseException, YAMLError, TypeError, OSError) as error:
        raise ValueError(
            f"settings {path} {' '.join(overrides or [])}: {_one_line(error)}"
        ) from error


def config_from_dict(settings: dict) -> Config:
    """Settings from nested plain values, as checkpoints carry them; raises ValueError for keys or types we don't know."""
    try:
        return _merge(OmegaConf.create(settings))
    except OmegaConfBaseException as error:
        raise ValueError(f"settings: {_one_line(error)}") from error


def config_to_dict(config: Config) -> dict:
    """Settings as nested plain values."""
    return asdict(config)


def _merge(*parts: object) -> Config:
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), *parts))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
