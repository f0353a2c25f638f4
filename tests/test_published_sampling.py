"""The published network, loss and sampler against reference outputs for seeded weights."""

import pytest
import torch
from seeded import reference, seeded_tensor
from torch import Tensor
from torch.testing import assert_close

from photonvs.cameras.rays import pair_ray_features
from photonvs.config import ModelConfig
from photonvs.diffusion.samplers import predictor_corrector
from photonvs.diffusion.sde import VarianceExploding, score_matching_loss
from photonvs.models import load_denoiser

SDE = VarianceExploding()


@pytest.fixture(scope="module")
def denoiser(published_pth):
    return load_denoiser(published_pth)


@pytest.fixture(scope="module")
def rays(denoiser) -> tuple[Tensor, ...]:
    """Ray embeddings (ref, target, cond) with each conditioning camera, (2, 128, 32, 32)."""
    target, *conds = (
        torch.from_numpy(reference()[name]).float()
        for name in ("pose_target", "pose_cond0", "pose_cond1")
    )
    features = pair_ray_features(
        torch.stack([target, target]), torch.stack(conds), float(reference()["focal_y"]), 128
    )
    with torch.no_grad():
        return tuple(denoiser.embed_rays(part) for part in features)


def test_published_loss(denoiser, rays) -> None:
    clean, noise, cond = (seeded_tensor(key, (2, 4, 32, 32)) for key in ("xb", "z", "cond"))
    sigma = SDE.sigma(torch.from_numpy(reference()["loss_t"]))
    with torch.no_grad():
        loss = score_matching_loss(
            lambda x, sigma: denoiser.score(x, cond, sigma, rays),
            clean,
            noise,
            sigma,
            ModelConfig(),
        )
    assert loss.mean().item() == pytest.approx(float(reference()["loss"]), rel=1e-4)


@pytest.mark.slow
def test_published_sampler(denoiser, rays) -> None:
    conds = torch.cat(
        [seeded_tensor("cond0", (1, 4, 32, 32)), seeded_tensor("cond1", (1, 4, 32, 32))]
    )
    points, drawn = [], []

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        points.append(x)
        return denoiser.score(x.expand(2, -1, -1, -1), conds, sigma, rays).mean(0, keepdim=True)

    def noise(shape: torch.Size) -> Tensor:
        drawn.append(seeded_tensor(f"noise{len(drawn)}", shape))
        return drawn[-1]

    prior = seeded_tensor("prior", (1, 4, 32, 32)) * SDE.sigma_max
    final_mean = predictor_corrector(score, prior, SDE, int(reference()["pc_steps"]), noise)
    assert len(drawn) == int(reference()["pc_noise_draws"])
    found = {
        "pc_first_predictor": points[1],
        "pc_first_corrector": points[2],
        "pc_final_mean": final_mean,
    }
    for name, x in found.items():
        expected = torch.from_numpy(reference()[name])
        assert_close(x, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
