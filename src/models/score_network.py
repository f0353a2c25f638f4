"""The two-view score network: one U-Net over both views, which meet in cross-attention.

Yu et al. 2023, section 3.2; the U-Net is NCSN++, Song et al. 2021. It maps inputs, log sigma and
rays to raw outputs. What these mean is `denoiser.py`'s part.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model_config import DenoiserConfig, DiffusionConfig
from .blocks import (
    NEAR_ZERO,
    Attention,
    CrossAttention,
    FIRResample,
    RayTerms,
    ResidualBlock,
    convolution,
    group_norm,
    linear,
)

SIGMAS = 2000  # entries of the table of noise levels that checkpoints carry


class FourierFeatures(nn.Module):
    """sin and cos of 2 pi W log sigma: (n,) -> (n, 2 * channels).

    W is random and frozen, Tancik et al. 2020.
    """

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(channels) * scale, requires_grad=False)

    def forward(self, log_sigma: Tensor) -> Tensor:
        angles = log_sigma[:, None] * self.W * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Combiner(nn.Module):
    """Adds the downsampled input, mapped to the level's channels, to its features."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.Conv_0 = convolution(in_channels, out_channels, size=1)

    def forward(self, inputs: Tensor, x: Tensor) -> Tensor:
        return self.Conv_0(inputs) + x


class Level(nn.Module):
    """What an encoder and a decoder level share: residual blocks, and attention at some levels.

    Attention is one within each view and one across the views.
    """

    def __init__(self, config: DenoiserConfig, level: int, block_channels: list[int]) -> None:
        """block_channels: input channels of each residual block."""
        super().__init__()
        channels = config.widths[level]
        self.resblocks = nn.ModuleList(
            ResidualBlock(before, channels, 4 * config.channels) for before in block_channels
        )
        self.attends = config.grid_size >> level in config.attention_resolutions
        if self.attends:
            heads = config.attention_heads, config.head_channels
            self.attn = Attention(channels, *heads)
            self.cross_attn = CrossAttention(
                channels, *heads, extra_channels=config.ray_channels[level]
            )

    def within(self, x: Tensor) -> Tensor:
        """Attention within each view, where this level has it."""
        return self.attn(x) if self.attends else x

    def across(self, x: Tensor, terms: RayTerms | None) -> Tensor:
        """Attention across the views, where this level has it."""
        return self.cross_attn(x, terms, len(x)) if self.attends else x


class Given(NamedTuple):
    """What the network makes of a conditioning view and its cameras, whatever the noise is.

    Sampling makes it once a frame. Every tensor has the n pairs in front.
    """

    inputs: Tensor  # (n, c, G, G), the view's own input
    embedding: Tensor  # of its noise level, (n, 4 * channels)
    skip: Tensor  # its first result
    features: Tensor  # what goes into the first cross-attention
    encoder_terms: list[RayTerms | None]  # of each level; None where it does not attend
    decoder_terms: list[RayTerms | None]


