"""Frames as tensors, PNG, video and contact sheet."""

import av
import numpy as np
import pytest
import torch

from photonvs.utils.images import read_frame
from photonvs.utils.pictures import to_frame, to_tensor, write_contact_sheet, write_video


def noise_frame(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_tensor_and_back():
    frame = noise_frame(5, 7)
    tensor = to_tensor(frame)
    assert tensor.shape == (1, 3, 5, 7)
    torch.testing.assert_close(
        tensor[0, 1, 2, 3].item(), frame[2, 3, 1] / 127.5 - 1, rtol=1e-6, atol=1e-6
    )
    np.testing.assert_array_equal(to_frame(tensor), frame)
    assert to_frame(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)).tolist() == [
        [[0] * 3, [255] * 3]
    ]


@pytest.mark.parametrize(("size", "expected"), [(16, 256), (100, 300), (257, 258)])
def test_video_plays(tmp_path, size, expected):
    frames = [np.full((size, size, 3), level, np.uint8) for level in (40, 120, 200)]
    write_video(tmp_path / "a.mp4", frames, 12.5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, float(stream.average_rate)) == (
            expected,
            expected,
            12.5,
        )
        levels = [
            picture.to_ndarray(format="rgb24").mean() for picture in container.decode(video=0)
        ]
    np.testing.assert_allclose(levels, [40, 120, 200], atol=3)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_contact_sheet_holds_every_frame_in_order(tmp_path):
    frames = [np.full((100, 100, 3), 40 * number, np.uint8) for number in range(5)]
    write_contact_sheet(
        tmp_path / "a.png", frames, [f"{number:04d}" for number in range(5)], [True] + [False] * 4
    )
    sheet = read_frame(tmp_path / "a.png")
    height, width = sheet.shape[0] // 2, sheet.shape[1] // 3  # five tiles: two rows, three columns
    for number in range(5):
        tile = sheet[number // 3 * height :][:height, number % 3 * width :][:, :width]
        assert (tile[20:90, 20:90] == 40 * number).all()
        assert (tile[104:] < 128).any(axis=-1).any()  # the caption
    assert (sheet[:height, :width] == (255, 140, 0)).all(axis=-1).any()  # the mark
    assert not (sheet[:, width:] == (255, 140, 0)).all(axis=-1).any()
