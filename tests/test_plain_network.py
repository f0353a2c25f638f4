"""The network against the same equations written down without regard to speed."""

import sys

import pytest
import torch
from repository import ROOT
from seeded import reference, seeded_denoiser_state, seeded_tensor

from photonvs.cameras.rays import pair_ray_features
from photonvs.config import DenoiserConfig, FirstStageConfig, ModelConfig
from photonvs.models import build_denoiser

sys.path.append(str(ROOT / "benchmarks"))
from plain_network import PlainNetwork


def small_denoiser(latent_size: int):
    """The published layout with few channels, and weights that all have a say."""
    denoiser = build_denoiser(
        ModelConfig(
            first_stage=FirstStageConfig(kind="pixels", image_size=2 * latent_size, pixel_block=2),
            denoiser=DenoiserConfig(
                latent_size=latent_size,
                latent_channels=12,
                channels=8,
                attention_resolutions=[latent_size >> level for level in range(4)],
                ray_channels=[8, 8, 16, 16],
            ),
        )
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    return denoiser.eval()


@pytest.mark.parametrize(("pairs", "latent_size"), [(1, 8), (3, 16), (9, 8)])
def test_scores_are_those_of_the_network_written_down(pairs, latent_size):
    denoiser, generator = small_denoiser(latent_size), torch.Generator().manual_seed(1)
    shape = pairs, 12, latent_size, latent_size
    x, cond = torch.randn(2, *shape, generator=generator)
    rays = torch.randn(3, pairs, 8, latent_size, latent_size, generator=generator).unbind()
    sigma = torch.rand(pairs, generator=generator) + 0.5
    sigma_cond = torch.full((pairs,), 0.01)
    plain = PlainNetwork(denoiser.state_dict())
    with torch.no_grad():
        expected = plain.scores(x, cond, sigma, sigma_cond, rays)
        found = denoiser.scores(x, cond, sigma, sigma_cond, rays)
        of_target = denoiser.score_given(x, sigma, denoiser.prepare(cond, rays))
    for score, wanted in zip((*found, of_target), (*expected, expected[0]), strict=True):
        assert (score - wanted).norm() < 1e-4 * wanted.norm()


def test_the_network_written_down_is_the_published_one():
    tensors = {name: one.float() for name, one in seeded_denoiser_state().items()}
    plain, known = PlainNetwork(tensors), reference()
    target, *conds = (
        torch.from_numpy(known[name]).float()
        for name in ("pose_target", "pose_cond0", "pose_cond1")
    )
    features = pair_ray_features(
        torch.stack([target, target]), torch.stack(conds), float(known["focal_y"]), 128
    )
    sigma = torch.tensor([3.0, 0.5])
    x = seeded_tensor("xa", (2, 4, 32, 32)) * sigma[:, None, None, None]
    with torch.no_grad():
        rays = tuple(embed(plain, part) for part in features)
        found = plain.scores(
            x, seeded_tensor("xb", (2, 4, 32, 32)), sigma, torch.full((2,), 0.01), rays
        )
    for score, name in zip(found, ("score_target", "score_cond"), strict=True):
        expected = torch.from_numpy(known[name])
        assert (score - expected).norm() < 1e-4 * expected.norm()


def embed(plain: PlainNetwork, features: torch.Tensor) -> torch.Tensor:
    """The ray downsampler: two blocks without noise embedding."""
    for number in range(2):
        features = plain.residual(f"ray_downsampler.{number}", features, None, plain.down)
    return features
