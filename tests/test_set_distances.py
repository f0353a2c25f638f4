"""Distances between sets against closed forms, the definitions written out, and torchmetrics."""

import numpy as np
import pytest
import torch
from torch import nn

from photonvs.evaluation.set_distances import features, frechet_distance, kernel_distance


def normal(
    count: int, channels: int, seed: int, scale: float = 1.0, shift: float = 0.0
) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((channels, channels))
    return shift + scale * generator.standard_normal((count, channels)) @ mixing


def test_frechet_distance_of_a_shift_and_of_a_stretch():
    values = normal(50, 8, 0)
    assert frechet_distance(values, values) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(values, values + 0.3) == pytest.approx(8 * 0.3**2)
    spread = np.trace(np.cov(values.T))
    stretched = values.mean(axis=0) + 1.5 * (values - values.mean(axis=0))
    assert frechet_distance(values, stretched) == pytest.approx(0.5**2 * spread)
    assert frechet_distance(stretched, values) == pytest.approx(0.5**2 * spread)


@pytest.mark.parametrize("counts", [(60, 50), (5, 60), (4, 5)])
def test_frechet_distance_by_its_definition(counts):
    """Also with fewer images than features, where the covariances have no inverse."""
    first, second = normal(counts[0], 12, 1), normal(counts[1], 12, 2, shift=0.5)
    covariances = np.cov(first.T), np.cov(second.T)
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    means = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    expected = means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * roots
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-5)


def test_kernel_distance_by_its_definition():
    first, second = normal(7, 3, 3), normal(7, 3, 4, shift=1)

    def kernel(x, y):
        return (x @ y / 3 + 1) ** 3

    within = sum(
        np.mean([kernel(values[i], values[j]) for i in range(7) for j in range(7) if i != j])
        for values in (first, second)
    )
    between = np.mean([kernel(x, y) for x in first for y in second])
    assert kernel_distance(first, second) == (pytest.approx(within - 2 * between), 0.0)


def test_kernel_distance_over_subsets():
    first, second = normal(300, 4, 5), normal(200, 4, 6)
    mean, deviation = kernel_distance(first, second, subsets=200, subset_size=60)
    assert 0 < abs(mean - kernel_distance(first, second)[0]) < 3 * deviation / 200**0.5
    assert kernel_distance(first, second, 20, 60, seed=1) == kernel_distance(
        first, second, 20, 60, seed=1
    )
    assert kernel_distance(first, second, 20, 60, seed=1) != kernel_distance(
        first, second, 20, 60, seed=2
    )
    halves = [
        kernel_distance(*np.split(np.random.default_rng(k).permutation(first), 2))[0]
        for k in range(40)
    ]
    assert abs(np.mean(halves)) < 3 * np.std(halves) / 40**0.5 + 1e-9, (
        "unbiased: halves of one set are zero apart on average"
    )


class Pixels(nn.Module):
    """Features that are some pixels, for torchmetrics too: it passes uint8."""

    num_features = 12

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = images.float() / (255 if images.dtype == torch.uint8 else 1)
        return values[:, :, ::112, ::112].flatten(1)


def test_both_are_those_of_torchmetrics():
    metrics = pytest.importorskip("torchmetrics.image", reason="needs torchmetrics")
    generator = np.random.default_rng(7)
    first, second = generator.integers(0, 256, (2, 30, 224, 224, 3), dtype=np.uint8)
    second = second // 2
    own = [features(images, Pixels()) for images in (first, second)]
    frechet = metrics.fid.FrechetInceptionDistance(
        Pixels(), input_img_size=(3, 224, 224)
    ).set_dtype(torch.float64)
    kernel = metrics.kid.KernelInceptionDistance(Pixels(), subsets=1, subset_size=30)
    for images, real in ((first, True), (second, False)):
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
        frechet.update(tensor, real=real)
        kernel.update(tensor, real=real)
    assert frechet_distance(*own) == pytest.approx(frechet.compute().item(), rel=1e-4)
    assert kernel_distance(*own)[0] == pytest.approx(kernel.compute()[0].item(), rel=1e-3)


def test_features_of_frames_of_any_size_in_any_number():
    frames = np.random.default_rng(0).integers(0, 256, (19, 224, 224, 3), dtype=np.uint8)
    found = features(iter(frames), Pixels())
    assert found.dtype == np.float64 and found.shape == (19, 12)
    np.testing.assert_allclose(
        found, frames[:, ::112, ::112].transpose(0, 3, 1, 2).reshape(19, 12) / 255, atol=1e-6
    )
    flat = [np.full((side, 2 * side, 3), 51, np.uint8) for side in (32, 256)]
    np.testing.assert_allclose(features(flat, Pixels()), 0.2, atol=1e-6)


def test_noise_takes_pictures_farther_from_their_set():
    """The features of the real network: the more noise, the larger both distances."""
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)
    frames = blocks.repeat(16, axis=1).repeat(16, axis=2)
    true = features(frames)
    assert true.shape == (4, 1280)
    found = []
    for amount in (10, 40):
        noisy = (frames + generator.normal(0, amount, frames.shape)).clip(0, 255).astype(np.uint8)
        found.append(
            (frechet_distance(features(noisy), true), kernel_distance(features(noisy), true)[0])
        )
    assert 0 < found[0][0] < found[1][0] and found[0][1] < found[1][1]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="no images"):
        features([], Pixels())
    with pytest.raises(ValueError, match=r"features \(1, 3\) and \(4, 3\).*at least 2"):
        frechet_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        kernel_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="0 subsets"):
        kernel_distance(np.zeros((3, 2)), np.zeros((3, 2)), subsets=0)
