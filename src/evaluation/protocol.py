"""A pinned protocol: which sequences, frames, seed and metrics an evaluation has.

So two groups evaluate the same thing. It is a YAML file, in `protocols/` by name or anywhere by
path; docs/evaluation.md explains its keys. It is made from the poses.npy of a split that no
training saw, by a fixed rule (`choose_sequences`).
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import yaml

from ..cameras.conditioning import conditioning
from ..cameras.paths import CameraPath
from ..cameras.realestate10k import VideoPoses
from ..datasets.poses import PoseFile
from ..utils.files import write_text
from ..utils.identifiers import check_identifier
from ..utils.yaml_files import read_yaml
from .registry import EVERY, FIRST_FRAMES, FRAMES, MATCHERS, METRICS, SHORT_TERM, T_ERROR, T_MATCHES

FORMAT = 1
PROTOCOLS = Path(__file__).parent / "protocols"
# Relative, of path length and focal length: float32 and another order of summation differ by less.
PATH_TOLERANCE = 1e-4


@dataclass(frozen=True)
class PinnedSequence:
    """A sequence and its frames.

    Path length and focal length tell whether somebody's poses are the same.
    """

    id: str
    video: str  # name of the video's file, without suffix
    focal_y: float  # fraction of the frame's height
    path_length: float  # sum of the camera's steps between the frames
    timestamps: tuple[int, ...]  # microseconds of the video's time; the first frame is given


@dataclass(frozen=True)
class Protocol:
    """What is evaluated and how; it cannot be made invalid: ValueError says what is wrong."""

    sequences: tuple[PinnedSequence, ...]
    rule: str = ""  # how the sequences were chosen, for people
    condition: str = "previous"  # what each frame is made from, as for make-trajectory.py
    return_trip: bool = False  # whether each path also goes back to its first frame
    seed: int = 0  # of sampling
    runs: int = 1  # draws of each sequence
    # Of TSED's first pair: the given photo's reconstruction, or the photo (original).
    first_frame: str = FIRST_FRAMES[0]
    matcher: str = "sift"
    t_error: float = T_ERROR  # pixels
    t_matches: int = T_MATCHES
    short_term: int = SHORT_TERM  # number of the generated frame
    metrics: tuple[str, ...] = tuple(METRICS)
    # Commands of photonvs that make the split, where it is made up, as in "make-rooms test".
    made_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for problem, holds in self._checks():
            if not holds:
                raise ValueError(problem)
        conditioning(2, self.condition)

    def _checks(self) -> Iterator[tuple[str, bool]]:
        """What has to hold, and what is wrong where it doesn't."""
        ids = {one.id for one in self.sequences}
        matchers, metrics = ", ".join(sorted(MATCHERS)), ", ".join(METRICS)
        numbers = (self.t_matches, self.runs, self.short_term, self.seed + 1)
        yield "sequences: expected at least one", len(self.sequences) > 0
        yield (
            f"return_trip {self.return_trip!r}: expected true or false",
            isinstance(self.return_trip, bool),
        )
        yield "sequences: an id is there twice", len(ids) == len(self.sequences)
        yield (
            "timestamps: expected at least two a sequence, increasing",
            all(map(_increases, self.sequences)),
        )
        yield (
            f"first_frame {self.first_frame!r}: expected {' or '.join(FIRST_FRAMES)}",
            self.first_frame in FIRST_FRAMES,
        )
        yield (
            f"matcher {self.matcher!r}: expected one of {matchers}",
            self.matcher in MATCHERS,
        )
        yield (
            f"metrics {list(self.metrics)}: expected some of {metrics}",
            set(self.metrics) <= set(METRICS),
        )
        yield (
            "t_error must be above 0, t_matches, runs and short_term at least 1, seed at least 0",
            self.t_error > 0 and min(numbers) >= 1,
        )


def make_protocol(
    poses: PoseFile,
    count: int,
    frames: int = FRAMES,
    every: int = EVERY,
    videos: Collection[str] | None = None,
    **settings: object,
) -> Protocol:
    """A protocol of at most `count` sequences, by the fixed rule (`choose_sequences`).

    settings: of `Protocol`. ValueError if no sequence is left, or for settings that cannot be.
    """
    chosen = choose_sequences(poses, count, frames, every, videos)
    rule = (
        f"of the {len(poses)} sequences those with at least {_span(frames, every)} poses"
        f"{'' if videos is None else ' and a video'}, in the order of the SHA-256 of their ids, "
        f"the first {len(chosen)}; of each, every pose whose number from 0 is a multiple of "
        f"{every}, {frames} in all"
    )
    return Protocol(chosen, rule, **settings)


def choose_sequences(
    poses: PoseFile,
    count: int,
    frames: int = FRAMES,
    every: int = EVERY,
    videos: Collection[str] | None = None,
) -> tuple[PinnedSequence, ...]:
    """The sequences of a protocol, by a fixed rule.

    Of the sequences that have enough poses (and, with `videos`, a video among these), it takes the
    first `count` by the SHA-256 of their id. Of each it takes the poses number 0, `every`,
    2 `every`, …, `frames` of them. So a longer protocol holds a shorter one, and where some videos
    are gone the others stay. ValueError if none is left.
    """
    if count < 1 or frames < 2 or every < 1:
        raise ValueError(
            f"{count} sequences of {frames} frames, every {every}: expected at least 1, 2 and 1"
        )
    span = _span(frames, every)
    names = [name for name, length in zip(poses, poses.lengths(), strict=True) if length >= span]
    if videos is not None:
        names = [name for name in names if poses[name].video in videos]
    if not names:
        raise ValueError(
            f"{poses.path}: no sequence with {span} poses and its video; expected at least one"
        )
    names = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:count]
    return tuple(_pin(name, poses[name], np.arange(0, span, every)) for name in names)


