"""Camera paths: RealEstate10K's text files, and `poses.npy`, one file that holds those of a whole split.

`poses.npy` is a plain structured array, one row a pose. The rows of a sequence are adjacent and in time order, sequences
are sorted by their id. The last two fields are a table of the sequences, not of the poses: in row k, `sequence_start` is the
first row of the k-th sequence and `sequence_video` its video; beyond the last sequence they are -1 and empty (a sequence has
at least two rows, so the table fits). Opening the file reads the table only, whatever the number of poses, and
processes that open the same file share its memory.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from ..cameras.geometry import from_realestate10k
from ..utils.files import atomic_path

POSE_FIELDS = (
    "sequence",
    "video",
    "timestamp",
    "focal_x",
    "focal_y",
    "principal_x",
    "principal_y",
    "pose",
)
FIELDS = (*POSE_FIELDS, "sequence_start", "sequence_video")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm")
NUMBERS_A_LINE = 19
ROTATION_TOLERANCE = 1e-3  # on R R^T - I; the files print nine decimals


@dataclass(frozen=True, eq=False)
class Sequence:
    """A camera path through a video: one entry a pose, in time order.

    video: name of the video's file, without suffix. timestamps: (n,) int64, microseconds of the video's time.
    focal_x, principal_x (n,): fractions of the image's width; focal_y, principal_y (n,): of its height.
    poses: (n, 3, 4), the upper rows of camera-to-world matrices (conventions of `cameras`).
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


def video_name(url: str) -> str:
    """The video's name from its URL: YouTube's id, elsewhere the last part of the path (without a video's suffix).

    Raises ValueError if there is none.
    """
    parts = urlsplit(url.strip())
    name = parse_qs(parts.query).get("v", [""])[0] or parts.path.rstrip("/").rpartition("/")[2]
    if Path(name).suffix in VIDEO_SUFFIXES:
        name = Path(name).stem
    if not parts.netloc or not name or "/" in name:
        raise ValueError(f"found {url.strip()[:80]!r}, expected the URL of a video")
    return name


def read_realestate10k_text(path: str | Path) -> Sequence:
    """Read one RealEstate10K text file: line 1 the video's URL, then 19 numbers a line, as many lines as poses.

    The numbers: timestamp (microseconds), focal_x, focal_y, principal_x, principal_y, two that are not used, and the 3x4
    world-to-camera matrix by rows. Poses come back in time order. Raises ValueError naming file and line.
    """
    url, *lines = Path(path).read_text(
        encoding="utf-8", errors="replace"
    ).rstrip().splitlines() or [""]
    try:
        video = video_name(url)
    except ValueError as error:
        raise ValueError(f"{path}, line 1: {error}") from None
    numbers = _parse_file(path, lines)
    numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
    extrinsics = numbers[:, 7:].reshape(-1, 3, 4)
    return Sequence(
        video,
        numbers[:, 0].astype(np.int64),
        *numbers[:, 1:5].T,
        from_realestate10k(extrinsics)[:, :3],
    )


def save_poses(path: str | Path, sequences: Mapping[str, Sequence]) -> None:
    """Write `poses.npy` from sequences by id, whole or not at all; each needs at least two poses (else ValueError)."""
    if not sequences:
        raise ValueError(f"{path}: there are no sequences to write")
    ids = sorted(sequences, key=str.encode)
    short = [name for name in ids if len(sequences[name]) < 2]
    if short:
        raise ValueError(
            f"sequence {short[0]}: has {len(sequences[short[0]])} poses, expected at least two"
        )
    starts = np.cumsum([0, *(len(sequences[name]) for name in ids)])
    id_bytes = max(len(name.encode()) for name in ids)
    video_bytes = max(len(sequence.video.encode()) for sequence in sequences.values())
    with atomic_path(path) as temporary:
        rows = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=_row_type(id_bytes, video_bytes), shape=(int(starts[-1]),)
        )
        rows["sequence_start"] = -1
        rows["sequence_start"][: len(ids)] = starts[:-1]
        rows["sequence_video"][: len(ids)] = [sequences[name].video.encode() for name in ids]
        for name, start, stop in zip(ids, starts, starts[1:], strict=False):
            _fill(rows[start:stop], name, sequences[name])
        rows.flush()


def load_poses(path: str | Path) -> "PoseFile":
    """Open `poses.npy`: a mapping from sequence id to Sequence, whose arrays are read from the disk when they are used."""
    return PoseFile(path)


