import math

import pytest
import torch
import torch.nn.functional as F

from photonvs.models.blocks import (
    Attention,
    CrossAttention,
    FIRResample,
    ResidualBlock,
    convolution,
    group_count,
    to_tokens,
    variance_scaling_,
)


def randomized(module: torch.nn.Module) -> torch.nn.Module:
    """The module in float64 with random weights: fresh ones end their branch in almost nothing."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return module.double()


def filtered(x: torch.Tensor, gain: float) -> torch.Tensor:
    """(1, 3, 3, 1) / 8 * gain over a padded (h, w) image, sample by sample."""
    taps = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 8 * gain
    rows = sum(tap * x[k : x.shape[0] - 3 + k] for k, tap in enumerate(taps))
    return sum(tap * rows[:, k : x.shape[1] - 3 + k] for k, tap in enumerate(taps))


def test_downsampling_filters_and_keeps_every_second_sample():
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    result = FIRResample("down").double()(x)
    expected = filtered(F.pad(x[1, 2], (1, 1, 1, 1)), gain=1)[::2, ::2]
    torch.testing.assert_close(result[1, 2], expected, rtol=0, atol=1e-12)


def test_upsampling_inserts_zeros_and_filters():
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    result = FIRResample("up").double()(x)
    zeros_between = torch.zeros(8, 12, dtype=torch.float64)
    zeros_between[::2, ::2] = x[1, 2]
    expected = filtered(F.pad(zeros_between, (2, 1, 2, 1)), gain=2)
    torch.testing.assert_close(result[1, 2], expected, rtol=0, atol=1e-12)


def test_resampling_keeps_a_constant_away_from_the_border():
    constant = torch.full((1, 1, 8, 8), 5.0)
    for direction in ("down", "up"):
        torch.testing.assert_close(
            FIRResample(direction)(constant)[0, 0, 1:-1, 1:-1].unique(), torch.tensor([5.0])
        )
    with pytest.raises(ValueError, match="'sideways': expected down or up"):
        FIRResample("sideways")


def test_variance_scaling_draws_the_stated_variance():
    weight = variance_scaling_(torch.empty(300, 300), 0.1, fan_in=100, fan_out=300)
    assert weight.var().item() == pytest.approx(0.1 / 200, rel=0.03)
    assert weight.abs().max().item() == pytest.approx(math.sqrt(3 * 0.1 / 200), rel=0.01)
    assert convolution(16, 32, scale=1.0).weight.var().item() == pytest.approx(
        1 / (24 * 9), rel=0.1
    )


@pytest.mark.parametrize(
    ("channels", "groups"), [(56, 14), (128, 32), (384, 32), (512, 32), (32, 8), (12, 3), (2, 1)]
)
def test_group_count(channels, groups):
    assert group_count(channels) == groups


def test_channels_that_cannot_be_grouped_are_refused():
    with pytest.raises(ValueError, match="144 channels cannot be normalized in 32 groups"):
        group_count(144)


@pytest.mark.parametrize(("resample", "size"), [(None, 8), ("down", 4), ("up", 16)])
def test_a_fresh_residual_block_is_its_skip(resample, size):
    block = ResidualBlock(8, 12, embedding_channels=16, resample=resample)
    x = torch.randn(2, 8, 8, 8)
    result = block(x, torch.randn(2, 16))
    skip = block.Conv_2(x if resample is None else FIRResample(resample)(x)) / math.sqrt(2)
    assert result.shape == (2, 12, size, size)
    torch.testing.assert_close(result, skip, rtol=0, atol=1e-3)


def test_the_embedding_enters_between_the_convolutions():
    block = randomized(ResidualBlock(8, 8, embedding_channels=4))
    x, embedding = (
        torch.randn(2, 8, 6, 6, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    hidden = block.Conv_0(
        F.silu(F.group_norm(x, 2, block.GroupNorm_0.weight, block.GroupNorm_0.bias, 1e-6))
    )
    hidden = hidden + (embedding @ block.Dense_0.weight.T + block.Dense_0.bias)[:, :, None, None]
    hidden = block.Conv_1(
        F.silu(F.group_norm(hidden, 2, block.GroupNorm_1.weight, block.GroupNorm_1.bias, 1e-6))
    )
    torch.testing.assert_close(block(x, embedding), (x + hidden) / math.sqrt(2), rtol=0, atol=1e-12)


def attention_written_out(block: Attention, x, query_tokens, key_tokens) -> torch.Tensor:
    """One image (c, h, w); a loop over heads and queries."""
    queries, keys = (
        query_tokens @ block.NIN_0.W + block.NIN_0.b,
        key_tokens @ block.NIN_1.W + block.NIN_1.b,
    )
    values = key_tokens @ block.NIN_2.W + block.NIN_2.b
    size = queries.shape[1] // block.heads
    heads = []
    for head in range(block.heads):
        part = slice(head * size, (head + 1) * size)
        rows = [
            torch.softmax(keys[:, part] @ query / math.sqrt(size), dim=0) @ values[:, part]
            for query in queries[:, part]
        ]
        heads.append(torch.stack(rows))
    found = torch.cat(heads, dim=1) @ block.NIN_3.W + block.NIN_3.b
    return (x + found.T.reshape(x.shape)) / math.sqrt(2)


@pytest.mark.parametrize("head_channels", [None, 3])
def test_attention_written_out(head_channels):
    block = randomized(Attention(8, heads=2, head_channels=head_channels))
    assert block.NIN_0.W.shape == (8, 2 * (head_channels or 8))
    x = torch.randn(2, 8, 3, 5, dtype=torch.float64)
    tokens = to_tokens(block.GroupNorm_0(x))
    expected = torch.stack(
        [attention_written_out(block, *image) for image in zip(x, tokens, tokens, strict=True)]
    )
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-12)


def test_cross_attention_written_out():
    n, block = 2, randomized(CrossAttention(8, heads=2, extra_channels=4))
    x = torch.randn(2 * n, 8, 3, 5, dtype=torch.float64)
    ref, target, cond = (torch.randn(count, 4, 3, 5, dtype=torch.float64) for count in (1, n, n))
    normalized = block.GroupNorm_0(x)
    expected = []
    for view in range(2):
        for i in range(n):
            other, rays = (normalized[n + i], cond[i]) if view == 0 else (normalized[i], target[i])
            queries = torch.cat([normalized[view * n + i], ref[0]]).flatten(1).T
            keys = torch.cat([other, rays]).flatten(1).T
            expected.append(attention_written_out(block, x[view * n + i], queries, keys))
    rays = ref.expand(n, -1, -1, -1), target, cond
    terms = block.ray_terms(rays, both=True)
    torch.testing.assert_close(block(x, terms, 2 * n), torch.stack(expected), rtol=0, atol=1e-12)
    of_targets = block(x, block.ray_terms(rays, both=False), n)
    torch.testing.assert_close(of_targets, torch.stack(expected[:n]), rtol=0, atol=1e-12)
