"""The square that the network sees of a frame."""

import numpy as np
import pytest
import torch
import torchvision
from torchvision.transforms import InterpolationMode

from photonvs.datasets.video import crop_and_resize


@pytest.mark.parametrize("size", [256, 64])
def test_crop_and_resize_is_torchvisions(size):
    frames = np.random.default_rng(0).integers(0, 256, (2, 360, 641, 3), dtype=np.uint8)
    crop = torchvision.transforms.functional.center_crop(
        torch.from_numpy(frames).permute(0, 3, 1, 2), [360, 360]
    )
    expected = torchvision.transforms.functional.resize(
        crop, [size, size], InterpolationMode.BICUBIC, antialias=True
    )
    np.testing.assert_array_equal(
        crop_and_resize(frames, size), expected.permute(0, 2, 3, 1).numpy()
    )


def test_crop_and_resize_other_heights():
    """A disc in the middle of any frame ends at the same place; constant frames stay constant."""
    for height, width in [(720, 1280), (240, 426), (480, 480), (1080, 1920)]:
        y, x = np.mgrid[:height, :width] + 0.5
        disc = ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (0.3 * height) ** 2).astype(
            np.uint8
        ) * 255
        square = crop_and_resize(np.repeat(disc[None, ..., None], 3, axis=3))
        assert square.shape == (1, 256, 256, 3) and square.dtype == np.uint8
        assert square.mean() / 255 == pytest.approx(np.pi * 0.3**2, abs=0.003)
        rows, columns = np.nonzero(square[0, ..., 0] > 127)
        assert rows.mean() == pytest.approx(127.5, abs=0.5) and columns.mean() == pytest.approx(
            127.5, abs=0.5
        )
        assert np.unique(
            crop_and_resize(np.full((1, height, width, 3), 77, np.uint8))
        ).tolist() == [77]


def test_crop_and_resize_keeps_what_is_right_already():
    frames = np.random.default_rng(0).integers(0, 256, (1, 360, 640, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop_and_resize(frames, 360), frames[:, :, 140:500])
    with pytest.raises(ValueError, match="frames of 360x640 pixels are too narrow"):
        crop_and_resize(np.zeros((1, 640, 360, 3), np.uint8))


def test_square_frames_of_the_wanted_size_stay_as_they_are():
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop_and_resize(frames, 48), frames)
    assert crop_and_resize(frames, 24).shape == (2, 24, 24, 3)