class PoseFile(Mapping[str, Sequence]):
    """The sequences of a `poses.npy`, by id, sorted; also by number, in that order. The file stays mapped in memory.

    A copy sent to another process opens the file again. Raises FileNotFoundError, or ValueError for another file format.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows = _open_rows(self.path)
        starts = self._rows["sequence_start"]
        count = bisect_left(range(len(starts)), True, key=lambda row: starts[row] < 0)
        self._starts = np.append(starts[:count], len(starts))
        if self._starts[0] != 0 or np.any(np.diff(self._starts) < 2):
            raise ValueError(
                f"{self.path}: its table of sequences is damaged; make the file again with extract-poses.py"
            )

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[str]:
        return (self.id_of(number) for number in range(len(self)))

    def __getitem__(self, sequence_id: str) -> Sequence:
        number = bisect_left(
            range(len(self)), sequence_id.encode(), key=lambda number: self.id_of(number).encode()
        )
        if number == len(self) or self.id_of(number) != sequence_id:
            raise KeyError(sequence_id)
        return self.sequence(number)

    def __reduce__(self) -> tuple:
        return load_poses, (self.path,)

    def id_of(self, number: int) -> str:
        """The id of the sequence with this number, 0 <= number < len(self)."""
        return self._rows["sequence"][self._starts[number]].decode()

    def sequence(self, number: int) -> Sequence:
        """The sequence with this number, 0 <= number < len(self)."""
        rows = self._rows[self._starts[number] : self._starts[number + 1]]
        intrinsics = (rows[name] for name in ("focal_x", "focal_y", "principal_x", "principal_y"))
        return Sequence(rows["video"][0].decode(), rows["timestamp"], *intrinsics, rows["pose"])

    def lengths(self) -> np.ndarray:
        """Number of poses of every sequence, (len(self),)."""
        return np.diff(self._starts)

    def videos(self) -> list[str]:
        """The video of every sequence."""
        return [video.decode() for video in self._rows["sequence_video"][: len(self)].tolist()]


def _row_type(id_bytes: int, video_bytes: int) -> np.dtype:
    """The type of a row for ids and video names of so many bytes."""
    formats = [
        f"S{id_bytes}",
        f"S{video_bytes}",
        "<i8",
        *["<f8"] * 4,
        ("<f8", (3, 4)),
        "<i8",
        f"S{video_bytes}",
    ]
    return np.dtype(list(zip(FIELDS, formats, strict=True)))


def _fill(rows: np.ndarray, name: str, sequence: Sequence) -> None:
    """Write a sequence into its rows."""
    values = (
        name.encode(),
        sequence.video.encode(),
        sequence.timestamps,
        sequence.focal_x,
        sequence.focal_y,
    )
    values += (sequence.principal_x, sequence.principal_y, sequence.poses)
    for field, value in zip(POSE_FIELDS, values, strict=True):
        rows[field] = value


def _open_rows(path: Path) -> np.ndarray:
    """The structured array of a `poses.npy`, mapped into memory and read-only."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; extract-poses.py in dataset-data writes it")
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path}: not a complete poses.npy ({error}); make it again with extract-poses.py"
        ) from error
    if getattr(getattr(rows, "dtype", None), "names", None) != FIELDS or not len(rows):
        raise ValueError(
            f"{path}: not a poses.npy with the fields {', '.join(FIELDS)}; make it with extract-poses.py"
        )
    return np.asarray(
        rows
    )  # a plain array over the same mapping: numpy's memmap class slows every access down


def _parse_file(path: str | os.PathLike, lines: list[str]) -> np.ndarray:
    """The numbers of a text file's lines from the second on, (n, 19); on an error, looks for the line it is in."""
    try:
        return _parse(lines)
    except ValueError:
        for number, line in enumerate(lines, start=2):
            try:
                _parse([line])
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
        raise


def _parse(lines: list[str]) -> np.ndarray:
    """Lines of 19 numbers -> (n, 19) float64. Raises ValueError; every check is on single lines, never on several."""
    fields = [line.split() for line in lines]
    wrong = next((len(line) for line in fields if len(line) != NUMBERS_A_LINE), None)
    if wrong is not None:
        raise ValueError(f"found {wrong} fields, expected {NUMBERS_A_LINE} numbers")
    numbers = np.array([float(field) for line in fields for field in line]).reshape(
        -1, NUMBERS_A_LINE
    )
    if not np.isfinite(numbers).all():
        raise ValueError("found a number that is not finite")
    timestamps, focal_lengths = numbers[:, 0], numbers[:, 1:3]
    if np.any((timestamps < 0) | (timestamps != np.floor(timestamps)) | (timestamps > 2**53)):
        raise ValueError("the timestamp is not a whole, non-negative number of microseconds")
    if np.any(focal_lengths <= 0):
        raise ValueError("a focal length is not positive")
    rotations = numbers[:, 7:].reshape(-1, 3, 4)[..., :3]
    error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3))
    if np.any(error > ROTATION_TOLERANCE) or np.any(np.linalg.det(rotations) < 0):
        raise ValueError("the left 3x3 part of the pose is not a rotation")
    return numbers
