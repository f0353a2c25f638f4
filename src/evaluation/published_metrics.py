"""The networks of the published image metrics: LPIPS, and Inception-v3 for FID and KID.

They come from torchmetrics (the extra `metrics`). Their weights are fetched once, into PyTorch's
folder of downloads. What cannot be had, package or weights, is said in one line as
FileNotFoundError, so that the other metrics still come.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor

from ..utils.words import first_line

EXTRA = 'pip install "photonvs[metrics]" (torchmetrics, torch-fidelity)'
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"


def load_lpips(device: str | torch.device = "cpu") -> Callable[[np.ndarray, np.ndarray], float]:
    """LPIPS of two frames (height, width, 3) uint8; 0 for equal ones.

    Zhang et al. 2018, version 0.1, AlexNet.
    Raises FileNotFoundError where torchmetrics is missing or AlexNet's weights cannot be fetched.
    """
    with _explained("LPIPS", ALEXNET_URL):
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).to(device)

    @torch.inference_mode()
    def distance(frame: np.ndarray, other: np.ndarray) -> float:
        first, second = (_to_batch(image).to(device) / 255 for image in (frame, other))
        return float(metric.net(first, second, normalize=True))

    return distance


def load_inception(
    device: str | torch.device = "cpu",
) -> Callable[[Iterable[np.ndarray]], np.ndarray]:
    """Inception-v3 as FID has it: frames (height, width, 3) uint8 -> features (n, 2048) float64.

    FID and KID are the `set_distances` of these. Frames are enlarged without antialiasing, as in
    the published code. Raises FileNotFoundError as `load_lpips`.
    """
    with _explained("FID and KID", INCEPTION_URL):
        from torchmetrics.image.fid import NoTrainInceptionV3

        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], antialias=False).to(device)

    @torch.inference_mode()
    def features(images: Iterable[np.ndarray]) -> np.ndarray:
        each = (network(_to_batch(image).to(device)) for image in images)
        return np.concatenate([found.double().cpu().numpy() for found in each])

    return features


def weight_file(url: str) -> Path:
    """Where PyTorch keeps the weights of a URL."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _to_batch(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]


@contextmanager
def _explained(metric: str, url: str) -> Iterator[None]:
    """What goes wrong with loading a metric's network, as one line that says how to get it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torchvision's and torchmetrics' own calls
            yield
    except (ImportError, ModuleNotFoundError) as error:
        raise FileNotFoundError(
            f"{metric}: needs the extra metrics: {EXTRA} ({first_line(error)})"
        ) from error
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{metric}: the network's weights could not be fetched ({first_line(error)}); with no "
            f"network put {url} into {weight_file(url).parent}"
        ) from error
