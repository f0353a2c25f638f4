"""How frames are drawn: every sampling option, declared once."""

from dataclasses import dataclass, field

from ..diffusion.registry import DEFAULT_SAMPLER, find_sampler
from ..utils.precision import check_precision

VIEWS = ("average", "random")


@dataclass(frozen=True)
class Method:
    """How frames are drawn; it is recorded with them. ValueError says what cannot be."""

    sampler: str = DEFAULT_SAMPLER  # a name in SAMPLERS
    steps: int | None = None  # noise levels; None becomes the sampler's default
    seed: int = 0  # of the noise
    precision: str = "float32"  # of the score network; all other arithmetic is float32
    # Of several conditioning views: the average of their scores, as published, or each time another
    # one.
    views: str = "average"
    options: dict[str, float] = field(default_factory=dict)  # of the sampler

    def __post_init__(self) -> None:
        sampler = find_sampler(self.sampler)
        if self.steps is None:
            object.__setattr__(self, "steps", sampler.steps)
        unknown = [name for name in self.options if name not in sampler.options()]
        if unknown:
            raise ValueError(
                f"sampler {self.sampler}: found the option {unknown[0]}, "
                f"expected {', '.join(sampler.options())}"
            )
        if self.steps < 1 or self.seed < 0:
            raise ValueError(
                f"steps {self.steps}, seed {self.seed}: expected steps of at least 1 and a seed "
                "of at least 0"
            )
        check_precision(self.precision)
        if self.views not in VIEWS:
            raise ValueError(f"views {self.views!r}: expected one of {', '.join(VIEWS)}")

    @property
    def evaluations(self) -> int:
        """Evaluations of the score for one frame."""
        return find_sampler(self.sampler).evaluations(self.steps)

    def pairs(self, views: int) -> int:
        """(frame, view) pairs in one evaluation of the score of a frame with so many views."""
        return 1 if self.views == "random" else views
