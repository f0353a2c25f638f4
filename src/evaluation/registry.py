"""Matchers and image metrics by name, and the paper's settings of an evaluation.

Nothing heavy is imported before a matcher or a metric is used, so that commands start quickly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .matching import Matcher

# TSED
T_ERROR = 2.0  # pixels, the median distance must be below; for frames of T_ERROR_HEIGHT
T_ERROR_HEIGHT = 256  # pixels, the paper's frames
T_MATCHES = 10  # matches at least
# What stands for given frames: as the first stage gives them back, or the photos.
FIRST_FRAMES = ("reconstruction", "original")

# Protocols: the given frame and 20 more, ten frames of the video apart.
FRAMES, EVERY = 21, 10
SHORT_TERM = 5  # number of the generated frame of the short-term results

MATCHERS = {"sift": "matching:SiftMatcher", "colmap": "matching:ColmapMatcher"}


def open_matcher(name: str, **settings: float) -> "Matcher":
    """The matcher of that name in `MATCHERS`, with the settings of `Matcher`."""
    return _find(MATCHERS[name])(**settings)


@dataclass(frozen=True)
class PairMetric:
    """A number for a generated frame and the true one, both (height, width, 3) uint8."""

    label: str  # for tables, with the direction of better
    place: str  # of its function (frame, true) -> float: module of this package, colon, name
    # Whether `place` makes the function: (device) -> function. FileNotFoundError: weights missing.
    loaded: bool = False

    def open(self, device: str) -> Callable:
        """The function."""
        return _find(self.place)(device) if self.loaded else _find(self.place)


@dataclass(frozen=True)
class SetMetric:
    """A distance between the sets of all generated and of all true frames."""

    label: str
    # Of the distance: (features (n, d), features (m, d)) -> number, or mean and deviation.
    place: str
    # Of what makes the features: (device) -> (frames) -> (n, d). FileNotFoundError: weights
    # missing. Metrics with the same features share them.
    features: str

    def distance(self, generated: object, true: object) -> dict[str, float]:
        """{"mean"}, and "deviation" where the distance is an estimate over subsets."""
        found = _find(self.place)(generated, true)
        values = found if isinstance(found, tuple) else (found,)
        return dict(zip(("mean", "deviation"), values, strict=False))

    def open(self, device: str) -> Callable:
        """What makes the features of frames."""
        return _find(self.features)(device)


_INCEPTION = "published_metrics:load_inception"
_EFFICIENTNET = "set_distances:load_features"

METRICS: dict[str, PairMetric | SetMetric] = {
    "psnr": PairMetric("PSNR (dB), higher is better", "image_metrics:psnr"),
    "ssim": PairMetric("SSIM, higher is better", "image_metrics:ssim"),
    "gmsd": PairMetric("GMSD, lower is better", "gradient_similarity:gmsd"),
    "lpips": PairMetric("LPIPS, lower is better", "published_metrics:load_lpips", loaded=True),
    "fid": SetMetric("FID, lower is better", "set_distances:frechet_distance", _INCEPTION),
    "kid": SetMetric("KID, lower is better", "set_distances:kernel_distance", _INCEPTION),
    "frechet-efficientnet": SetMetric(
        "Fréchet distance, EfficientNet-Lite0 (not comparable with FID)",
        "set_distances:frechet_distance",
        _EFFICIENTNET,
    ),
    "kernel-efficientnet": SetMetric(
        "kernel distance, EfficientNet-Lite0 (not comparable with KID)",
        "set_distances:kernel_distance",
        _EFFICIENTNET,
    ),
}
BUILT_IN = ("psnr", "ssim")  # what is measured unless other metrics are asked for


def _find(place: str) -> Callable:
    return resolve_name(f"{__package__}.{place}")
