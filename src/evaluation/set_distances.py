"""Distances between two sets of images: Fréchet and kernel distance of a network's features.

With the features of Inception-v3 these are FID and KID (`published_metrics`). That network's
weights must be fetched. Here are the features of EfficientNet-Lite0, whose weights come in a
package. **Its distances are not comparable with published FID and KID**, whatever the data. They
compare sets that were measured with it.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .efficientnet_lite import SIZE, load_efficientnet_lite0

BATCH = 16  # images
SUBSETS, SUBSET_SIZE = 100, 1000  # of the kernel distance, as published


def load_features(
    device: str | torch.device = "cpu",
) -> Callable[[Iterable[np.ndarray]], np.ndarray]:
    """`features` of EfficientNet-Lite0, (n, 1280); FileNotFoundError without its package."""
    return partial(features, network=load_efficientnet_lite0(device), device=device)


@torch.inference_mode()
def features(
    images: Iterable[np.ndarray], network: nn.Module, device: str | torch.device = "cpu"
) -> np.ndarray:
    """Features (n, d) float64 of frames (height, width, 3) uint8 RGB, which may differ in size.

    network: (n, 3, 224, 224) in [0, 1] -> (n, d). Frames are brought to 224x224 pixels, bilinear
    and antialiased. ValueError if there are none.
    """
    found, images = [], iter(images)
    while batch := [_to_input(frame) for frame in islice(images, BATCH)]:
        found.append(network(torch.cat(batch).to(device)).double().cpu().numpy())
    if not found:
        raise ValueError("no images: expected at least one to take features of")
    return np.concatenate(found)


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """Squared Fréchet distance of the normal distributions of two sets (n, d) and (m, d).

    |μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½), with the sets' means and covariances (with n - 1).
    Heusel et al. 2017 (FID), Dowson and Landau 1982. The trace of the root is the sum of the
    singular values of A Bᵀ, where AᵀA = Σ1 and BᵀB = Σ2. So it is exact also where there are
    fewer images than features. Few images bias it upwards: compare only sets of one size.
    ValueError for a set of fewer than two.
    """
    first, second = _as_sets(features, others)
    means = first.mean(axis=0), second.mean(axis=0)
    roots = _root_of_covariance(first - means[0]), _root_of_covariance(second - means[1])
    overlap = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    traces = sum(float(np.square(root).sum()) for root in roots)
    shift = float(np.square(means[0] - means[1]).sum())
    return max(shift + traces - 2 * overlap, 0.0)  # rounding may go below


def kernel_distance(
    features: np.ndarray,
    others: np.ndarray,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> tuple[float, float]:
    """Squared maximum mean discrepancy of two sets (n, d) and (m, d).

    Returns mean and standard deviation over random subsets. Each estimate is unbiased and may be
    below zero; its kernel is (x·y / d + 1)³ (Bińkowski et al. 2018, KID). A set smaller than
    `subset_size` makes the subsets as large as itself. If no set is larger, the one estimate is
    taken from all images, with deviation 0.
    """
    first, second = _as_sets(features, others)
    if subsets < 1 or subset_size < 2:
        raise ValueError(
            f"{subsets} subsets of {subset_size} images: expected at least 1 of at least 2"
        )
    size = min(subset_size, len(first), len(second))
    if size == len(first) == len(second):
        return _squared_discrepancy(first, second), 0.0
    generator = np.random.default_rng(seed)
    estimates = []
    for _ in range(subsets):
        both = [
            values[generator.choice(len(values), size, replace=False)] for values in (first, second)
        ]
        estimates.append(_squared_discrepancy(*both))
    return float(np.mean(estimates)), float(np.std(estimates))


def _to_input(frame: np.ndarray) -> Tensor:
    image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255
    if image.shape[2:] == (SIZE, SIZE):
        return image
    return F.interpolate(image, (SIZE, SIZE), mode="bilinear", antialias=True)


def _root_of_covariance(centred: np.ndarray) -> np.ndarray:
    """A matrix A (k, d), k at most d; AᵀA is the covariance of the rows (n, d) of mean zero."""
    scaled = centred / np.sqrt(len(centred) - 1)
    return np.linalg.qr(scaled, mode="r") if len(scaled) > scaled.shape[1] else scaled


def _squared_discrepancy(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased estimate: means over pairs of different images, and over all mixed pairs."""
    within = []
    for values in (first, second):
        kernel = _kernel(values, values)
        within.append((kernel.sum() - np.trace(kernel)) / (len(values) * (len(values) - 1)))
    return float(sum(within) - 2 * _kernel(first, second).mean())


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first @ second.T / first.shape[1] + 1) ** 3


def _as_sets(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(features, dtype=np.float64), np.asarray(others, dtype=np.float64)
    alike = first.ndim == second.ndim == 2 and first.shape[1] == second.shape[1]
    if not alike or min(len(first), len(second)) < 2:
        raise ValueError(
            f"features {first.shape} and {second.shape}: expected (n, d) and (m, d), n and m at "
            "least 2"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("features: found NaN or infinity, expected finite numbers")
    return first, second
