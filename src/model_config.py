"""The settings of a model: its first stage, its denoiser and its diffusion process.

Each dataclass checks itself when it is made: ValueError names the key, what was found and what
was expected.
"""

from dataclasses import dataclass, field

from .utils.checks import check_above_zero, check_between, check_one_of

LARGEST = 8192  # pixels, of a frame's side: what a file of weights can make a computer hold
GROUPS = 32  # of every group normalization of the first stage
# How training weights the loss, by how it draws noise levels, where nothing else is said.
LOSS_WEIGHTINGS = {"uniform": "published", "lognormal": "edm"}
OBJECTIVES = "score", "consistency"


@dataclass
class FirstStageConfig:
    """The image autoencoder. `pixels` has no weights: it moves blocks of pixels into channels."""

    kind: str = "vqgan"  # vqgan (weights in a file of their own) or pixels
    image_size: int = 256  # pixels, square
    channels: int = 128  # of the first level
    # One a level; the size halves from level to level.
    channel_multipliers: list[int] = field(default_factory=lambda: [1, 2, 2, 4])
    residual_blocks: int = 2  # a level
    latent_channels: int = 4
    codebook_size: int = 16384  # codes
    pixel_block: int = 2  # pixels; only for `pixels`: latent channels are then 3 * pixel_block^2

    def __post_init__(self) -> None:
        section = "first_stage"
        check_one_of(section, self, "kind", ("vqgan", "pixels"))
        if self.kind == "pixels":
            check_above_zero(section, self, "pixel_block")
        else:
            check_above_zero(section, self, "latent_channels", "codebook_size", "residual_blocks")
            if not self.widths or any(width < 1 or width % GROUPS for width in self.widths):
                raise ValueError(
                    f"first_stage.channels {self.channels} times first_stage.channel_multipliers "
                    f"{self.channel_multipliers}: expected multiples of {GROUPS}"
                )
        if not 1 <= self.image_size <= LARGEST or self.image_size % self.shrinkage:
            raise ValueError(
                f"first_stage.image_size {self.image_size}: expected a multiple of "
                f"{self.shrinkage}, a latent pixel's side, up to {LARGEST}"
            )

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        return [self.channels * multiplier for multiplier in self.channel_multipliers]

    @property
    def shrinkage(self) -> int:
        """Pixels of the image along one side of a latent pixel."""
        return self.pixel_block if self.kind == "pixels" else 2 ** (len(self.widths) - 1)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channels, size, size) of an image's latent."""
        size = self.image_size // self.shrinkage
        channels = 3 * self.pixel_block**2 if self.kind == "pixels" else self.latent_channels
        return channels, size, size


@dataclass
class DenoiserConfig:
    """The two-view score network and its ray downsampler; the defaults are the published one."""

    latent_size: int = 32  # latent pixels, square
    latent_channels: int = 4
    # Latent pixels a side that are one pixel of the network, moved into channels; 1: as published.
    patch_size: int = 1
    channels: int = 128  # of the input convolution; the noise embedding has four times as many
    # One a level; the size halves from level to level.
    channel_multipliers: list[int] = field(default_factory=lambda: [2, 2, 2, 2])
    residual_blocks: int = 2  # a level
    # Pixels of the network.
    attention_resolutions: list[int] = field(default_factory=lambda: [32, 16, 8, 4])
    attention_heads: int = 4
    head_channels: int | None = None  # of one head; null: as many as the level has, as published
    # Of the ray pyramid, one a level.
    ray_channels: list[int] = field(default_factory=lambda: [128, 128, 256, 256])
    fourier_scale: float = 16.0  # of the random frequencies that embed log sigma
    # published: score = network / sigma; edm: the input and output scalings of EDM.
    preconditioning: str = "published"
    sigma_data: float = 0.5  # only for edm: standard deviation of the latents

    def __post_init__(self) -> None:
        names = "latent_size", "latent_channels", "patch_size", "channels", "residual_blocks"
        names += "attention_heads", "head_channels", "channel_multipliers", "ray_channels"
        check_above_zero("denoiser", self, *names, "sigma_data")
        check_one_of("denoiser", self, "preconditioning", ("published", "edm"))
        levels = len(self.channel_multipliers)
        if len(self.ray_channels) != levels:
            raise ValueError(
                f"denoiser.ray_channels has {len(self.ray_channels)} entries, "
                f"denoiser.channel_multipliers {levels}: give both one entry a level"
            )
        coarsest = self.patch_size * 2 ** (levels - 1)
        if self.latent_size % coarsest:
            raise ValueError(
                f"denoiser.latent_size {self.latent_size}: expected a multiple of {coarsest}, "
                f"for patches of {self.patch_size}, halved between {levels} levels"
            )
        sizes = [self.grid_size >> level for level in range(levels)]
        if not self.attention_resolutions or not set(self.attention_resolutions) <= set(sizes):
            # The two views, and the cameras, meet nowhere else.
            raise ValueError(
                f"denoiser.attention_resolutions {self.attention_resolutions}: "
                f"expected one or more of the levels' sizes {sizes}"
            )

    @property
    def grid_size(self) -> int:
        """Pixels a side of the network's first level; rays are given on four times as many."""
        return self.latent_size // self.patch_size

    @property
    def grid_channels(self) -> int:
        """Channels of the network's input and output."""
        return self.latent_channels * self.patch_size**2

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        return [self.channels * multiplier for multiplier in self.channel_multipliers]


