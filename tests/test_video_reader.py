"""Frames that are prepared when they are decoded."""

import weakref

import numpy as np
from numbered_video import write_numbered_video

from photonvs.datasets.video_reader import VideoReader


def test_frames_are_prepared_one_by_one(tmp_path):
    """The same pixels, and no frame is kept longer than its preparation."""
    path, times = tmp_path / "video.mp4", [0, 900_000, 100_000, 0]
    write_numbered_video(path, range(0, 40 * 512, 512))
    seen = []

    def corner(frame: np.ndarray) -> np.ndarray:
        assert all(earlier() is None for earlier in seen)
        seen.append(weakref.ref(frame))
        return frame[:5, :7].copy()

    with VideoReader(path) as reader:
        prepared, frames = reader.read(times, corner), reader.read(times)
    assert len(seen) == 3
    np.testing.assert_array_equal(prepared, frames[:, :5, :7])
