"""A camera as files describe it, and the frame that it belongs to."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera and the frame that it belongs to.

    With only one of the focal lengths pixels are square.
    """

    pose: np.ndarray  # (4, 4) camera-to-world
    image_name: str  # as the file names it; a suffix and folders are optional
    focal_y: float | None = None  # fraction of the image's height
    focal_x: float | None = None  # fraction of the image's width
    principal: tuple[float, float] = (0.5, 0.5)  # (x, y), fractions of width and height
    timestamp: int | None = None  # microseconds of the video's time, where the file says so

    def focal_lengths(self, image_size: tuple[int, int]) -> tuple[float, float]:
        """(focal_y, focal_x), the fractions for an image of (height, width) pixels."""
        height, width = image_size
        focal_y = self.focal_x * width / height if self.focal_y is None else self.focal_y
        return focal_y, focal_y * height / width if self.focal_x is None else self.focal_x
