"""Frames of a video file by time.

A frame's time is its timestamp in the file times the file's time base: the time that players show, with edit lists applied
and the start not shifted to zero. The frame of a time is the one nearest to it, the earlier of two equally near.

Frames are chosen by the timestamps of the compressed packets, before anything is decoded. So the decoder knows which frames
are wanted, and leaves out those in between that no other frame is predicted from (in usual H.264 about half of them).
"""

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from torchvision.transforms.functional import InterpolationMode, resize

from ..cameras.realestate10k import VIDEO_SUFFIXES
from ..samples import image_places
from ..utils.pictures import png_bytes

OUTSIDE_TOLERANCE = (
    1_000_000  # microseconds that a timestamp may lie before the first or after the last frame
)
CROP = 360  # pixels: height to which videos are brought, and side of the centre square
MICROSECONDS = 1_000_000  # a second


def find_videos(folder: str | Path) -> dict[str, Path]:
    """The videos of a folder by name (file name without suffix); raises FileNotFoundError if there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected one with videos ({', '.join(VIDEO_SUFFIXES)})"
        )
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in VIDEO_SUFFIXES}


def read_frames(path: str | Path, timestamps: Iterable[int]) -> np.ndarray:
    """The frames nearest to `timestamps` (microseconds, any order), (n, height, width, 3) uint8 RGB, as in the file.

    Raises FileNotFoundError, or ValueError for a file that cannot be decoded and for a time more than a second outside it.
    """
    with VideoReader(path) as reader:
        return reader.read(timestamps)


def crop_and_resize(frames: np.ndarray, size: int = 256) -> np.ndarray:
    """Centre squares of frames: (n, height, width, 3) uint8 -> (n, size, size, 3) uint8.

    Frames of another height are first resized to height 360, then the centre 360x360 crop is resized to `size`; both
    bicubic and antialiased, as the published system did. Square frames of that size stay as they are. Raises ValueError for
    frames narrower than the crop.
    """
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(
        0, 3, 1, 2
    )  # (n, 3, height, width)
    height, width = images.shape[2:]
    if height == width == size:
        return np.array(frames)
    scaled_width = round(width * CROP / height)
    if scaled_width < CROP:
        raise ValueError(
            f"frames of {width}x{height} pixels are too narrow: expected at least as wide as high"
        )
    images = _resize(images, (CROP, scaled_width))
    left = round((scaled_width - CROP) / 2)
    images = _resize(images[..., left : left + CROP], (size, size))
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def sample_images(
    video: str | Path, timestamps: Iterable[int], given: Sequence[int] = (0,)
) -> dict[Path, bytes]:
    """A video's frames as the images of a sample, PNG files by their place in its folder.

    All of them are there to compare with, the `given` ones also as given images. Raises as `read_frames`.
    """
    frames = crop_and_resize(read_frames(video, timestamps))
    return image_places([png_bytes(frame) for frame in frames], given)


class VideoReader:
    """A video file kept open. Not for several threads, nor for a process forked after it was made."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such video")
        self._container = None
        with self._explained_errors():
            self._open()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def read(self, timestamps: Iterable[int]) -> np.ndarray:
        """The frames nearest to `timestamps`; see `read_frames`."""
        targets = [operator.index(timestamp) for timestamp in timestamps]
        if not targets:
            return np.empty((0, self._stream.height, self._stream.width, 3), np.uint8)
        chosen: dict[int, int] = {}  # target -> timestamp of its frame in the file
        runs: dict[
            int | None, tuple[list[av.Packet], set[int]]
        ] = {}  # by keyframe: packets, and the frames wanted of them
        frames: dict[int, np.ndarray] = {}
        with self._explained_errors():
            for target in set(targets):
                packets, chosen[target] = self._choose(target)
                longest, wanted = runs.get(packets[0].pts, ([], set()))
                runs[packets[0].pts] = max(longest, packets, key=len), wanted | {chosen[target]}
            for packets, wanted in runs.values():
                frames |= self._decode(packets, wanted)
        return np.stack([frames[chosen[target]] for target in targets])

    def _open(self) -> None:
        """Open the file, or open it again, at its start."""
        self.close()
        self._container = av.open(str(self.path))
        if not self._container.streams.video:
            raise ValueError(f"{self.path}: holds no video stream")
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1  # the callers' processes are the parallelism

    def _choose(self, target: int) -> tuple[list[av.Packet], int]:
        """The packets from a keyframe up to the frame for `target`, and that frame's timestamp in the file."""
        base = self._stream.time_base
        step = (
            base.numerator * MICROSECONDS
        )  # a unit of the file in microseconds is step / base.denominator
        floor = target * base.denominator // step
        for back in (
            0,
            1,
            None,
        ):  # seconds; a seek goes by decoding time, so it may end at a keyframe that is shown too late
            packets = self._packets_around(
                floor, None if back is None else floor - int(back / base)
            )
            shown = [
                packet.pts
                for packet in packets
                if _is_shown(packet, None if back is None else packets[0].pts)
            ]
            before = max((pts for pts in shown if pts <= floor), default=None)
            if before is not None:
                break
        after = min((pts for pts in shown if pts > floor), default=None)
        nearest = [
            (abs(pts * step - target * base.denominator), pts)
            for pts in (before, after)
            if pts is not None
        ]
        if not nearest:
            raise ValueError(f"{self.path}: its video stream is empty")
        distance, pts = min(nearest)
        run = _run_of(packets, pts)
        shown_until = (pts + (run[-1].duration or 0)) * base
        cut_off = (
            after is None and self._stated_end() - shown_until > OUTSIDE_TOLERANCE / MICROSECONDS
        )
        if len(nearest) == 1 and (cut_off or distance > OUTSIDE_TOLERANCE * base.denominator):
            raise ValueError(self._outside(target, pts, after is None))
        return run, pts

    def _packets_around(self, floor: int, seek: int | None) -> list[av.Packet]:
        """Packets from the keyframe that seeking to `seek` finds (None: from the start) to where all that follow are later.

        Later than the first frame after `floor`: packets come in the order of decoding, by `dts`, and no frame is shown
        before it is decoded, so none after a packet is shown before the packet's dts.
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

    def _decode(self, packets: list[av.Packet], wanted: set[int]) -> dict[int, np.ndarray]:
        """Decode a run of packets from a keyframe on; the wanted frames by their timestamp in the file."""
        context = self._stream.codec_context
        context.flush_buffers()
        frames: dict[int, np.ndarray] = {}
        complete = False  # not every packet marked as a keyframe is one (intra refresh)
        for packet in [*packets, None]:
            context.skip_frame = "DEFAULT" if packet is None or packet.pts in wanted else "NONREF"
            for frame in context.decode(packet):
                complete |= frame.key_frame and frame.pts == packets[0].pts
                if frame.pts in wanted and not frame.is_corrupt:
                    frames[frame.pts] = frame.to_ndarray(format="rgb24")
        return frames if complete and frames.keys() == wanted else self._decode_from_start(wanted)

    def _decode_from_start(self, wanted: set[int]) -> dict[int, np.ndarray]:
        """Decode every frame from the start: slow, for the rare file where seeking or skipping gives no whole frame."""
        self._open()
        frames: dict[int, np.ndarray] = {}
        for frame in self._container.decode(self._stream):
            if frame.pts in wanted and not frame.is_corrupt:
                frames[frame.pts] = frame.to_ndarray(format="rgb24")
            if frames.keys() == wanted:
                return frames
        missing = self._seconds(min(wanted - frames.keys()))
        raise ValueError(
            f"{self.path}: the frame at {missing} cannot be decoded; the file is damaged"
        )

    def _seconds(self, pts: int | None) -> str:
        return "an unknown time" if pts is None else f"{float(pts * self._stream.time_base):.3f} s"

    def _stated_end(self) -> Fraction:
        """Seconds that the video lasts by the file's header, 0 if it doesn't say; more than there is in a file cut off."""
        if self._stream.duration is not None:
            return self._stream.duration * self._stream.time_base
        return Fraction(self._container.duration or 0, av.time_base)

    def _outside(self, target: int, nearest: int, at_end: bool) -> str:
        """The message for a time that the video doesn't reach."""
        which = "last" if at_end else "first"
        return (
            f"{self.path}: no frame at {target / MICROSECONDS:.6f} s, its {which} frame is at {self._seconds(nearest)} and it "
            f"should last {float(self._stated_end()):.3f} s by its header; is it the right video, complete?"
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


def _is_shown(packet: av.Packet, start: int | None) -> bool:
    """Whether a packet's frame is shown: not cut away by an edit list, and not before `start`, the first keyframe's time.

    Frames decoded after a keyframe but shown before it are predicted from frames before it, so they cannot be
    decoded from there.
    """
    return (
        packet.pts is not None and not packet.is_discard and (start is None or packet.pts >= start)
    )


def _run_of(packets: list[av.Packet], pts: int) -> list[av.Packet]:
    """The packets that the frame at `pts` is decoded from: from the last keyframe that is not later, up to its own."""
    end = next(
        index for index, packet in enumerate(packets) if packet.pts == pts and not packet.is_discard
    )
    start = 0
    for index, packet in enumerate(packets[: end + 1]):
        if packet.is_keyframe and packet.pts is not None and packet.pts <= pts:
            start = index
    return packets[start : end + 1]


def _resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images (n, 3, height, width) uint8 resized to `size` (height, width), bicubic and antialiased.

    One plane-by-plane image at a time: the same result, twice as fast as a batch of interleaved ones, which leaves the cache.
    """
    if tuple(images.shape[2:]) == size:
        return images
    return torch.stack(
        [
            resize(image.contiguous(), list(size), InterpolationMode.BICUBIC, antialias=True)
            for image in images
        ]
    )
