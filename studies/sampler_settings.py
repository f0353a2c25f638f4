"""A way to sample, as the study of samplers compares them."""

from dataclasses import dataclass, field

from photonvs.diffusion.registry import SAMPLERS
from photonvs.sampling.method import Method


@dataclass(frozen=True)
class Setting:
    """One way to sample."""

    sampler: str
    steps: int
    parameters: dict[str, float] = field(default_factory=dict)
    title: str | None = None  # its label (default: the sampler)

    @property
    def evaluations(self) -> int:
        """Evaluations of the network a frame."""
        return SAMPLERS[self.sampler].evaluations(self.steps)

    @property
    def name(self) -> str:
        """Of its folder."""
        parameters = (f"{key}={value:g}" for key, value in self.parameters.items())
        return "-".join([self.sampler, str(self.steps), *parameters])

    @property
    def label(self) -> str:
        """For people."""
        if self.title:
            return self.title
        stochastic = self.sampler == "dpm-solver" and self.parameters.get("eta")
        return "dpm-solver, stochastic" if stochastic else self.sampler

    @property
    def method(self) -> Method:
        """As sampling takes it."""
        return Method(self.sampler, self.steps, options=self.parameters)
