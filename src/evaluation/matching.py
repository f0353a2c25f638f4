"""Point matches between frames: SIFT features of OpenCV or of COLMAP (`pycolmap`), matched as COLMAP does, and a cache.

Points are pixels (x, y) with the origin at the image's top left corner: the first pixel's centre is (0.5, 0.5), as COLMAP
has it. Matches are raw: ratio test and mutual check, but no geometric verification, which would hide what TSED measures.
"""

import hashlib
import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from PIL import Image

from ..utils.files import atomic_path

Matches = tuple[
    np.ndarray, np.ndarray
]  # (n, 2) points in the one image and (n, 2) in the other, float32 pixels
Features = tuple[
    np.ndarray, np.ndarray
]  # points (n, 2) and descriptors (n, 128) of unit length, float32


@dataclass(frozen=True)
class Matcher(ABC):
    """What finds matches. The fields are settings that its results depend on; the defaults are those of COLMAP."""

    edge_threshold: float = (
        30.0  # largest ratio of principal curvatures; the paper's protocol (COLMAP's default: 10)
    )
    peak_threshold: float = (
        0.02 / 3
    )  # smallest difference of Gaussians, of image values from 0 to 1
    max_features: int = 8192  # an image
    max_ratio: float = 0.8  # of the angle to the best descriptor to that to the second best
    max_distance: float = 0.7  # radians between descriptors
    name = "none"

    @abstractmethod
    def version(self) -> str:
        """The library and its version."""

    @abstractmethod
    def features(self, image: Path) -> Features:
        """Keypoints and RootSIFT descriptors of an image file; empty arrays if there are none."""

    def settings(self) -> dict:
        """All that the matches depend on, for reports and for the cache."""
        return {"matcher": self.name, "version": self.version(), **asdict(self)}

    def match(self, images: Sequence[Path], pairs: Sequence[tuple[int, int]]) -> list[Matches]:
        """The matches of each of `pairs`, which are positions in `images`."""
        features = {
            position: self.features(images[position])
            for position in sorted({k for pair in pairs for k in pair})
        }
        matches = []
        for i, j in pairs:
            matched = match_descriptors(
                features[i][1], features[j][1], self.max_ratio, self.max_distance
            )
            matches.append((features[i][0][matched[:, 0]], features[j][0][matched[:, 1]]))
        return matches


class SiftMatcher(Matcher):
    """OpenCV's SIFT with COLMAP's settings."""

    name = "sift"

    def version(self) -> str:
        return f"opencv {cv2.__version__}"

    def features(self, image: Path) -> Features:
        layers = 3
        # OpenCV divides the contrast threshold by the number of layers. Its usual enlarging of the image would move all
        # keypoints by a quarter of a pixel; the precise one (the last argument) doesn't.
        sift = cv2.SIFT_create(
            self.max_features,
            layers,
            layers * self.peak_threshold,
            self.edge_threshold,
            1.6,
            cv2.CV_32F,
            True,
        )
        keypoints, descriptors = sift.detectAndCompute(read_grey(image), None)
        if not keypoints:
            return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
        points = cv2.KeyPoint.convert(keypoints) + np.float32(
            0.5
        )  # OpenCV's origin is the first pixel's centre
        return points, np.sqrt(descriptors / descriptors.sum(axis=1, keepdims=True).clip(min=1e-12))


class ColmapMatcher(Matcher):
    """COLMAP's SIFT on the CPU, by the paper's protocol.

    Features and matches are exactly those that COLMAP's feature extractor and its (brute force) matcher write to the
    `matches` table of a database, for images up to 3200 pixels wide (it reduces larger ones). With one difference: COLMAP
    leaves the table empty for a pair with fewer than 15 matches.
    The protocol's camera (pinhole, one for all images) has no part in raw matches.
    """

    name = "colmap"

    def version(self) -> str:
        return f"pycolmap {_import_pycolmap().__version__}"

    def features(self, image: Path) -> Features:
        colmap = _import_pycolmap()
        bitmap = colmap.Bitmap.read(str(image), False)
        if bitmap is None:
            raise ValueError(
                f"{image}: COLMAP cannot read it as an image; expected a PNG or JPEG file"
            )
        options = colmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
        options.sift.edge_threshold = self.edge_threshold
        options.sift.peak_threshold = self.peak_threshold
        options.sift.max_num_features = self.max_features
        keypoints, descriptors = colmap.Sift(options, device=colmap.Device.cpu).extract(
            bitmap.to_array()
        )
        return keypoints[:, :2], descriptors


