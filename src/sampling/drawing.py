"""A path that is being drawn, as far as it is."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from ..cameras.spec import SamplingSpec


@dataclass(eq=False)
class Drawing:
    """One drawing of a path's frames: cameras, and the latents of frames that exist already."""

    spec: SamplingSpec
    latents: dict[int, Tensor]  # (channels, size, size) float32 on the CPU, by pose index; grows
    run: int = 0  # number; another one gives other frames


class Frame(NamedTuple):
    """A frame of a drawing, by its pose's index."""

    drawing: Drawing
    index: int

    @property
    def views(self) -> tuple[int, ...]:
        """Indices of the frames that it is conditioned on."""
        return self.drawing.spec.dependencies[self.index]

    @property
    def exists(self) -> bool:
        """Whether it has been drawn."""
        return self.index in self.drawing.latents
