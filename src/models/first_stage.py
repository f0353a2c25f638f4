"""The first stage, images to latents and back: the published VQGAN, or pixels moved into channels.

Every first stage has `encode` ((n, 3, S, S) in [-1, 1] -> (n, c, L, L)), `decode` (back) and
`config`, a FirstStageConfig.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model_config import GROUPS, FirstStageConfig

SEARCHED = 64  # latent pixels whose codes are looked for together


def build_first_stage(config: FirstStageConfig) -> nn.Module:
    """A first stage with random weights (`pixels` has none), in training mode."""
    return VQGAN(config) if config.kind == "vqgan" else PixelBlocks(config)


class PixelBlocks(nn.Module):
    """Blocks of pixels moved into channels: lossless, no weights.

    (n, 3, S, S) <-> (n, 3 block^2, S/block, S/block).
    """

    def __init__(self, config: FirstStageConfig) -> None:
        super().__init__()
        self.config = config

    def encode(self, images: Tensor) -> Tensor:
        return F.pixel_unshuffle(images, self.config.pixel_block)

    def decode(self, latents: Tensor) -> Tensor:
        """Clamped to [-1, 1]."""
        return F.pixel_shuffle(latents, self.config.pixel_block).clamp(-1, 1)


class VQGAN(nn.Module):
    """The autoencoder of Esser et al. 2021, with attention only at its coarsest level.

    Names are those of the published weights.
    """

    def __init__(self, config: FirstStageConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quantize = Codebook(config.codebook_size, config.latent_channels)
        self.quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> latents *before* quantization."""
        return self.quant_conv(self.encoder(images))

    def decode(self, latents: Tensor) -> Tensor:
        """Images in about [-1, 1], not clamped, after each latent pixel became the nearest code."""
        return self.decoder(self.post_quant_conv(self.quantize(latents)))


class Codebook(nn.Module):
    """Vector quantization: (n, c, h, w) -> the nearest codes, the same shape."""

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, channels)
        nn.init.uniform_(self.embedding.weight, -1 / size, 1 / size)

    def forward(self, latents: Tensor) -> Tensor:
        return self.embedding(self.indices(latents)).movedim(-1, 1)

    def indices(self, latents: Tensor) -> Tensor:
        """Number of the nearest code (Euclidean): (n, c, h, w) -> (n, h, w), int64."""
        codes = self.embedding.weight
        half_norms = codes.square().sum(dim=1) / 2
        # |z - e|^2 / 2 = |e|^2 / 2 - z.e + a constant. Some pixels at a time, since so many
        # distances stay in the cache.
        nearest = [
            torch.addmm(half_norms, pixels, codes.T, alpha=-1).argmin(dim=-1)
            for pixels in latents.movedim(1, -1).flatten(0, -2).split(SEARCHED)
        ]
        return torch.cat(nearest).view(len(latents), *latents.shape[2:])


class Encoder(nn.Module):
    """(n, 3, S, S) -> (n, latent_channels, L, L)."""

    def __init__(self, config: FirstStageConfig) -> None:
        super().__init__()
        widths = config.widths
        self.conv_in = nn.Conv2d(3, config.channels, 3, padding=1)
        self.down = nn.ModuleList()
        before = config.channels
        for level, width in enumerate(widths):
            stage = _residual_blocks(before, width, config.residual_blocks)
            if level < len(widths) - 1:
                stage["downsample"] = Downsample(width)
            self.down.append(stage)
            before = width
        self.mid = _middle(before)
        self.norm_out = _group_norm(before)
        self.conv_out = nn.Conv2d(before, config.latent_channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv_in(images)
        for stage in self.down:
            x = _run(stage, x)
        return self.conv_out(F.silu(self.norm_out(_run(self.mid, x))))


class Decoder(nn.Module):
    """(n, latent_channels, L, L) -> (n, 3, S, S)."""

    def __init__(self, config: FirstStageConfig) -> None:
        super().__init__()
        widths = config.widths
        before = widths[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, before, 3, padding=1)
        self.mid = _middle(before)
        stages = []
        for level in range(len(widths) - 1, -1, -1):
            stage = _residual_blocks(before, widths[level], config.residual_blocks + 1)
            before = widths[level]
            if level > 0:
                stage["upsample"] = Upsample(before)
            stages.insert(0, stage)
        self.up = nn.ModuleList(stages)
        self.norm_out = _group_norm(before)
        self.conv_out = nn.Conv2d(before, 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = _run(self.mid, self.conv_in(latents))
        for stage in reversed(self.up):
            x = _run(stage, x)
        return self.conv_out(F.silu(self.norm_out(x)))


class ResidualBlock(nn.Module):
    """Two convolutions with normalization and a skip.

    (n, in_channels, h, w) -> (n, out_channels, h, w).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = _group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _group_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.nin_shortcut = (
            nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return hidden + (x if self.nin_shortcut is None else self.nin_shortcut(x))


class Attention(nn.Module):
    """Self-attention over pixels, one head: (n, channels, h, w) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _group_norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normalized = self.norm(x)
        queries, keys, values = (
            layer(normalized).flatten(2).transpose(1, 2)[:, None]
            for layer in (self.q, self.k, self.v)
        )
        found = F.scaled_dot_product_attention(queries, keys, values)[:, 0]  # (n, h * w, channels)
        return x + self.proj_out(found.transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Halve the size: a strided convolution, padded at the right and below only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Double the size: pixels repeated, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)


def _residual_blocks(in_channels: int, out_channels: int, count: int) -> nn.ModuleDict:
    before = [in_channels] + [out_channels] * (count - 1)
    return nn.ModuleDict(
        {"block": nn.Sequential(*(ResidualBlock(width, out_channels) for width in before))}
    )


def _middle(channels: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "block_1": ResidualBlock(channels, channels),
            "attn_1": Attention(channels),
            "block_2": ResidualBlock(channels, channels),
        }
    )


def _run(modules: nn.ModuleDict, x: Tensor) -> Tensor:
    """The modules one after the other, in the order they were added."""
    for module in modules.values():
        x = module(x)
    return x