def match_descriptors(
    descriptors_1: np.ndarray,
    descriptors_2: np.ndarray,
    max_ratio: float = 0.8,
    max_distance: float = 0.7,
) -> np.ndarray:
    """Pairs of rows (n, 2) that are each other's best match, pass the ratio test both ways, and lie near each other.

    Descriptors are (n, channels) of unit length; distances are angles in radians, as in COLMAP.
    """
    if not len(descriptors_1) or not len(descriptors_2):
        return np.zeros((0, 2), dtype=np.int64)
    cosines = descriptors_1 @ descriptors_2.T
    forward, backward = (
        _best_match(table, max_ratio, max_distance) for table in (cosines, cosines.T)
    )
    first = np.flatnonzero(forward >= 0)
    mutual = first[backward[forward[first]] == first]
    return np.column_stack([mutual, forward[mutual]])


def _best_match(cosines: np.ndarray, max_ratio: float, max_distance: float) -> np.ndarray:
    """The best column of each row, or -1 where it is not close or not distinct enough."""
    best = np.argmax(cosines, axis=1)
    rows = np.arange(len(cosines))
    others = cosines.copy()
    others[rows, best] = 0  # also the second best where there is one column: at a right angle
    best_angle, second_angle = (
        np.arccos(np.clip(values, -1, 1)) for values in (cosines[rows, best], others.max(axis=1))
    )
    return np.where(
        (best_angle <= max_distance) & (best_angle < max_ratio * second_angle), best, -1
    )


def _import_pycolmap() -> ModuleType:
    try:
        import pycolmap
    except ImportError as error:
        raise ValueError(
            "the matcher colmap needs pycolmap: pip install pycolmap==3.13.0, or take --matcher sift"
        ) from error
    pycolmap.logging.minloglevel = (
        pycolmap.logging.ERROR
    )  # it reports every image on standard error
    return pycolmap


MATCHERS: dict[str, type[Matcher]] = {"sift": SiftMatcher, "colmap": ColmapMatcher}


def read_grey(path: Path) -> np.ndarray:
    """An image as grey values (height, width), uint8; raises ValueError or FileNotFoundError naming the file."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("L"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such image") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:  # what Pillow raises for a bad file
        raise ValueError(
            f"{path}: cannot be read as an image ({error}); expected a whole PNG or JPEG file"
        ) from error


def cached_match(
    matcher: Matcher, images: Sequence[Path], pairs: Sequence[tuple[int, int]], cache: Path
) -> list[Matches]:
    """The matches of `pairs`, from the file `cache` (npz) where it has them; it then holds exactly these pairs.

    A pair is known by the content of its two files and by the matcher's settings, so that changed frames, versions or
    thresholds are matched anew.
    """
    settings = json.dumps(matcher.settings(), sort_keys=True)
    digests = {
        k: hashlib.sha256(images[k].read_bytes()).hexdigest()
        for k in sorted({k for pair in pairs for k in pair})
    }
    keys = [
        hashlib.sha256(f"{settings} {digests[i]} {digests[j]}".encode()).hexdigest()
        for i, j in pairs
    ]
    stored = _read_cache(cache)
    unknown = [position for position, key in enumerate(keys) if key not in stored]
    found = matcher.match(images, [pairs[position] for position in unknown])
    stored |= {keys[position]: matches for position, matches in zip(unknown, found, strict=True)}
    if unknown:
        with atomic_path(cache) as temporary:
            np.savez_compressed(temporary, **{key: np.stack(stored[key]) for key in keys})
    return [stored[key] for key in keys]


def _read_cache(cache: Path) -> dict[str, Matches]:
    """Stored matches by key; none if there is no such file or it is damaged, as matching anew repairs that."""
    try:
        with np.load(cache, allow_pickle=False) as arrays:
            return {key: (arrays[key][0], arrays[key][1]) for key in arrays.files}
    except (OSError, ValueError, EOFError, IndexError, KeyError, zipfile.BadZipFile):
        return {}
