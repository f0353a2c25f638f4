"""A camera as files describe it, and the frame that it belongs to."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A camera and the frame that it belongs to.

    With only one of the focal lengths pixels are square. `size` and `aspect` describe the image
    that the file speaks of. The frames at hand may be smaller, or cut out of it.
    """

    pose: np.ndarray  # (4, 4) camera-to-world
    image_name: str  # as the file names it, with slashes; a suffix and folders are optional
    focal_y: float | None = None  # fraction of the image's height
    focal_x: float | None = None  # fraction of the image's width
    principal: tuple[float, float] = (0.5, 0.5)  # (x, y), fractions of width and height
    timestamp: int | None = None  # microseconds of the video's time, where the file says so
    # OpenCV's coefficients in its order: k1 k2 p1 p2, then k3, then k4 k5 k6. Empty: a pinhole.
    distortion: tuple[float, ...] = ()
    size: tuple[int, int] | None = None  # (height, width) in pixels, where the file says so
    # Width by height, where the file tells it without a size (RealEstate10K).
    aspect: float | None = None

    def focal_lengths(self, image_size: tuple[int, int]) -> tuple[float, float]:
        """(focal_y, focal_x), the fractions for an image of (height, width) pixels."""
        height, width = image_size
        focal_y = self.focal_x * width / height if self.focal_y is None else self.focal_y
        return focal_y, focal_y * height / width if self.focal_x is None else self.focal_x
