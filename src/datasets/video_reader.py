"""Reading frames of a video file by time, without decoding more than is needed.

A frame's time is its timestamp in the file times the file's time base. Players show the same time:
edit lists are applied, and the start is not shifted to zero. The frame of a time is the one nearest
to it, the earlier of two equally near.

Frames are chosen by the timestamps of the compressed packets, before anything is decoded. So the
decoder knows which frames are wanted. It leaves out those in between that no other frame is
predicted from; in usual H.264 that is about half of them.
"""

from __future__ import annotations

import operator
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

try:
    import av

    from .video_shown import bound, shown
except ImportError:  # trainings from chunks and latents go without it
    av = None

MICROSECONDS = 1_000_000  # a second
# Microseconds that a timestamp may lie before the first frame or after the last one.
OUTSIDE_TOLERANCE = 1_000_000


class VideoReader:
    """A video file kept open.

    Not for several threads, nor for a process forked after it was made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if av is None:
            raise ValueError(f"{self.path}: reading videos needs the package av: pip install av")
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such video")
        self._container = None
        with self._explained_errors():
            self._open()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def read(self, timestamps: Iterable[int], prepare: Callable = np.asarray) -> np.ndarray:
        """The frames nearest to `timestamps`; see `video.read_frames`.

        prepare: what to make of each frame as soon as it is decoded, so that not all are in memory.
        """
        targets = [operator.index(timestamp) for timestamp in timestamps]
        if not targets:
            start = (self._stream.start_time or 0) * self._stream.time_base
            return self.read([round(start * MICROSECONDS)])[:0]
        chosen: dict[int, int] = {}  # target -> its frame's timestamp in the file
        # By keyframe, so that each group of pictures is decoded once.
        runs: dict[int | None, list[av.Packet]] = {}
        wanted: dict[int | None, set[int]] = {}
        frames: dict[int, np.ndarray] = {}
        with self._explained_errors():
            for target in set(targets):
                packets, chosen[target] = self._choose(target)
                keyframe = packets[0].pts
                runs[keyframe] = max(runs.get(keyframe, []), packets, key=len)
                wanted.setdefault(keyframe, set()).add(chosen[target])
            for keyframe, packets in runs.items():
                frames |= self._decode(packets, wanted[keyframe], prepare)
        return np.stack([frames[chosen[target]] for target in targets])

    def _open(self) -> None:
        """Open the file, or open it again, at its start."""
        self.close()
        self._container = av.open(str(self.path), metadata_errors="ignore")
        if not self._container.streams.video:
            raise ValueError(f"{self.path}: holds no video stream")
        self._stream = self._container.streams.video[0]
        bound(self._stream, self.path)
        self._stream.codec_context.thread_count = 1  # the callers' processes are the parallelism

    def _choose(self, target: int) -> tuple[list[av.Packet], int]:
        """The packets from a keyframe up to the frame for `target`, and that frame's timestamp.

        Timestamps are the file's; `target` is in microseconds.
        """
        base = self._stream.time_base
        # Both sides of a comparison times base.denominator: then all are whole numbers, and exact.
        step = base.numerator * MICROSECONDS
        exact_target = target * base.denominator
        packets, before, after = self._neighbours(exact_target // step)
        nearest = [
            (abs(pts * step - exact_target), pts) for pts in (before, after) if pts is not None
        ]
        if not nearest:
            raise ValueError(f"{self.path}: its video stream is empty")
        distance, pts = min(nearest)
        run = _run_of(packets, pts)
        too_far = distance > OUTSIDE_TOLERANCE * base.denominator
        if len(nearest) == 1 and (too_far or (after is None and self._is_cut_off(run[-1]))):
            raise ValueError(self._outside(target, pts, after is None))
        return run, pts

    def _neighbours(self, floor: int) -> tuple[list[av.Packet], int | None, int | None]:
        """The packets about a time of the file, and the timestamps of the frames next to it.

        They are the last frame at or before the time, and the first one after it; None where there
        is none.
        """
        second = int(1 / self._stream.time_base)
        # A seek goes by decoding time, so it may end at a keyframe that is shown too late. Then an
        # earlier place is tried, and in the end the whole file up to there.
        for seek in (floor, floor - second, None):
            packets = self._packets_around(floor, seek)
            start = packets[0].pts if packets and seek is not None else None
            shown = [packet.pts for packet in packets if _is_shown(packet, start)]
            before = max((pts for pts in shown if pts <= floor), default=None)
            if before is not None:
                break
        after = min((pts for pts in shown if pts > floor), default=None)
        return packets, before, after

    def _packets_around(self, floor: int, seek: int | None) -> list[av.Packet]:
        """Packets from the keyframe that seeking to `seek` finds, or from the start (None).

        They end where all that follow are shown later than the first frame after `floor`. Packets
        come in the order of decoding, by `dts`, and no frame is shown before it is decoded. So no
        packet after another one is shown before that one's dts.
        """
        if seek is None:
            self._open()
        else:
            try:
                self._container.seek(seek, stream=self._stream)
            except av.FFmpegError:  # some formats refuse a time before their first frame
                self._open()
        packets: list[av.Packet] = []
        later = None  # the earliest frame after `floor` as yet
        for packet in self._container.demux(self._stream):
            if packet.size == 0:  # demux ends with an empty packet
                break
            if packet.is_corrupt:
                raise ValueError(
                    f"{self.path}: the file is cut off or damaged near {self._seconds(packet.pts)}"
                )
            if not packets and seek is not None and not packet.is_keyframe:
                continue
            packets.append(packet)
            if _is_shown(packet, None) and packet.pts > floor:
                later = packet.pts if later is None else min(later, packet.pts)
            if later is not None and packet.dts is not None and packet.dts >= later:
                break
        return packets

    def _decode(
        self, packets: list[av.Packet], wanted: set[int], prepare: Callable
    ) -> dict[int, np.ndarray]:
        """Decode packets from a keyframe on; the wanted frames by their timestamp in the file."""
        context = self._stream.codec_context
        context.flush_buffers()
        frames: dict[int, np.ndarray] = {}
        complete = False  # not every packet marked as a keyframe is one (intra refresh)
        for packet in [*packets, None]:
            context.skip_frame = "DEFAULT" if packet is None or packet.pts in wanted else "NONREF"
            for frame in context.decode(packet):
                complete |= frame.key_frame and frame.pts == packets[0].pts
                if frame.pts in wanted and not frame.is_corrupt:
                    frames[frame.pts] = prepare(shown(frame, self.path))
        if complete and frames.keys() == wanted:
            return frames
        return self._decode_from_start(wanted, prepare)

    def _decode_from_start(self, wanted: set[int], prepare: Callable) -> dict[int, np.ndarray]:
        """Decode from the start, which is slow, where seeking or skipping gives no whole frame."""
        self._open()
        frames: dict[int, np.ndarray] = {}
        for frame in self._container.decode(self._stream):
            if frame.pts in wanted and not frame.is_corrupt:
                frames[frame.pts] = prepare(shown(frame, self.path))
            if frames.keys() == wanted:
                return frames
        missing = self._seconds(min(wanted - frames.keys()))
        raise ValueError(
            f"{self.path}: the frame at {missing} cannot be decoded; the file is damaged"
        )

    def _seconds(self, pts: int | None) -> str:
        return "an unknown time" if pts is None else f"{float(pts * self._stream.time_base):.3f} s"

    def _stated_end(self) -> Fraction:
        """Seconds that the video lasts by the file's header, 0 if it doesn't say.

        If the file is cut off, that is more than there is.
        """
        if self._stream.duration is not None:
            return self._stream.duration * self._stream.time_base
        return Fraction(self._container.duration or 0, av.time_base)

    def _is_cut_off(self, last: av.Packet) -> bool:
        """Whether the header states a later end than the last frame's."""
        shown_until = (last.pts + (last.duration or 0)) * self._stream.time_base
        return self._stated_end() - shown_until > Fraction(OUTSIDE_TOLERANCE, MICROSECONDS)

    def _outside(self, target: int, nearest: int, at_end: bool) -> str:
        """The message for a time that the video doesn't reach."""
        return (
            f"{self.path}: no frame at {target / MICROSECONDS:.6f} s, its "
            f"{'last' if at_end else 'first'} frame is at {self._seconds(nearest)} and it should "
            f"last {float(self._stated_end()):.3f} s by its header; is it the right video, "
            "complete?"
        )

    @contextmanager
    def _explained_errors(self) -> Iterator[None]:
        """Errors of the media library as a ValueError that names the file."""
        try:
            yield
        except av.FFmpegError as error:
            raise ValueError(
                f"{self.path}: not a video that can be decoded, or it is damaged ({error.strerror})"
            ) from error