@dataclass
class DiffusionConfig:
    """The variance-exploding process, and how training draws noise levels and weights their losses.

    sigma(t) = sigma_min (sigma_max / sigma_min)^t for t in [0, 1].
    """

    sigma_min: float = 0.01  # in units of the latents
    sigma_max: float = 378.0
    noise_levels: str = "uniform"  # uniform: t uniform, as published; lognormal: as in EDM
    log_sigma_mean: float = -1.2  # only for lognormal
    log_sigma_std: float = 1.2  # only for lognormal
    # Of each noise level's loss, published or edm; null: published for uniform, edm for lognormal.
    loss_weighting: str | None = None
    # What the network learns: the score, or to be consistent (`diffusion.consistency`), so that
    # few evaluations make a frame; null: score.
    objective: str | None = None
    # Training adds noise up to this level to the conditioning latent, and the network is told the
    # level; null: none, as published.
    sigma_cond_max: float | None = None
    # The level at which sampling uses generated views; null: sigma_min, without added noise.
    sigma_cond: float | None = None

    def __post_init__(self) -> None:
        check_between(1e-6, 1e6, "diffusion", self, "sigma_min", "sigma_max")
        check_between(-20, 20, "diffusion", self, "log_sigma_mean")
        check_between(0, 10, "diffusion", self, "log_sigma_std")
        if not self.sigma_min < self.sigma_max:
            raise ValueError(
                f"diffusion.sigma_min {self.sigma_min} and diffusion.sigma_max {self.sigma_max}: "
                "expected sigma_min below sigma_max"
            )
        check_one_of("diffusion", self, "noise_levels", LOSS_WEIGHTINGS)
        check_above_zero("diffusion", self, "log_sigma_std")
        if self.loss_weighting is not None:
            check_one_of("diffusion", self, "loss_weighting", ("published", "edm"))
        # What is said though it is the default becomes null: settings that mean the same are equal.
        if self.loss_weighting == LOSS_WEIGHTINGS[self.noise_levels]:
            self.loss_weighting = None
        if self.objective is not None:
            check_one_of("diffusion", self, "objective", OBJECTIVES)
        if self.objective == "score":
            self.objective = None
        self._check_conditioning()

    def _check_conditioning(self) -> None:
        most = self.sigma_max
        for name in ("sigma_cond_max", "sigma_cond"):
            level = getattr(self, name)
            if level is not None and not self.sigma_min <= level <= most:
                raise ValueError(
                    f"diffusion.{name} {level}: expected {self.sigma_min:g} to {most:g}"
                )
            most = level or self.sigma_min  # what sampling uses, training has to know

    @property
    def weighting(self) -> str:
        """The loss's weighting, published or edm."""
        return self.loss_weighting or LOSS_WEIGHTINGS[self.noise_levels]

    @property
    def trained_for(self) -> str:
        """One of OBJECTIVES."""
        return self.objective or "score"


@dataclass
class ModelConfig:
    """What a denoiser is made of, and all that a file of its weights says about it."""

    first_stage: FirstStageConfig = field(default_factory=FirstStageConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    def __post_init__(self) -> None:
        channels, size, _ = self.latent_shape
        if (channels, size) != (self.denoiser.latent_channels, self.denoiser.latent_size):
            raise ValueError(
                f"denoiser.latent_channels {self.denoiser.latent_channels} and "
                f"denoiser.latent_size {self.denoiser.latent_size}: expected {channels} and {size},"
                " as first_stage makes latents"
            )

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channels, size, size) of a frame's latent."""
        return self.first_stage.latent_shape