def _span(frames: int, every: int) -> int:
    """Poses from a sequence's first frame to its last."""
    return (frames - 1) * every + 1


def path_of(pinned: PinnedSequence, poses: PoseFile) -> CameraPath:
    """The path of a pinned sequence in a poses.npy; ValueError if it is missing or another one."""
    if pinned.id not in poses:
        raise ValueError(
            f"sequence {pinned.id}: not in {poses.path}; expected the split that the protocol was "
            "made from"
        )
    sequence = poses[pinned.id]
    positions = np.searchsorted(sequence.timestamps, pinned.timestamps)
    found_times = sequence.timestamps[np.minimum(positions, len(sequence) - 1)]
    if not np.array_equal(found_times, pinned.timestamps):
        raise ValueError(
            f"sequence {pinned.id}: {poses.path} has no poses at some of the protocol's timestamps"
        )
    found = _pin(pinned.id, sequence, positions)
    for name in ("focal_y", "path_length"):
        value, expected = getattr(found, name), getattr(pinned, name)
        if abs(value - expected) > PATH_TOLERANCE * max(abs(expected), 1e-3):
            raise ValueError(
                f"sequence {pinned.id}: {name} is {value:.6g} in {poses.path}, {expected:.6g} in "
                "the protocol"
            )
    focal_y = float(sequence.focal_y[positions[0]])
    return CameraPath(sequence.matrices[positions], focal_y, sequence.timestamps[positions])


def write_protocol(path: Path, protocol: Protocol) -> None:
    """Write the YAML file, whole or not at all.

    ValueError if there is one already, since results refer to it.
    """
    if path.exists():
        raise ValueError(
            f"{path}: exists; results refer to it: choose another name, or delete it yourself"
        )
    settings = asdict(protocol)
    del settings["sequences"]
    settings["metrics"] = list(protocol.metrics)
    settings["made_by"] = list(protocol.made_by)
    sequences = [
        {
            **asdict(one),
            "timestamps": list(one.timestamps),
            "path_length": float(f"{one.path_length:.6g}"),
        }
        for one in protocol.sequences
    ]
    content = {"format": FORMAT, **settings, "sequences": sequences}  # the long list comes last
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)
    write_text(path, text)


def find_protocol(name: str) -> Path:
    """The file of a protocol that comes with the package, or of any path.

    FileNotFoundError names those that there are.
    """
    path = PROTOCOLS / f"{name}.yaml"
    if path.is_file():
        return path
    if not Path(name).is_file():
        known = ", ".join(sorted(path.stem for path in PROTOCOLS.glob("*.yaml")))
        raise FileNotFoundError(f"{name}: no such protocol; expected a file, or one of {known}")
    return Path(name)


def read_protocol(path: Path) -> Protocol:
    """Read a protocol's file, checked; ValueError naming the file and what is wrong in it."""
    content, _ = read_yaml(path)
    try:
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise ValueError(f"expected a protocol of format {FORMAT}")
        entries = _as_list(content.get("sequences"), "sequences")
        content["sequences"] = tuple(map(_read_sequence, entries))
        content["metrics"] = tuple(_as_list(content.get("metrics", list(METRICS)), "metrics"))
        content["made_by"] = tuple(map(str, _as_list(content.get("made_by", []), "made_by")))
        _check_keys(content, Protocol)
        return Protocol(**content)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def _read_sequence(entry: object) -> PinnedSequence:
    _check_keys(entry, PinnedSequence)
    timestamps = tuple(int(value) for value in _as_list(entry["timestamps"], "timestamps"))
    return PinnedSequence(
        check_identifier(str(entry["id"]), "sequence"),
        check_identifier(str(entry["video"]), "video"),
        float(entry["focal_y"]),
        float(entry["path_length"]),
        timestamps,
    )


def _check_keys(content: object, kind: type) -> None:
    """Only keys that there are, and all that have no default."""
    names = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        raise ValueError(f"found {content!r}, expected the keys {', '.join(names)}")
    unknown = [key for key in content if key not in names]
    missing = [name for name in names if name not in content] if kind is PinnedSequence else []
    if unknown or missing:
        raise ValueError(f"keys: unknown {unknown}, missing {missing}; expected {', '.join(names)}")


def _as_list(value: object, name: str) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{name}: found {value!r}, expected a list")
    return value


def _increases(pinned: PinnedSequence) -> bool:
    return len(pinned.timestamps) > 1 and bool(np.all(np.diff(pinned.timestamps) > 0))


def _pin(name: str, sequence: VideoPoses, positions: np.ndarray) -> PinnedSequence:
    steps = np.linalg.norm(np.diff(sequence.poses[positions, :, 3], axis=0), axis=1)
    timestamps = tuple(int(time) for time in sequence.timestamps[positions])
    return PinnedSequence(
        name, sequence.video, float(sequence.focal_y[positions[0]]), float(steps.sum()), timestamps
    )
