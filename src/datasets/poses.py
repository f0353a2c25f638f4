"""`poses.npy`: one file that holds the camera paths of a whole split.

It is a plain structured array, one row a pose. The rows of a sequence are adjacent and in time
order, and sequences are sorted by their id.

The last two fields are a table of the sequences, not of the poses. In row k, `sequence_start` is
the first row of the k-th sequence, and `sequence_video` is its video. Beyond the last sequence they
are -1 and empty. A sequence has at least two rows, so the table fits. Opening the file reads the
table only, whatever the number of poses. Processes that open the same file share its memory.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..cameras.realestate10k import VideoPoses
from ..utils.arrays import read_array
from ..utils.files import atomic_path, claim_space
from ..utils.identifiers import check_identifier

INTRINSICS = ("focal_x", "focal_y", "principal_x", "principal_y")
FIELDS = (
    "sequence",
    "video",
    "timestamp",
    *INTRINSICS,
    "pose",
    "sequence_start",
    "sequence_video",
)


def save_poses(path: str | Path, sequences: Mapping[str, VideoPoses]) -> None:
    """Write `poses.npy` from sequences by id, whole or not at all.

    Raises ValueError without sequences, and for one of fewer than two poses.
    """
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
    row_type = _row_type(id_bytes, video_bytes)
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            claim_space(file, int(starts[-1]) * row_type.itemsize)
        rows = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=row_type, shape=(int(starts[-1]),)
        )
        rows["sequence_start"] = -1
        rows["sequence_start"][: len(ids)] = starts[:-1]
        rows["sequence_video"][: len(ids)] = [sequences[name].video.encode() for name in ids]
        for name, start, stop in zip(ids, starts, starts[1:], strict=False):
            _fill(rows[start:stop], name, sequences[name])
        rows.flush()


def load_poses(path: str | Path) -> "PoseFile":
    """Open `poses.npy`: a mapping from sequence id to `VideoPoses`.

    Their arrays are read from the disk when they are used. Raises as `PoseFile`.
    """
    return PoseFile(path)


def find_sequence(sequence: str, poses: str | Path) -> VideoPoses:
    """The sequence with this id in a `poses.npy`; raises ValueError if there is none."""
    sequences = load_poses(poses)
    if sequence not in sequences:
        raise ValueError(f"{poses}: no sequence {sequence} among its {len(sequences)}")
    return sequences[sequence]


class PoseFile(Mapping[str, VideoPoses]):
    """The sequences of a `poses.npy`, by id, sorted; also by number, in that order.

    The file stays mapped in memory. A copy sent to another process opens the file again. Raises
    FileNotFoundError, or ValueError for another file format.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows = _open_rows(self.path)
        starts = self._rows["sequence_start"]
        count = bisect_left(range(len(starts)), True, key=lambda row: starts[row] < 0)
        self._starts = np.append(starts[:count], len(starts))
        if self._starts[0] != 0 or np.any(np.diff(self._starts) < 2):
            raise ValueError(
                f"{self.path}: its table of sequences is damaged; make the file again with "
                "extract-poses.py"
            )

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[str]:
        return (self.id_of(number) for number in range(len(self)))

    def __getitem__(self, sequence_id: str) -> VideoPoses:
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
        return self._name(self._rows["sequence"][self._starts[number]], "sequence")

    def sequence(self, number: int) -> VideoPoses:
        """The sequence with this number, 0 <= number < len(self)."""
        rows = self._rows[self._starts[number] : self._starts[number + 1]]
        intrinsics = (rows[name] for name in INTRINSICS)
        video = self._name(rows["video"][0], "video")
        return VideoPoses(video, rows["timestamp"], *intrinsics, rows["pose"])

    def lengths(self) -> np.ndarray:
        """Number of poses of every sequence, (len(self),)."""
        return np.diff(self._starts)

    def videos(self) -> list[str]:
        """The video of every sequence."""
        names = self._rows["sequence_video"][: len(self)].tolist()
        return [self._name(video, "video") for video in names]

    def _name(self, name: bytes, what: str) -> str:
        """A name as text; ValueError, which names the file, for one that cannot be a file's."""
        try:
            return check_identifier(name.decode(), what)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error


def _row_type(id_bytes: int, video_bytes: int) -> np.dtype:
    """The type of a row, for ids and video names of so many bytes."""
    identity = [f"S{id_bytes}", f"S{video_bytes}", "<i8"]
    camera = ["<f8"] * len(INTRINSICS) + [("<f8", (3, 4))]
    table = ["<i8", f"S{video_bytes}"]
    return np.dtype(list(zip(FIELDS, identity + camera + table, strict=True)))


def _fill(rows: np.ndarray, name: str, sequence: VideoPoses) -> None:
    """Write a sequence into its rows."""
    rows["sequence"] = name.encode()
    rows["video"] = sequence.video.encode()
    rows["timestamp"] = sequence.timestamps
    for field in INTRINSICS:
        rows[field] = getattr(sequence, field)
    rows["pose"] = sequence.poses


def _open_rows(path: Path) -> np.ndarray:
    """The structured array of a `poses.npy`, mapped into memory and read-only."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; extract-poses.py in dataset-data writes it")
    try:
        rows = read_array(path, mapped=True)
    except ValueError as error:
        raise ValueError(f"{error}; make poses.npy again with extract-poses.py") from error
    sizes = (rows.dtype[name].itemsize for name in FIELDS[:2] if rows.dtype.names == FIELDS)
    if rows.dtype.names != FIELDS or rows.dtype != _row_type(*sizes) or not len(rows):
        raise ValueError(
            f"{path}: not a poses.npy with the fields {', '.join(FIELDS)}; make it with "
            "extract-poses.py"
        )
    # A plain array over the same mapping: numpy's memmap class slows every access down.
    return np.asarray(rows)
