"""PSNR and SSIM against closed forms and the definition, window by window."""

import numpy as np
import pytest
import torch

from photonvs.config import FirstStageConfig
from photonvs.models import build_first_stage
from photonvs.training.reconstruction import reconstruct, reconstruction_quality
from photonvs.utils.image_quality import psnr, ssim


def test_psnr_of_a_known_error():
    images = torch.rand(2, 3, 8, 8)
    shifted = images + torch.tensor([0.1, 0.01])[:, None, None, None]
    torch.testing.assert_close(psnr(images, shifted), torch.tensor([20.0, 40.0]), rtol=1e-4, atol=0)
    assert psnr(images, images).isposinf().all()


def test_ssim_of_flat_images():
    first, second = torch.full((1, 3, 16, 16), 0.3), torch.full((1, 3, 16, 16), 0.5)
    expected = (2 * 0.3 * 0.5 + 1e-4) / (0.3**2 + 0.5**2 + 1e-4)
    torch.testing.assert_close(ssim(first, second), torch.tensor([expected]), rtol=1e-3, atol=0)
    torch.testing.assert_close(ssim(first, first), torch.ones(1))


def test_ssim_by_its_definition():
    """Wang et al. 2004, equation 13 in every 11x11 window, weighted sums written out in float64."""
    source = np.random.default_rng(0)
    first, second = source.random((2, 2, 3, 13, 14))
    second = (first + second) / 2
    y, x = np.mgrid[-5:6, -5:6]
    window = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    window /= window.sum()
    expected = np.zeros((2, 3, 3, 4))
    for place in np.ndindex(expected.shape):
        image, channel, row, column = place
        a, b = (
            part[image, channel, row : row + 11, column : column + 11] for part in (first, second)
        )
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
        covariance = (window * (a - mean_a) * (b - mean_b)).sum()
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        expected[place] = luminance * (2 * covariance + 0.03**2) / (var_a + var_b + 0.03**2)
    found = ssim(torch.from_numpy(first), torch.from_numpy(second))
    torch.testing.assert_close(
        found, torch.from_numpy(expected.mean((1, 2, 3))), rtol=1e-9, atol=1e-12
    )


def test_small_images_have_no_ssim():
    with pytest.raises(ValueError, match="images of 20x10 pixels; expected at least 11x11"):
        ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))


def test_quality_of_a_lossless_first_stage():
    stage = build_first_stage(FirstStageConfig(kind="pixels", image_size=16, pixel_block=2))
    frames = [{"image": torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)} for _ in range(10)]
    images, made = reconstruct(stage, frames, range(10))
    assert torch.equal(images, made) and torch.equal(images[9], frames[9]["image"] / 255)
    assert reconstruction_quality(stage, frames, 10) == {
        "psnr": float("inf"),
        "ssim": pytest.approx(1),
    }
