"""Building blocks of the score network: FIR resampling, residual block, attention.

Attention is within a view or across two views. Parameter names (`GroupNorm_0`, `Conv_0`, `NIN_0.W`,
...) are those of the published checkpoints. Residual sums are divided by sqrt(2), so that a sum of
two unit-variance branches keeps unit variance (Song et al. 2021, appendix H, NCSN++).
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Initialization scale of layers that end a branch: it starts as nothing, with live gradients.
NEAR_ZERO = 1e-10
# Self-attention's queries, keys and values of more images would take more memory than all else on a
# CPU. A GPU has more, and would wait for the calls.
IMAGES_AT_ONCE = 4


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

    def forward(self, x: Tensor, term: Tensor | None = None) -> Tensor:
        """x: (..., in). term: (..., out), added in the bias's place.

        An x of fewer channels meets only as many rows of W. What the others meet is `term`.
        """
        rows = x.flatten(0, -2)
        # One call that adds as it multiplies: adding afterwards takes a third of the time again.
        added = self.b if term is None else term.flatten(0, -2)
        return torch.addmm(added, rows, self.W[: x.shape[-1]]).unflatten(0, x.shape[:-1])

    def term(self, x: Tensor) -> Tensor:
        """What the last channels of an input add to the output, bias included."""
        rows = x.flatten(0, -2)
        return torch.addmm(self.b, rows, self.W[-x.shape[-1] :]).unflatten(0, x.shape[:-1])


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
        found = [
            self.find(self.NIN_0(part), self.NIN_1(part), self.NIN_2(part))
            for part in tokens.split(IMAGES_AT_ONCE if x.is_cpu else len(tokens))
        ]
        return self.add(x, found)

    def find(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """What the queries find among the values, mapped to the block's channels.

        Queries, keys and values are (n, tokens, heads * head channels). Returns (n, tokens,
        channels).
        """
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (queries, keys, values)
        )
        # (n, heads, tokens, head channels)
        found = F.scaled_dot_product_attention(queries, keys, values)
        return self.NIN_3(found.transpose(1, 2).flatten(2))

    def add(self, x: Tensor, found: list[Tensor]) -> Tensor:
        """`x` (n, channels, h, w) plus what its images found, part by part."""
        return (x + torch.cat(found).transpose(1, 2).reshape(x.shape)) * math.sqrt(0.5)


class RayTerms(NamedTuple):
    """What rays add to a cross-attention's projections: they depend on the cameras only.

    Each is (n, tokens, heads * head channels).
    """

    queries: Tensor  # with the `ref` rays, for both views alike
    conds: tuple[Tensor, Tensor]  # keys and values of the conditioning view
    targets: tuple[Tensor, Tensor] | None  # of the target; None where only targets ask


class CrossAttention(Attention):
    """Attention from each of two views to the other; every pixel's features carry a ray embedding.

    Queries are a view's features with the `ref` rays (its own frame). Keys and values are the
    *other* view's features with that other view's rays, seen from this one.
    """

    def ray_terms(self, rays: tuple[Tensor, Tensor, Tensor], both: bool) -> RayTerms:
        """rays: (ref, target, cond), each (n, extra_channels, h, w).

        both: whether both views ask, or targets only.
        """
        ref, target, cond = (to_tokens(part) for part in rays)
        conds, targets = (
            (self.NIN_1.term(part), self.NIN_2.term(part)) if part is not None else None
            for part in (cond, target if both else None)
        )
        return RayTerms(self.NIN_0.term(ref), conds, targets)

    def forward(self, x: Tensor, terms: RayTerms, wanted: int) -> Tensor:
        """x: (2n, channels, h, w), all targets and then all conditioning views.

        wanted: how many of the results are returned: n, the targets', or 2n.
        """
        target, cond = to_tokens(self.GroupNorm_0(x)).chunk(2)
        meetings = [(target, cond, terms.conds), (cond, target, terms.targets)]
        found = [
            self.find(
                self.NIN_0(own, terms.queries), self.NIN_1(other, keys), self.NIN_2(other, values)
            )
            for own, other, (keys, values) in meetings[: 2 * wanted // len(x)]
        ]
        return self.add(x[:wanted], found)


def to_tokens(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h * w, c)."""
    return x.flatten(2).transpose(1, 2)
