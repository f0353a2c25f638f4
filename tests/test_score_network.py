import math

import numpy as np
import pytest
import torch
from seeded import published, reference

from photonvs.config import DenoiserConfig, DiffusionConfig, ModelConfig
from photonvs.models.denoiser import build_denoiser
from photonvs.models.score_network import FourierFeatures, ScoreNetwork


def small(**changes) -> ScoreNetwork:
    settings = {
        "latent_size": 16,
        "latent_channels": 3,
        "channels": 8,
        "channel_multipliers": [1, 2, 2],
        "attention_resolutions": [8],
        "attention_heads": 1,
        "ray_channels": [4, 8, 12],
        "residual_blocks": 1,
    }
    return ScoreNetwork(DenoiserConfig(**settings | changes), DiffusionConfig())


def both_views(network: ScoreNetwork, inputs, log_sigma, rays) -> torch.Tensor:
    """The outputs (2n, ...) for inputs of all targets and then all conditioning views."""
    (targets, conds), (levels, conds_levels) = inputs.chunk(2), log_sigma.chunk(2)
    given = network.prepare(conds, conds_levels, rays, both=True)
    return network(targets, levels, given, both=True)


def run(network: ScoreNetwork, n: int = 2, rays: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    config = network.input_conv.in_channels, 16, 16
    embeddings = tuple(
        torch.randn(count, 4, 16, 16, generator=generator) for count in (1, rays, rays)
    )
    inputs = torch.randn(2 * n, *config, generator=generator)
    return both_views(network, inputs, torch.zeros(2 * n), embeddings)


def test_patches_are_channels_of_a_coarser_network():
    coarse, patched = small(latent_channels=12), small(latent_size=32, patch_size=2)
    patched.load_state_dict(coarse.state_dict())
    torch.nn.init.normal_(coarse.decoder_modules[0].conv3x3.weight)
    patched.decoder_modules[0].conv3x3.weight.data.copy_(coarse.decoder_modules[0].conv3x3.weight)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 3, 32, 32, generator=generator)
    rays = tuple(torch.randn(count, 4, 16, 16, generator=generator) for count in (1, 2, 2))
    blocks = torch.nn.functional.pixel_unshuffle(inputs, 2)
    expected = both_views(coarse, blocks, torch.zeros(4), rays)
    found = both_views(patched, inputs, torch.zeros(4), rays)
    torch.testing.assert_close(found, torch.nn.functional.pixel_shuffle(expected, 2))


@pytest.fixture(scope="module")
def published_network():
    return build_denoiser(ModelConfig())


def test_the_default_network_has_the_published_weights(published_network):
    rows = published("score_sde_model")
    found = [(name, list(tensor.shape)) for name, tensor in published_network.state_dict().items()]
    assert found == [(name, shape) for name, shape, _ in rows]
    trained = [
        name for name, parameter in published_network.named_parameters() if parameter.requires_grad
    ]
    assert trained == [name for name, _, kind in rows if kind == "parameter"]
    assert sum(
        parameter.numel() for parameter in published_network.score_model.parameters()
    ) == pytest.approx(69.4e6, rel=2e-3)


def test_the_table_of_noise_levels_is_ascending_and_geometric(published_network):
    sigmas = published_network.score_model.sigmas
    assert len(sigmas) == 2000
    torch.testing.assert_close(sigmas[[0, -1]], torch.tensor([0.01, 378.0]))
    ratios = sigmas[1:] / sigmas[:-1]
    torch.testing.assert_close(
        ratios, torch.full_like(ratios, (378 / 0.01) ** (1 / 1999)), rtol=1e-6, atol=0
    )
    # The reference has a table of 20 between the same ends.
    twenty = torch.from_numpy(np.geomspace(0.01, 378, 20).astype(np.float32))
    torch.testing.assert_close(
        torch.from_numpy(reference()["sigmas_20"]), twenty, rtol=1e-5, atol=0
    )


def test_initialization_follows_the_stated_scales(published_network):
    block = published_network.score_model.encoder_modules[0].resblocks[1]
    assert block.Conv_0.weight.var().item() == pytest.approx(1 / (256 * 9), rel=0.02)
    assert block.Conv_1.weight.abs().max() < 1e-6
    attention = published_network.score_model.encoder_modules[0].cross_attn
    assert attention.NIN_1.W.var().item() == pytest.approx(0.1 / ((384 + 1024) / 2), rel=0.02)
    assert attention.NIN_3.W.abs().max() < 1e-6
    frequencies = published_network.score_model.temb_modules[0].W
    assert not frequencies.requires_grad
    assert frequencies.std().item() == pytest.approx(16, rel=0.25)


def test_fourier_features():
    features = FourierFeatures(4, scale=2.0)
    log_sigma = torch.tensor([0.0, -1.5])
    angles = 2 * math.pi * torch.outer(log_sigma.double(), features.W.double())
    expected = torch.cat([angles.sin(), angles.cos()], dim=1)
    torch.testing.assert_close(features(log_sigma).double(), expected, rtol=0, atol=1e-5)


def test_only_named_resolutions_attend():
    network = small()
    assert [level.attends for level in network.encoder_modules] == [False, True, False]
    assert not any(
        ".attn." in name and "modules.0" in name for name, _ in network.named_parameters()
    )
    assert network.ray_levels == 2
    assert network.encoder_modules[1].cross_attn.NIN_0.W.shape == (16 + 8, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attention_resolutions": [16, 8, 4], "attention_heads": 2, "head_channels": 4},
        {"channel_multipliers": [1], "ray_channels": [4], "attention_resolutions": [16]},
        {"residual_blocks": 3},
    ],
)
def test_every_weight_matters(changes):
    # Also what DistributedDataParallel needs: a weight without a gradient would stop it.
    network = small(**changes)
    for parameter in network.parameters():
        if parameter.requires_grad and parameter.abs().max() < 1e-4:
            torch.nn.init.normal_(parameter, std=0.1)
    output = run(network)
    assert output.shape == (4, 3, 16, 16)
    output[:2].square().sum().backward()
    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and not parameter.grad.any()
    ]
    # The bias of keys moves no softmax: its gradient is zero but for rounding.
    assert [name for name in idle if not name.endswith("NIN_1.b")] == []


def test_one_ray_embedding_serves_a_whole_batch():
    network = small()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, log_sigma = torch.randn(4, 3, 16, 16), torch.zeros(4)
    one = tuple(torch.randn(1, 4, 16, 16) for _ in range(3))
    repeated = tuple(part.expand(2, -1, -1, -1) for part in one)
    found, expected = (both_views(network, x, log_sigma, rays) for rays in (one, repeated))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
