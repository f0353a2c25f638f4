"""What is decoded of a video, and a frame as players show it: turned upright, 8-bit RGB."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import av

MOST_PIXELS = 36_000_000  # of a frame; one of 8K has 33 million
# Transfer functions of high dynamic range by their number in ITU-T H.273, table 3.
HIGH_RANGE = {16: "PQ", 18: "HLG"}
TO_STANDARD_RANGE = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=hable,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)


def bound(stream: "av.VideoStream", video: Path) -> None:
    """Refuse a stream of an unknown codec or of too large frames, also those that come later."""
    if stream.codec_context is None:
        raise ValueError(f"{video}: its codec is not known; expected H.264 or the like")
    if stream.width * stream.height > MOST_PIXELS:
        raise ValueError(
            f"{video}: frames of {stream.width}x{stream.height} pixels, more than "
            f"{MOST_PIXELS // 10**6} million; make it smaller: ffmpeg -i IN -vf scale=-2:1080 OUT"
        )
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}


def shown(frame: "av.VideoFrame", video: Path) -> np.ndarray:
    """A frame (height, width, 3) uint8, RGB, turned as the video's display matrix says.

    Raises ValueError naming the video, with a command that mends it. High dynamic range is refused,
    since its values are no RGB colours. So are interlaced frames, which show two times at once, and
    a frame that is turned by anything but quarters.
    """
    from av.sidedata.sidedata import SideDataContainer, Type  # here: other data need no PyAV

    if frame.color_trc in HIGH_RANGE:
        found = f"high dynamic range ({HIGH_RANGE[frame.color_trc]})"
        raise ValueError(_refusal(video, found, "standard range", f"-vf {TO_STANDARD_RANGE}"))
    if frame.interlaced_frame:
        raise ValueError(_refusal(video, "interlaced frames", "whole ones", "-vf bwdif=send_frame"))
    # PyAV's threads are slower, and one frame that a forked process frees would hang it.
    pixels = frame.to_ndarray(format="rgb24", threads=1)
    # Not frame.side_data: the frame keeps that, which keeps the frame. So its memory would wait for
    # the garbage collector.
    matrix = SideDataContainer(frame).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return pixels
    # ISO 14496-12, 6.2.2: the nine numbers a b u, c d v, x y w; a pixel (x, y) is shown at
    # (a x + c y, b x + d y), but for a shift.
    a, b, c, d = np.frombuffer(matrix, np.int32)[[0, 1, 3, 4]]
    if a == d == 0 and b and c:
        pixels, flips = pixels.transpose(1, 0, 2), (b < 0, c < 0)
    elif b == c == 0 and a and d:
        flips = d < 0, a < 0
    else:
        raise ValueError(_refusal(video, "frames turned by an odd angle", "upright ones", ""))
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    return np.ascontiguousarray(pixels[steps])


def _refusal(video: Path, found: str, expected: str, filters: str) -> str:
    """The message, with ffmpeg's command that writes the video anew."""
    names = (shlex.quote(name) for name in (video.name, f"{video.stem}-mended.mp4"))
    command = " ".join(["ffmpeg -i", next(names), *filter(None, [filters]), next(names)])
    return f"{video}: found {found}, expected {expected}; convert it first: {command}"
