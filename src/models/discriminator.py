"""The discriminator of the first stage's training and its losses."""

import torch.nn.functional as F
from torch import Tensor, nn

WIDEST = 8  # times the channels of the first layer


class PatchDiscriminator(nn.Module):
    """Real or reconstructed, judged patch by patch; above 0 for real.

    (n, 3, S, S) in [-1, 1] -> (n, 1, P, P), P = S / 2^layers - 2. It is the PatchGAN of Isola et
    al. 2017 (section 3.2.2) in the form that Esser et al. 2021 train with. That is `layers`
    convolutions of stride 2 that double the channels, then two of stride 1, with batch
    normalization but in the first and the last. Names as in published checkpoints, there after
    `loss.discriminator.`.
    """

    def __init__(self, channels: int = 64, layers: int = 3) -> None:
        super().__init__()
        parts = [_convolution(3, channels, stride=2), nn.LeakyReLU(0.2)]
        before = channels
        for layer in range(1, layers + 1):
            width = channels * min(2**layer, WIDEST)
            stride = 1 if layer == layers else 2
            convolution = _convolution(before, width, stride, bias=False)
            parts += [convolution, _batch_norm(width), nn.LeakyReLU(0.2)]
            before = width
        self.main = nn.Sequential(*parts, _convolution(before, 1, stride=1))

    def forward(self, images: Tensor) -> Tensor:
        return self.main(images)


def patches(image_size: int, layers: int) -> int:
    """P, the patches along one side of an image; below 1 the image is too small."""
    for _ in range(layers):
        image_size = image_size // 2
    return image_size - 2


def discriminator_loss(real: Tensor, reconstructed: Tensor) -> Tensor:
    """The hinge loss of the discriminator's judgements.

    It is zero where real ones are above 1 and reconstructed ones below -1.
    """
    return (F.relu(1 - real).mean() + F.relu(1 + reconstructed).mean()) / 2


def generator_loss(reconstructed: Tensor) -> Tensor:
    """The autoencoder's side of it: minus the mean judgement of its reconstructions."""
    return -reconstructed.mean()


def _convolution(in_channels: int, out_channels: int, stride: int, bias: bool = True) -> nn.Conv2d:
    """Kernel 4, padding 1, weights from a normal distribution of deviation 0.02."""
    layer = nn.Conv2d(in_channels, out_channels, 4, stride, padding=1, bias=bias)
    nn.init.normal_(layer.weight, 0, 0.02)
    return layer


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    nn.init.normal_(layer.weight, 1, 0.02)
    return layer
