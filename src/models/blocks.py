"""Building blocks of the score network: FIR resampling, residual block, attention.

Attention is within a view or across two views. Parameter names (`GroupNorm_0`, `Conv_0`, `NIN_0.W`,
...) are those of the published checkpoints. Residual sums are divided by sqrt(2), so that a sum of
two unit-variance branches keeps unit variance (Song et al. 2021, appendix H, NCSN++).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Initialization scale of layers that end a branch: it starts as nothing, with live gradients.
NEAR_ZERO = 1e-10


def variance_scaling_(weight: Tensor, scale: float, fan_in: int, fan_out: int) -> Tensor:
    """Fill `weight` uniformly with variance scale / mean(fan_in, fan_out).

    That is Glorot and Bengio 2010 for scale 1.
    """
    limit = math.sqrt(3 * scale / ((fan_in + fan_out) / 2))
    return nn.init.uniform_(weight, -limit, limit)


def convolution(
    in_channels: int, out_channels: int, size: int = 3, stride: int = 1, scale: float = 1.0
) -> nn.Conv2d:
    """A convolution in the network's initialization; but for the stride it keeps the size."""
    layer = nn.Conv2d(in_channels, out_channels, size, stride, padding=size // 2)
    variance_scaling_(layer.weight, scale, in_channels * size**2, out_channels * size**2)
    nn.init.zeros_(layer.bias)
    return layer


def linear(in_features: int, out_features: int) -> nn.Linear:
    """A fully connected layer, in the network's initialization."""
    layer = nn.Linear(in_features, out_features)
    variance_scaling_(layer.weight, 1.0, in_features, out_features)
    nn.init.zeros_(layer.bias)
    return layer


def group_count(channels: int) -> int:
    """Groups of a group normalization over `channels`; ValueError where they don't divide."""
    groups = max(min(channels // 4, 32), 1)
    if channels % groups:
        raise ValueError(
            f"{channels} channels cannot be normalized in {groups} groups: take a multiple of 4 up "
            "to 128, then of 32 (denoiser.channels times each of denoiser.channel_multipliers, "
            "sums of two neighbouring levels, ray_channels)"
        )
    return groups


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalization as the network uses it everywhere."""
    return nn.GroupNorm(group_count(channels), channels, eps=1e-6)


class FIRResample(nn.Module):
    """Halve or double an image with the separable filter (1, 3, 3, 1), zeros outside.

    (n, c, h, w) -> (n, c, h/2, w/2) or (n, c, 2h, 2w). Down: the kernel sums to 1, padding 1, every
    second sample. Up: zeros inserted between samples, the kernel sums to 4; that is the transposed
    convolution. Karras et al. 2020 (StyleGAN2), appendix B.
    """

    def __init__(self, direction: str) -> None:
        super().__init__()
        if direction not in ("down", "up"):
            raise ValueError(f"resampling direction {direction!r}: expected down or up")
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.up = direction == "up"
        kernel = line.outer(line)[None, None] * (4 if self.up else 1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.expand(channels, 1, 4, 4)
        if self.up:
            return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)
        return F.conv2d(x, kernel, stride=2, padding=1, groups=channels)


class ResidualBlock(nn.Module):
    """Two convolutions with normalization, the noise embedding added between them, and a skip.

    (n, in_channels, h, w) -> (n, out_channels, h', w'); h' = h, h/2 ("down") or 2h ("up").
    embedding_channels: of the noise embedding, which comes *activated* (SiLU), as blocks share it.
    None: no embedding.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embedding_channels: int | None = None,
        resample: str | None = None,
    ) -> None:
        super().__init__()
        self.GroupNorm_0 = group_norm(in_channels)
        self.Conv_0 = convolution(in_channels, out_channels)
        self.Dense_0 = linear(embedding_channels, out_channels) if embedding_channels else None
        self.GroupNorm_1 = group_norm(out_channels)
        self.Conv_1 = convolution(out_channels, out_channels, scale=NEAR_ZERO)
        self.Conv_2 = (
            convolution(in_channels, out_channels, size=1)
            if resample or in_channels != out_channels
            else None
        )
        self.resample = FIRResample(resample) if resample else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        hidden = F.silu(self.GroupNorm_0(x))
        if self.resample is not None:
            hidden, x = self.resample(hidden), self.resample(x)
        hidden = self.Conv_0(hidden)
        if self.Dense_0 is not None:
            hidden = hidden + self.Dense_0(embedding)[:, :, None, None]
        hidden = self.Conv_1(F.silu(self.GroupNorm_1(hidden)))
        skip = x if self.Conv_2 is None else self.Conv_2(x)
        return (skip + hidden) * math.sqrt(0.5)


class NIN(nn.Module):
    """A linear map of channels, the same at every token: (..., in) -> (..., out).

    NIN is "network in network".
    """

    def __init__(self, in_channels: int, out_channels: int, scale: float) -> None:
        super().__init__()
        weight = torch.empty(in_channels, out_channels)
        self.W = nn.Parameter(variance_scaling_(weight, scale, in_channels, out_channels))
        self.b = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.W + self.b


class Attention(nn.Module):
    """Self-attention over the pixels of each image: (n, channels, h, w) -> the same.

    head_channels None: every head has `channels` channels, as published.
    """

    def __init__(
        self, channels: int, heads: int, head_channels: int | None = None, extra_channels: int = 0
    ) -> None:
        super().__init__()
        inside = heads * (head_channels or channels)
        self.heads = heads
        self.GroupNorm_0 = group_norm(channels)
        self.NIN_0 = NIN(channels + extra_channels, inside, scale=0.1)  # queries
        self.NIN_1 = NIN(channels + extra_channels, inside, scale=0.1)  # keys
        self.NIN_2 = NIN(channels + extra_channels, inside, scale=0.1)  # values
        self.NIN_3 = NIN(inside, channels, scale=NEAR_ZERO)

    def forward(self, x: Tensor) -> Tensor:
        tokens = to_tokens(self.GroupNorm_0(x))
        return self.attend(x, self.NIN_0(tokens), self.NIN_1(tokens), self.NIN_2(tokens))

    def attend(self, x: Tensor, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """`x` plus what its queries find.

        Queries, keys and values are (n, tokens, heads * head channels).
        """
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (queries, keys, values)
        )
        # (n, heads, tokens, head channels)
        found = F.scaled_dot_product_attention(queries, keys, values)
        found = self.NIN_3(found.transpose(1, 2).flatten(2))
        return (x + found.transpose(1, 2).reshape(x.shape)) * math.sqrt(0.5)


class CrossAttention(Attention):
    """Attention from each of two views to the other; every pixel's features carry a ray embedding.

    Queries are a view's features with the `ref` rays (its own frame). Keys and values are the
    *other* view's features with that other view's rays, seen from this one.
    """

    def forward(self, x: Tensor, rays: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """x: (2n, channels, h, w), all targets and then all conditioning views.

        rays: (ref, target, cond), each (n or 1, extra_channels, h, w).
        """
        ref, target, cond = (to_tokens(part) for part in rays)
        of_target, of_cond = to_tokens(self.GroupNorm_0(x)).chunk(2)
        features = torch.stack([of_target, of_cond])  # (2, n, tokens, channels)
        others, others_rays = torch.stack([of_cond, of_target]), torch.stack([cond, target])
        queries = self._project(self.NIN_0, features, ref)
        keys = self._project(self.NIN_1, others, others_rays)
        values = self._project(self.NIN_2, others, others_rays)
        return self.attend(x, queries.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1))

    @staticmethod
    def _project(nin: NIN, features: Tensor, rays: Tensor) -> Tensor:
        """`nin` of features and rays side by side, without building them.

        Rays may be one for the whole batch.
        """
        of_features, of_rays = nin.W.split([features.shape[-1], rays.shape[-1]])
        return features @ of_features + (rays @ of_rays + nin.b)


def to_tokens(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h * w, c)."""
    return x.flatten(2).transpose(1, 2)
