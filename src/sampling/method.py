"""How frames are drawn: every sampling option, declared once."""

from dataclasses import dataclass, field, replace

from ..diffusion.registry import default_sampler, find_sampler
from ..model_config import ModelConfig
from ..utils.precision import check_precision

VIEWS = ("average", "random")


@dataclass(frozen=True)
class Method:
    """How frames are drawn; it is recorded with them. ValueError says what cannot be."""

    sampler: str | None = None  # a name in SAMPLERS; None: the default of the weights
    steps: int | None = None  # noise levels; None becomes the sampler's default
    seed: int = 0  # of the noise
    precision: str = "float32"  # of the score network; all other arithmetic is float32
    # Of several conditioning views: the average of their scores, as published, or each time another
    # one.
    views: str = "average"
    options: dict[str, float] = field(default_factory=dict)  # of the sampler
    # The noise level that generated views are used at, noise added; None: what the weights say.
    sigma_cond: float | None = None

    def __post_init__(self) -> None:
        if self.sampler is not None:
            self._check_sampler()
        if (self.steps is not None and self.steps < 1) or self.seed < 0:
            raise ValueError(
                f"steps {self.steps}, seed {self.seed}: expected steps of at least 1 and a seed "
                "of at least 0"
            )
        check_precision(self.precision)
        if self.views not in VIEWS:
            raise ValueError(f"views {self.views!r}: expected one of {', '.join(VIEWS)}")

    def _check_sampler(self) -> None:
        sampler = find_sampler(self.sampler)
        if self.steps is None:
            object.__setattr__(self, "steps", sampler.steps)
        unknown = [name for name in self.options if name not in sampler.options()]
        if unknown:
            raise ValueError(
                f"sampler {self.sampler}: found the option {unknown[0]}, "
                f"expected {', '.join(sampler.options())}"
            )

    def fitted(self, model: ModelConfig) -> "Method":
        """This method with the weights' default sampler where none is named.

        Raises ValueError if the sampler, or `sigma_cond`, asks for other weights than these.
        """
        trained_for, diffusion = model.diffusion.trained_for, model.diffusion
        method = replace(self, sampler=self.sampler or default_sampler(trained_for))
        wanted = find_sampler(method.sampler).trained_for
        if wanted != trained_for:
            raise ValueError(
                f"sampler {method.sampler}: needs weights trained for {wanted}, these are trained "
                f"for {trained_for}; use --sampler {default_sampler(trained_for)}"
            )
        most = diffusion.sigma_cond_max or diffusion.sigma_min
        if self.sigma_cond is not None and not diffusion.sigma_min <= self.sigma_cond <= most:
            raise ValueError(
                f"sigma_cond {self.sigma_cond}: these weights know noise in views of "
                f"{diffusion.sigma_min:g} to {most:g}"
            )
        return method

    @property
    def evaluations(self) -> int:
        """Evaluations of the score for one frame; of a method with a sampler."""
        return find_sampler(self.sampler).evaluations(self.steps)

    def pairs(self, views: int) -> int:
        """(frame, view) pairs in one evaluation of the score of a frame with so many views."""
        return 1 if self.views == "random" else views
