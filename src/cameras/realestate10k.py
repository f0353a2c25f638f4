"""RealEstate10K's text files: a camera's path through a video, read and written.

Line 1 is the video's address. Each other line is a pose, 19 numbers: timestamp (microseconds),
focal_x, focal_y, principal_x, principal_y, two that are not used, and the 3x4 world-to-camera
matrix by rows.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from ..utils.identifiers import check_identifier
from ..utils.reading import read_text
from .geometry import check_training_cameras, from_realestate10k, to_realestate10k
from .paths import CameraPath

VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov")
NUMBERS_A_LINE = 19
ROTATION_TOLERANCE = 1e-3  # on R R^T - I; the files print nine decimals


@dataclass(frozen=True, eq=False)
class VideoPoses:
    """A camera path through a video: one entry a pose, in time order.

    video: name of the video's file, without suffix. timestamps: (n,) int64, microseconds of the
    video's time. focal_x, principal_x (n,): fractions of the image's width. focal_y, principal_y
    (n,): of its height. poses: (n, 3, 4), the upper rows of camera-to-world matrices; `geometry`
    has the conventions.
    """

    video: str
    timestamps: np.ndarray
    focal_x: np.ndarray
    focal_y: np.ndarray
    principal_x: np.ndarray
    principal_y: np.ndarray
    poses: np.ndarray

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def matrices(self) -> np.ndarray:
        """The whole camera-to-world matrices (n, 4, 4), float64."""
        matrices = np.tile(np.eye(4), (len(self), 1, 1))
        matrices[:, :3] = self.poses
        return matrices

    @property
    def lenses(self) -> np.ndarray:
        """focal_x, focal_y, principal_x, principal_y of each pose, (n, 4)."""
        parts = self.focal_x, self.focal_y, self.principal_x, self.principal_y
        return np.stack(parts, axis=1)


def video_name(url: str) -> str:
    """The video's name from its URL: YouTube's id, elsewhere the last part of the path.

    A video's suffix is taken off. Raises ValueError for another address, and for a name that
    cannot be a file's.
    """
    url = url.strip()
    parts = urlsplit(url if "://" in url else f"https://{url}")  # youtu.be/ID, as browsers show it
    name = parse_qs(parts.query).get("v", [""])[0] or parts.path.rstrip("/").rpartition("/")[2]
    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        name = Path(name).stem
    if parts.scheme not in ("http", "https") or not parts.netloc or not name:
        raise ValueError(f"found {url[:80]!r}, expected the URL of a video")
    return check_identifier(name, "video")


def read_realestate10k_text(path: str | Path) -> VideoPoses:
    """Read one text file. Poses come back in time order. Raises ValueError naming file and line.

    Blank lines, a byte order mark and Windows' line ends are fine.
    """
    text = read_text(Path(path), "a text file of RealEstate10K", errors="replace")
    lines = [
        (number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    ]
    number, url = lines[0] if lines else (1, "")
    try:
        video = video_name(url)
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: {error}") from None
    numbers = _parse_file(path, lines[1:])
    numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
    extrinsics = numbers[:, 7:].reshape(-1, 3, 4)
    return VideoPoses(
        video,
        numbers[:, 0].astype(np.int64),
        *numbers[:, 1:5].T,
        from_realestate10k(extrinsics)[:, :3],
    )


def _parse_file(path: str | os.PathLike, lines: list[tuple[int, str]]) -> np.ndarray:
    """The numbers (n, 19) of a text file's poses; an error names its line.

    lines: number and text of each.
    """
    try:
        return _parse([line for _, line in lines])
    except ValueError:
        for number, line in lines:
            try:
                _parse([line])
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
        raise


def _parse(lines: list[str]) -> np.ndarray:
    """Lines of 19 numbers as (n, 19) float64. Raises ValueError; each check is on single lines."""
    fields = [line.split() for line in lines]
    wrong = next((len(line) for line in fields if len(line) != NUMBERS_A_LINE), None)
    if wrong is not None:
        raise ValueError(f"found {wrong} fields, expected {NUMBERS_A_LINE} numbers")
    numbers = np.array([float(field) for line in fields for field in line])
    numbers = numbers.reshape(-1, NUMBERS_A_LINE)
    if not np.isfinite(numbers).all():
        raise ValueError("found a number that is not finite")
    timestamps, focal_lengths = numbers[:, 0], numbers[:, 1:3]
    if np.any((timestamps < 0) | (timestamps != np.floor(timestamps)) | (timestamps > 2**53)):
        raise ValueError("the timestamp is not a whole, non-negative number of microseconds")
    check_training_cameras(focal_lengths, numbers[:, 3:])
    rotations = numbers[:, 7:].reshape(-1, 3, 4)[..., :3]
    error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3))
    if np.any(error > ROTATION_TOLERANCE) or np.any(np.linalg.det(rotations) < 0):
        raise ValueError("the left 3x3 part of the pose is not a rotation")
    return numbers


def realestate10k_text(
    url: str,
    timestamps: Sequence[int],
    intrinsics: np.ndarray,
    poses: np.ndarray,
    decimals: int | None = None,
) -> str:
    """The content of a text file.

    timestamps: (n,) microseconds. intrinsics: (n, 4) focal_x, focal_y, principal_x, principal_y as
    fractions of the frame. poses: (n, 4, 4) camera-to-world. decimals: of each number; None: to the
    last bit.
    """
    extrinsics = to_realestate10k(poses).reshape(-1, 12)
    lines = [url]
    for timestamp, lens, matrix in zip(timestamps, intrinsics, extrinsics, strict=True):
        numbers = [float(number) for number in (*lens, 0.0, 0.0, *matrix)]
        texts = [
            repr(number) if decimals is None else f"{number:.{decimals}f}" for number in numbers
        ]
        lines.append(" ".join([str(timestamp), *texts]))
    return "\n".join(lines) + "\n"


def sequence_path(
    found: VideoPoses, where: object, frames: int = 20, every: int = 1, start: int = 0
) -> CameraPath:
    """The path of a sequence: `frames` of its poses from number `start`, every `every`-th.

    where: the sequence's name in messages. Raises ValueError when the sequence is too short, or its
    focal length changes (a specification has only one).
    """
    length = len(found.timestamps)
    last = start + (frames - 1) * every
    if frames < 1 or every < 1 or start < 0 or last >= length:
        raise ValueError(
            f"{where}: {frames} frames from {start}, every {every}, need {last + 1} poses; "
            f"it has {length}: start from 0 or later and use fewer frames or a smaller step"
        )
    chosen = slice(start, last + 1, every)
    focal_y = np.asarray(found.focal_y[chosen], dtype=np.float64)
    if np.ptp(focal_y) > 1e-3 * focal_y[0]:
        raise ValueError(
            f"{where}: focal_y changes from {focal_y.min():g} to {focal_y.max():g}; "
            "expected one for all frames"
        )
    return CameraPath(found.matrices[chosen], float(focal_y[0]), found.timestamps[chosen])
