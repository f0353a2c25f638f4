"""Writing H.264 video."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

MICROSECOND = Fraction(1, 1_000_000)  # seconds


def exact_rate(frames_per_second: float) -> Fraction:
    """The rate as a fraction, which files state: 12.5 is 25/2, and a rounded 30000/1001 itself."""
    return Fraction(frames_per_second).limit_denominator(1001)


def encode_h264(
    path: Path,
    frames: Iterable[np.ndarray],
    size: tuple[int, int],
    rate: Fraction,
    for_players: bool = False,
) -> None:
    """Write frames (height, width, 3) uint8 RGB as an MP4 (yuv420p) to `path`.

    size: (height, width), both even. rate: frames a second.
    for_players: of higher quality, and playing starts before the whole file is there. Otherwise
    single frames are quick to reach, by a key frame a second; and one thread encodes, so that the
    content is the same on every machine.
    """
    import av  # late: what writes no video, such as training, goes without it

    options = {"movflags": "faststart"} if for_players else {}
    codec = {"crf": "16"} if for_players else {"crf": "18", "threads": "1"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=rate, options=codec)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        if not for_players:
            stream.gop_size = max(1, round(rate))
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def encode_timed_h264(path: Path, frames: Iterable[tuple[int, np.ndarray]]) -> None:
    """Write frames at times of their own as an MP4 to `path`.

    frames: (time in microseconds, image (height, width, 3) uint8 RGB), by rising time, all of one
    size; raises ValueError for others. Single frames are quick to reach, and one thread encodes, so
    that the content is the same on every machine.
    """
    import av  # late, as above

    codec = {"crf": "18", "threads": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=codec)  # as players may show it
        stream.time_base = stream.codec_context.time_base = MICROSECOND
        stream.gop_size = 12
        size = None
        for time, image in frames:
            if size is None:
                size = stream.height, stream.width = image.shape[:2]
                even = not any(side % 2 for side in size)
                stream.pix_fmt = "yuv420p" if even else "yuv444p"
            if image.shape[:2] != size:
                raise ValueError(
                    f"frames of {size[1]}x{size[0]} and of {image.shape[1]}x{image.shape[0]} "
                    "pixels; a video has one size"
                )
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, MICROSECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
