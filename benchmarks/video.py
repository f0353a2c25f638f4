"""Reading the two frames of a pair from a video: time and correctness, beside other readers.

decord and torchcodec take part where they are installed. Then eight pairs of one video: opened for
each pair, kept open, and all in one call.

    python benchmarks/video.py [--seconds 60] [--pairs 40]

The video is made here: 640x360, H.264 with B-frames, 30 frames a second, a keyframe every 250.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from photonvs.datasets.video import read_frames
from photonvs.datasets.video_reader import VideoReader

HEIGHT, WIDTH, RATE = 360, 640, 30
BITS = 16  # of the frame number, shown as a column of squares at the left edge


def main() -> None:
    """Print milliseconds a pair and the share of right frames for every method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=60,
        metavar="N",
        help="length of the video in seconds (default: 60)",
    )
    parser.add_argument(
        "--pairs", type=int, default=40, metavar="N", help="random pairs to read (default: 40)"
    )
    options = parser.parse_args()
    count = options.seconds * RATE
    numbers = np.random.default_rng(0).integers(0, count, (options.pairs, 2))
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        make_video(path, count)
        print(
            f"{count} frames of {WIDTH}x{HEIGHT}, {path.stat().st_size / 1e6:.1f} MB, "
            f"{options.pairs} random pairs, one thread"
        )
        compare_readers(path, numbers)
        compare_groups(path, numbers[: len(numbers) // 8 * 8].reshape(-1, 8, 2))


def compare_readers(path: Path, numbers: np.ndarray) -> None:
    """Time and right frames of every reader for pairs of frames; numbers: (pairs, 2)."""
    methods: dict[str, Callable[[list[int]], np.ndarray]] = {
        "photonvs": VideoReader(path).read,
        "PyAV, seek and decode": PlainReader(path).read,
        "OpenCV, seek by time": OpenCVReader(path).read,
    }
    for name, reader in {"decord": DecordReader, "torchcodec": TorchcodecReader}.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name:24s} skipped: not installed")
            continue
        try:
            methods[name] = reader(path).read
        except (RuntimeError, ImportError, OSError) as error:
            print(f"{name:24s} skipped: {str(error).strip().splitlines()[0][:80]}")
    seconds, right = {name: [] for name in methods}, {name: [] for name in methods}
    for pair in numbers:  # methods take turns, so that other load on the machine hits all of them
        for name, read in methods.items():
            start = time.perf_counter()
            frames = read(times_of(pair))
            seconds[name].append(time.perf_counter() - start)
            right[name] += [
                number_of(frame) == number for frame, number in zip(frames, pair, strict=True)
            ]
    for name in methods:
        mean, median = np.mean(seconds[name]), np.median(seconds[name])
        print(
            f"{name:24s} {1 / mean:6.1f} pairs/s, {1000 * mean:6.1f} ms a pair "
            f"(median {1000 * median:.1f}), "
            f"right frames: {np.mean(right[name]):.1%}"
        )


def compare_groups(path: Path, groups: np.ndarray) -> None:
    """Time a pair when eight pairs of one video are wanted; groups: (n, 8, 2)."""
    reader = VideoReader(path)
    methods = {
        "opened for each pair": lambda group: [read_frames(path, times_of(pair)) for pair in group],
        "kept open": lambda group: [reader.read(times_of(pair)) for pair in group],
        "all eight in one call": lambda group: reader.read(times_of(group.ravel())),
    }
    seconds = dict.fromkeys(methods, 0.0)
    for group in groups:
        for name, read in methods.items():
            start = time.perf_counter()
            read(group)
            seconds[name] += time.perf_counter() - start
    for name, total in seconds.items():
        print(f"eight pairs, {name:22s} {1000 * total / groups[..., 0].size:6.1f} ms a pair")


def times_of(numbers: np.ndarray) -> list[int]:
    """Microseconds at which frames are shown, by number."""
    return [round(number * 1_000_000 / RATE) for number in numbers]


def make_video(path: Path, count: int) -> None:
    """A video of a picture that moves steadily, with every frame's number on it."""
    generator = np.random.default_rng(1)
    background = generator.integers(0, 256, (45, 160, 3), dtype=np.uint8)
    background = cv2.resize(background, (4 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=RATE, options={"g": "250", "bf": "3", "preset": "fast", "crf": "23"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            image = np.roll(background, -3 * number, axis=1)[:, :WIDTH].copy()
            bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
            image[:, :32] = np.repeat(255 * bits, -(-HEIGHT // BITS))[:HEIGHT, None, None]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def number_of(frame: np.ndarray) -> int:
    """The number that a frame shows."""
    square = -(-HEIGHT // BITS)
    return sum(
        int(frame[min(bit * square + square // 2, HEIGHT - 1), 16, 1] > 128) << bit
        for bit in range(BITS)
    )


class PlainReader:
    """Seek to the keyframe before, and decode every frame up to the time."""

    def __init__(self, path: Path) -> None:
        self.container = av.open(str(path))
        self.stream = self.container.streams.video[0]
        self.stream.codec_context.thread_count = 1

    def read(self, timestamps: list[int]) -> np.ndarray:
        return np.stack([self._read_one(timestamp) for timestamp in timestamps])

    def _read_one(self, timestamp: int) -> np.ndarray:
        pts = timestamp / 1_000_000 / self.stream.time_base
        self.container.seek(int(pts), stream=self.stream)
        before = None
        for frame in self.container.decode(self.stream):
            if frame.pts >= pts:
                nearest = frame if before is None or frame.pts - pts < pts - before.pts else before
                return nearest.to_ndarray(format="rgb24")
            before = frame
        return before.to_ndarray(format="rgb24")


class OpenCVReader:
    """OpenCV's own seek by milliseconds."""

    def __init__(self, path: Path) -> None:
        self.capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])

    def read(self, timestamps: list[int]) -> np.ndarray:
        return np.stack([self._read_one(timestamp) for timestamp in timestamps])

    def _read_one(self, timestamp: int) -> np.ndarray:
        self.capture.set(cv2.CAP_PROP_POS_MSEC, timestamp / 1000)
        _, frame = self.capture.read()
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8) if frame is None else frame[..., ::-1]


class DecordReader:
    """decord counts frames; the rate is constant here, so a time gives a number."""

    def __init__(self, path: Path) -> None:
        import decord

        self.reader = decord.VideoReader(str(path), num_threads=1)

    def read(self, timestamps: list[int]) -> np.ndarray:
        return self.reader.get_batch(
            [round(timestamp * RATE / 1_000_000) for timestamp in timestamps]
        ).asnumpy()


class TorchcodecReader:
    """torchcodec gives the frame shown at a time. Times are rounded, so half a frame is added."""

    def __init__(self, path: Path) -> None:
        from torchcodec.decoders import VideoDecoder

        self.decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)

    def read(self, timestamps: list[int]) -> np.ndarray:
        return self.decoder.get_frames_played_at(
            [timestamp / 1_000_000 + 0.5 / RATE for timestamp in timestamps]
        ).data.numpy()


if __name__ == "__main__":
    main()
