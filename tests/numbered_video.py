"""Small videos whose every frame shows its number, as black and white squares."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

COLUMNS, ROWS = 4, 3  # squares; one bit each


def write_numbered_video(
    path: Path,
    times: Sequence[int],
    time_base: Fraction = Fraction(1, 15360),
    size: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    muxer: dict[str, str] | None = None,
    **options: object,
) -> None:
    """Encode len(times) frames.

    times: in units of `time_base`, rising. size: (height, width). options: of the encoder.
    """
    defaults = {"preset": "veryfast", "bf": 3, "g": 30, "crf": 20} if codec == "libx264" else {}
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(
            codec, rate=30, options={key: str(value) for key, value in (defaults | options).items()}
        )
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """The frame of a number, (height, width, 3) uint8."""
    bits = np.array([number >> bit & 1 for bit in range(COLUMNS * ROWS)], np.uint8).reshape(
        ROWS, COLUMNS
    )
    rows = np.arange(size[0]) * ROWS // size[0]
    columns = np.arange(size[1]) * COLUMNS // size[1]
    return np.repeat((16 + 224 * bits)[rows][:, columns, None].astype(np.uint8), 3, axis=2)


def numbers_of(frames: np.ndarray) -> list[int]:
    """The numbers that frames (n, height, width, 3) uint8 show, read from the squares' centres."""
    height, width = frames.shape[1:3]
    rows = (2 * np.arange(ROWS) + 1) * height // (2 * ROWS)
    columns = (2 * np.arange(COLUMNS) + 1) * width // (2 * COLUMNS)
    bits = frames[:, rows][:, :, columns, 1].reshape(len(frames), -1) > 128
    return [int(number) for number in bits @ (1 << np.arange(COLUMNS * ROWS))]


def decode_all(path: Path) -> tuple[list[Fraction], np.ndarray]:
    """Every frame of a video, by plain decoding from its start.

    Returns times in seconds, and (n, height, width, 3) uint8 RGB.
    """
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.pts * frame.time_base for frame in frames], np.stack(
        [frame.to_ndarray(format="rgb24") for frame in frames]
    )