class VideoCache:
    """The most recently used videos, kept open.

    A forked or pickled copy opens its own: positions in a file are not shared.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._process = os.getpid()
        self._readers: OrderedDict[Path, VideoReader] = OrderedDict()

    def __reduce__(self) -> tuple:
        return VideoCache, (self.size,)

    def reader(self, path: Path) -> VideoReader:
        """The reader of a video, opened if need be.

        The least recently used one is closed when there are more than `size`.
        """
        if self._process != os.getpid():
            self._process, self._readers = os.getpid(), OrderedDict()
        if path not in self._readers:
            self._readers[path] = VideoReader(path)
            if len(self._readers) > self.size:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(path)
        return self._readers[path]

    def forget(self, path: Path) -> None:
        """Close a video if it is open."""
        if path in self._readers:
            self._readers.pop(path).close()


def _is_shown(packet: av.Packet, start: int | None) -> bool:
    """Whether a packet's frame is shown: no edit list cuts it away, and it is not before `start`.

    start: time of the keyframe where reading began, or None. A frame that is decoded after a
    keyframe but shown before it is predicted from frames before it, so it cannot be decoded from
    there.
    """
    if packet.pts is None or packet.is_discard:
        return False
    return start is None or packet.pts >= start


def _run_of(packets: list[av.Packet], pts: int) -> list[av.Packet]:
    """The packets that the frame at `pts` is decoded from.

    They go from the last keyframe that is not later than the frame, up to its own packet.
    """
    end = next(
        index for index, packet in enumerate(packets) if packet.pts == pts and not packet.is_discard
    )
    start = 0
    for index, packet in enumerate(packets[: end + 1]):
        if packet.is_keyframe and packet.pts is not None and packet.pts <= pts:
            start = index
    return packets[start : end + 1]
