"""Point matches between frames: SIFT features of OpenCV or of COLMAP (`pycolmap`).

Both are matched as COLMAP does. Points are pixels (x, y) with the origin at the image's top left
corner. The first pixel's centre is (0.5, 0.5), as COLMAP has it. Matches are raw. They pass a ratio
test and a mutual check, but no geometric verification, which would hide what TSED measures.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from PIL import Image

from ..cameras.files.camera import Camera
from ..cameras.files.fitting import is_upright
from ..utils.images import decoding, is_plain, open_file, orientation, sizes_of, to_rgb

# (n, 2) points in the one image and (n, 2) in the other, float32 pixels
Matches = tuple[np.ndarray, np.ndarray]
# points (n, 2) and descriptors (n, 128) of unit length, float32
Features = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Frame:
    """An image file, read and decoded once."""

    path: Path
    digest: str  # SHA-256: of the file's bytes where `plain`, else of the pixels
    image: Image.Image  # 8-bit RGB
    plain: bool  # whether COLMAP reads the same pixels from the file
    unturned: bool  # whether EXIF would turn the picture, and its camera does not want that

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.image.height, self.image.width

    @cached_property
    def grey(self) -> np.ndarray:
        """Grey values (height, width), uint8."""
        return np.array(self.image.convert("L"))


def open_frame(path: Path, camera: Camera | None = None) -> Frame:
    """The frame in a file, turned as its EXIF says if its camera belongs to it so (`is_upright`).

    Raises FileNotFoundError, or ValueError, naming the file (`read_image`).
    """
    with open_file(path) as file, decoding(file) as stored:
        upright = camera is None or is_upright(camera, *sizes_of(stored))
        turned = orientation(stored) != 1
        plain, image = is_plain(stored) and not (turned and upright), to_rgb(stored, upright)
        if plain:
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256")
        else:
            digest = hashlib.sha256(image.tobytes())
    return Frame(path, digest.hexdigest(), image, plain, turned and not upright)


@dataclass(frozen=True)
class Matcher(ABC):
    """What finds matches. Its results depend on the fields, which are COLMAP's by default."""

    # Largest ratio of principal curvatures; the paper's protocol (COLMAP's default is 10).
    edge_threshold: float = 30.0
    # Smallest difference of Gaussians, of image values from 0 to 1.
    peak_threshold: float = 0.02 / 3
    max_features: int = 8192  # an image
    max_ratio: float = 0.8  # of the angle to the best descriptor to that to the second best
    max_distance: float = 0.7  # radians between descriptors
    name = "none"

    @abstractmethod
    def version(self) -> str:
        """The library and its version."""

    @abstractmethod
    def features(self, frame: Frame) -> Features:
        """Keypoints and RootSIFT descriptors of a frame; empty arrays if there are none."""

    def settings(self) -> dict:
        """All that the matches depend on, for reports and for the cache."""
        return {"matcher": self.name, "version": self.version(), **asdict(self)}

    def match(self, features: Features, others: Features) -> Matches:
        """The matches between the features of two frames."""
        matched = match_descriptors(features[1], others[1], self.max_ratio, self.max_distance)
        return features[0][matched[:, 0]], others[0][matched[:, 1]]

    def match_frames(self, frame: Frame, other: Frame) -> Matches:
        """The matches between two frames."""
        return self.match(self.features(frame), self.features(other))


class SiftMatcher(Matcher):
    """OpenCV's SIFT with COLMAP's settings."""

    name = "sift"

    def version(self) -> str:
        return f"opencv {cv2.__version__}"

    def features(self, frame: Frame) -> Features:
        layers = 3
        sift = cv2.SIFT_create(
            self.max_features,
            layers,
            layers * self.peak_threshold,  # OpenCV divides by the number of layers
            self.edge_threshold,
            1.6,
            cv2.CV_32F,
            # OpenCV's usual enlarging of the image would move all keypoints by a quarter of a
            # pixel; the precise one doesn't.
            True,
        )
        keypoints, descriptors = sift.detectAndCompute(frame.grey, None)
        if not keypoints:
            return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
        # OpenCV's origin is the first pixel's centre.
        points = cv2.KeyPoint.convert(keypoints) + np.float32(0.5)
        return points, np.sqrt(descriptors / descriptors.sum(axis=1, keepdims=True).clip(min=1e-12))


class ColmapMatcher(Matcher):
    """COLMAP's SIFT on the CPU, by the paper's protocol.

    Features and matches are exactly those that COLMAP's feature extractor and its (brute force)
    matcher write to the `matches` table of a database. There are two exceptions. COLMAP reduces
    images wider than 3200 pixels, and it leaves the table empty for a pair with fewer than 15
    matches.
    The protocol's camera (pinhole, one for all images) has no part in raw matches.
    """

    name = "colmap"

    def version(self) -> str:
        return f"pycolmap {_import_pycolmap().__version__}"

    def features(self, frame: Frame) -> Features:
        colmap = _import_pycolmap()
        if frame.plain:
            # Decoded anew by COLMAP, since its JPEG decoder and its grey values are others.
            bitmap = colmap.Bitmap.read(str(frame.path), False)
        else:
            bitmap = colmap.Bitmap.from_array(frame.grey)
        if bitmap is None:
            raise ValueError(
                f"{frame.path}: COLMAP cannot read it as an image; expected a PNG or JPEG file"
            )
        options = colmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
        options.sift.edge_threshold = self.edge_threshold
        options.sift.peak_threshold = self.peak_threshold
        options.sift.max_num_features = self.max_features
        sift = colmap.Sift(options, device=colmap.Device.cpu)
        keypoints, descriptors = sift.extract(bitmap.to_array())
        return keypoints[:, :2], descriptors


def match_descriptors(
    descriptors_1: np.ndarray,
    descriptors_2: np.ndarray,
    max_ratio: float = 0.8,
    max_distance: float = 0.7,
) -> np.ndarray:
    """Pairs of rows (n, 2) that are each other's best match.

    They also pass the ratio test both ways and lie near each other. Descriptors are
    (n, channels) of unit length; distances are angles in radians, as in COLMAP.
    """
    if not len(descriptors_1) or not len(descriptors_2):
        return np.zeros((0, 2), dtype=np.int64)
    cosines = descriptors_1 @ descriptors_2.T
    forward = _best_match(cosines, max_ratio, max_distance)
    backward = _best_match(cosines.T, max_ratio, max_distance)
    first = np.flatnonzero(forward >= 0)
    mutual = first[backward[forward[first]] == first]
    return np.column_stack([mutual, forward[mutual]])


def _best_match(cosines: np.ndarray, max_ratio: float, max_distance: float) -> np.ndarray:
    """The best column of each row, or -1 where it is not close or not distinct enough."""
    best = np.argmax(cosines, axis=1)
    rows = np.arange(len(cosines))
    others = cosines.copy()
    others[rows, best] = 0  # also the second best where there is one column: at a right angle
    angle = np.arccos(np.clip(cosines[rows, best], -1, 1))
    second_angle = np.arccos(np.clip(others.max(axis=1), -1, 1))
    return np.where((angle <= max_distance) & (angle < max_ratio * second_angle), best, -1)


def _import_pycolmap() -> ModuleType:
    try:
        import pycolmap
    except ImportError as error:
        raise ValueError(
            "the matcher colmap needs pycolmap: pip install pycolmap==3.13.0, or take "
            "--matcher sift"
        ) from error
    # It reports every image on standard error.
    pycolmap.logging.minloglevel = pycolmap.logging.ERROR
    return pycolmap
