"""Writing H.264 video."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np


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