class ScoreNetwork(nn.Module):
    """Raw outputs of targets, or of both views, given what `prepare` makes of the other view.

    Inside, a batch has 2n images, all targets and then all conditioning views.
    """

    def __init__(self, config: DenoiserConfig, diffusion: DiffusionConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        width, embedding = config.widths[-1], 4 * config.channels
        # Not used by the network: published checkpoints carry the table, ascending.
        log_range = math.log(diffusion.sigma_min), math.log(diffusion.sigma_max)
        self.register_buffer(
            "sigmas", torch.linspace(*log_range, SIGMAS, dtype=torch.float64).exp().float()
        )
        self.temb_modules = nn.ModuleList(
            [
                FourierFeatures(config.channels, config.fourier_scale),
                linear(2 * config.channels, embedding),
                linear(embedding, embedding),
            ]
        )
        self.input_conv = convolution(config.grid_channels, config.channels)
        self.encoder_modules, skips = make_encoder(config)
        self.central_block = nn.ModuleList(
            [
                ResidualBlock(width, width, embedding),
                Attention(width, config.attention_heads, config.head_channels),
                ResidualBlock(width, width, embedding),
            ]
        )
        self.decoder_modules = make_decoder(config, skips)
        # Levels below the last one that attends need no rays, and a layer without use would stop
        # distributed training.
        meetings = [level for level, one in enumerate(self.encoder_modules) if one.attends]
        self.ray_levels, self.last_meeting = meetings[-1] + 1, meetings[0]
        rays = [config.ray_channels[0], *config.ray_channels]
        for level in range(self.ray_levels):
            layer = convolution(rays[level], rays[level + 1], stride=2 if level else 1)
            self.add_module(f"conditioning_conv_{level}", layer)
        self.down, self.up = FIRResample("down"), FIRResample("up")

    def forward(
        self, inputs: Tensor, log_sigma: Tensor, given: Given, both: bool = False
    ) -> Tensor:
        """inputs: (n, c, L, L), of the targets. log_sigma: (n,). given: of `prepare`.

        Returns the targets' outputs (n, c, L, L). both: (2n, c, L, L), then the conditioning
        views'; `prepare` must have been told so.
        """
        inputs, embedding = self._grid(inputs), self.embed_noise(log_sigma)
        of_target = inputs, embedding, *self._start(inputs, embedding)
        # All targets, then all conditioning views.
        inputs, embedding, *start = map(torch.cat, zip(of_target, given[:4], strict=True))
        del of_target  # the memory of what is there twice now
        skips = self.encode(inputs, embedding, start, given.encoder_terms)
        x = self.central_block[0](skips[-1], embedding)
        x = self.central_block[2](self.central_block[1](x), embedding)
        wanted = len(inputs) if both else len(inputs) // 2
        x = self.decode(x, skips, embedding, given.decoder_terms, wanted)
        return F.pixel_shuffle(x, self.patch_size)

    def prepare(
        self,
        inputs: Tensor,
        log_sigma: Tensor,
        rays: tuple[Tensor, Tensor, Tensor],
        both: bool = False,
    ) -> Given:
        """inputs: (n, c, L, L), of the conditioning views. log_sigma: (n,), their noise level.

        rays: embeddings (ref, target, cond), each (n or 1, ray_channels[0], G, G). G is
        `grid_size`, L where the patch size is 1. both: as in `forward`.
        """
        inputs, embedding = self._grid(inputs), self.embed_noise(log_sigma)
        pyramid = self.ray_pyramid([part.expand(len(inputs), -1, -1, -1) for part in rays])
        encoder_terms = [
            level.cross_attn.ray_terms(pyramid[number], both=True) if level.attends else None
            for number, level in enumerate(self.encoder_modules)
        ]
        decoder_terms = [
            level.cross_attn.ray_terms(pyramid[number], both or number != self.last_meeting)
            if level.attends
            else None
            for number, level in enumerate(self.decoder_modules)
        ]
        start = self._start(inputs, embedding)
        return Given(inputs, embedding, *start, encoder_terms, decoder_terms)

    def _grid(self, inputs: Tensor) -> Tensor:
        """Inputs as the network's grid, (n, c, G, G)."""
        grid = F.pixel_unshuffle(inputs, self.patch_size)
        # Pixel after pixel, what attention wants as tokens and convolutions on a CPU like best.
        # A GPU's group normalization would turn it round each time.
        return grid.contiguous(memory_format=torch.channels_last) if grid.is_cpu else grid

    def _start(self, inputs: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The first result, and features for the first cross-attention: of each view alone."""
        skip, first = self.input_conv(inputs), self.encoder_modules[0]
        return skip, first.within(first.resblocks[0](skip, embedding))

    def embed_noise(self, log_sigma: Tensor) -> Tensor:
        """The activated noise embedding: (n,) -> (n, 4 * channels)."""
        fourier, first, second = self.temb_modules
        return F.silu(second(F.silu(first(fourier(log_sigma)))))

    def ray_pyramid(self, rays: Sequence[Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Ray embeddings at every level that attends: a list of (ref, target, cond)."""
        x, pyramid = torch.cat(rays), []
        for level in range(self.ray_levels):
            x = getattr(self, f"conditioning_conv_{level}")(F.silu(x))
            pyramid.append(x.chunk(3))
        return pyramid

    def encode(
        self,
        inputs: Tensor,
        embedding: Tensor,
        start: list[Tensor],
        terms: list[RayTerms | None],
    ) -> list[Tensor]:
        """Every intermediate result on the way down; the last one is the bottom's.

        start: of `_start`, for both views. Its features are taken out, to free their memory.
        """
        skips = [start[0], self.encoder_modules[0].across(start.pop(), terms[0])]
        for level, encoder in enumerate(self.encoder_modules):
            for block in encoder.resblocks[0 if level else 1 :]:
                alone = encoder.within(block(skips[-1], embedding))
                skips.append(encoder.across(alone, terms[level]))
            if level < len(self.encoder_modules) - 1:
                inputs = self.down(inputs)
                skips.append(encoder.combiner(inputs, encoder.downres(skips[-1], embedding)))
        return skips

    def decode(
        self,
        x: Tensor,
        skips: list[Tensor],
        embedding: Tensor,
        terms: list[RayTerms | None],
        wanted: int,
    ) -> Tensor:
        """The first `wanted` outputs, of all levels, each upsampled to the next and added.

        Empties `skips`. After the last cross-attention the views go on without each other, and only
        those that are wanted do.
        """
        outputs = None
        for level in range(len(self.decoder_modules) - 1, -1, -1):
            decoder = self.decoder_modules[level]
            for block in decoder.resblocks:
                x = block(torch.cat([x, skips.pop()[: len(x)]], dim=1), embedding[: len(x)])
            x = decoder.within(x)
            if level == self.last_meeting:
                x = decoder.cross_attn(x, terms[level], wanted)
            else:
                x = decoder.across(x, terms[level])
            output = decoder.conv3x3(F.silu(decoder.group_norm(x[:wanted])))
            outputs = output if outputs is None else self.up(outputs) + output
            if level > 0:
                x = decoder.final_res(x, embedding[: len(x)])
        return outputs


def make_encoder(config: DenoiserConfig) -> tuple[nn.ModuleList, list[int]]:
    """The levels on the way down, and the channels of every result that the decoder gets."""
    widths, skips, levels = config.widths, [config.channels], nn.ModuleList()
    for level, width in enumerate(widths):
        encoder = Level(config, level, [skips[-1]] + [width] * (config.residual_blocks - 1))
        skips += [width] * config.residual_blocks
        if level < len(widths) - 1:
            encoder.downres = ResidualBlock(width, width, 4 * config.channels, "down")
            encoder.combiner = Combiner(config.grid_channels, width)
            skips.append(width)
        levels.append(encoder)
    return levels, skips


def make_decoder(config: DenoiserConfig, skips: list[int]) -> nn.ModuleList:
    """The levels on the way up, the finest first.

    Takes the encoder's channels from the end of `skips`.
    """
    widths, levels = config.widths, []
    before = widths[-1]
    for level in range(len(widths) - 1, -1, -1):
        width = widths[level]
        block_channels = [
            skips.pop() + (width if block else before)
            for block in range(config.residual_blocks + 1)
        ]
        decoder = Level(config, level, block_channels)
        decoder.group_norm = group_norm(width)
        decoder.conv3x3 = convolution(width, config.grid_channels, scale=NEAR_ZERO)
        if level > 0:
            decoder.final_res = ResidualBlock(width, width, 4 * config.channels, "up")
        levels.insert(0, decoder)
        before = width
    return nn.ModuleList(levels)
