import math

import pytest
import torch
from seeded import reference, seeded_tensor

from photonvs.cameras.rays import pair_ray_features
from photonvs.config import DenoiserConfig, FirstStageConfig, ModelConfig
from photonvs.models import build_denoiser, load_denoiser


def small_config(**changes) -> ModelConfig:
    settings = {
        "latent_size": 8,
        "latent_channels": 12,
        "channels": 8,
        "channel_multipliers": [1, 2],
        "attention_resolutions": [4],
        "attention_heads": 1,
        "ray_channels": [4, 8],
        "residual_blocks": 1,
    }
    first_stage = FirstStageConfig(kind="pixels", image_size=16, pixel_block=2)
    return ModelConfig(first_stage=first_stage, denoiser=DenoiserConfig(**settings | changes))


def random_rays(count: int = 2, channels: int = 4, size: int = 8) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(n, channels, size, size) for n in (1, count, count))


def randomized_denoiser(**changes):
    """A small denoiser whose every weight has a say.

    Fresh ones end their branches in almost nothing.
    """
    denoiser = build_denoiser(small_config(**changes))
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return denoiser


def close_to_reference(found: torch.Tensor, name: str) -> None:
    expected = torch.from_numpy(reference()[name])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
    assert (found - expected).norm() / expected.norm() < 1e-4


@pytest.fixture(scope="module")
def published_denoiser(published_pth):
    return load_denoiser(published_pth)


@pytest.fixture(scope="module")
def published_rays(published_denoiser):
    """Embeddings (ref, target, cond) of the reference's two camera pairs, each (2, 128, 32, 32)."""
    target, *conds = (
        torch.from_numpy(reference()[name]).float()
        for name in ("pose_target", "pose_cond0", "pose_cond1")
    )
    features = pair_ray_features(
        torch.stack([target, target]), torch.stack(conds), float(reference()["focal_y"]), 128
    )
    with torch.no_grad():
        return tuple(published_denoiser.embed_rays(part) for part in features)


def test_published_ray_embedding(published_rays):
    close_to_reference(published_rays[1][0, ::4, ::4, ::4], "ray_embedding_target")


def test_published_scores_of_both_views(published_denoiser, published_rays):
    sigma = torch.tensor([3.0, 0.5])
    x = seeded_tensor("xa", (2, 4, 32, 32)) * sigma[:, None, None, None]
    x_cond = seeded_tensor("xb", (2, 4, 32, 32))
    with torch.no_grad():
        target, cond = published_denoiser.scores(x, x_cond, sigma, 0.01, published_rays)
    close_to_reference(target, "score_target")
    close_to_reference(cond, "score_cond")


@pytest.mark.parametrize("preconditioning", ["published", "edm"])
def test_score_is_the_targets_with_the_conditioning_view_at_sigma_min(preconditioning):
    denoiser = randomized_denoiser(preconditioning=preconditioning)
    x, x_cond, rays = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8), random_rays()
    found = denoiser.score(x, x_cond, 1.5, rays)
    assert found.shape == x.shape
    expected = denoiser.scores(x, x_cond, torch.tensor([1.5, 1.5]), torch.tensor(0.01), rays)
    torch.testing.assert_close(found, expected[0])
    # Everything the score depends on changes it.
    assert (denoiser.score(x, x_cond + 1, 1.5, rays) - found).abs().max() > 1e-3
    assert (denoiser.score(x, x_cond, 1.4, rays) - found).abs().max() > 1e-3
    assert (denoiser.score(x, x_cond, 1.5, (rays[0], rays[2], rays[1])) - found).abs().max() > 1e-3


def test_swapping_the_views_swaps_the_scores():
    denoiser = randomized_denoiser()
    x, x_cond, (ref, target, cond) = (
        torch.randn(2, 12, 8, 8),
        torch.randn(2, 12, 8, 8),
        random_rays(),
    )
    one = denoiser.scores(x, x_cond, 2.0, 0.3, (ref, target, cond))
    other = denoiser.scores(x_cond, x, 0.3, 2.0, (ref, cond, target))
    torch.testing.assert_close(one[0], other[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one[1], other[0], rtol=1e-4, atol=1e-4)


class Recorder(torch.nn.Module):
    """In the score network's place: a known function of its inputs, which it keeps."""

    def prepare(self, inputs, log_sigma, rays, both):
        return inputs, log_sigma

    def forward(self, inputs, log_sigma, given, both):
        self.log_sigma = torch.cat([log_sigma, given[1]])
        return torch.sin(torch.cat([inputs, given[0]]))


def recorded(**changes):
    denoiser = build_denoiser(small_config(**changes))
    denoiser.score_model = Recorder()
    return denoiser


def test_published_inputs_and_outputs():
    denoiser = recorded()
    x, x_cond = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8)
    sigma = torch.tensor([4.0, 0.25])
    scores = denoiser.scores(x, x_cond, sigma, 0.01, None)
    torch.testing.assert_close(
        denoiser.score_model.log_sigma, torch.tensor([4.0, 0.25, 0.01, 0.01]).log()
    )
    torch.testing.assert_close(scores[0], torch.sin(2 * x - 1) / sigma[:, None, None, None])
    torch.testing.assert_close(scores[1], torch.sin(2 * x_cond - 1) / 0.01)


def test_edm_preconditioning_is_table_1_of_karras_et_al():
    data, denoiser = 0.7, recorded(preconditioning="edm", sigma_data=0.7)
    x, x_cond = (
        torch.randn(2, 12, 8, 8, dtype=torch.float64),
        torch.randn(2, 12, 8, 8, dtype=torch.float64),
    )
    for score, image, sigma in zip(
        denoiser.scores(x, x_cond, 3.0, 0.01, None), (x, x_cond), (3.0, 0.01), strict=True
    ):
        c_skip, c_out = data**2 / (sigma**2 + data**2), sigma * data / math.sqrt(sigma**2 + data**2)
        c_in = 1 / math.sqrt(sigma**2 + data**2)
        denoised = c_skip * image + c_out * torch.sin(c_in * image)
        torch.testing.assert_close(score, (denoised - image) / sigma**2, rtol=0, atol=1e-9)


def test_a_fresh_edm_denoiser_gives_the_score_of_a_gaussian():
    denoiser = build_denoiser(small_config(preconditioning="edm", sigma_data=0.5))
    x = torch.randn(2, 12, 8, 8)
    score = denoiser.score(x, x, 2.0, random_rays())
    torch.testing.assert_close(score, -x / (2.0**2 + 0.5**2), rtol=0, atol=1e-3)


def test_ray_embedding_shapes():
    denoiser = build_denoiser(small_config())
    assert denoiser.embed_rays(torch.randn(3, 56, 32, 32)).shape == (3, 4, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ray_channels": [4]},
            "denoiser.ray_channels has 1 entries, denoiser.channel_multipliers 2",
        ),
        ({"latent_size": 7}, "denoiser.latent_size 7: expected a multiple of 2"),
        (
            {"attention_resolutions": []},
            r"attention_resolutions \[\]: expected one or more of the levels' sizes \[8, 4\]",
        ),
        ({"attention_resolutions": [16, 4]}, r"expected one or more of the levels' sizes \[8, 4\]"),
        (
            {"preconditioning": "vp"},
            "denoiser.preconditioning 'vp': expected one of published, edm",
        ),
        (
            {"latent_channels": 4},
            "denoiser.latent_channels 4 and denoiser.latent_size 8: expected 12 and 8",
        ),
        ({"channels": 144}, "144 channels cannot be normalized in 32 groups"),
        ({"attention_heads": 0}, "denoiser.attention_heads 0: expected a number above 0"),
        ({"head_channels": 0}, "denoiser.head_channels 0: expected a number above 0"),
        (
            {"channel_multipliers": []},
            r"denoiser.channel_multipliers \[\]: expected numbers above 0",
        ),
        ({"sigma_data": -1.0}, "denoiser.sigma_data -1.0"),
    ],
)
def test_settings_that_fit_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build_denoiser(small_config(**changes))


def test_low_precision_gives_float32_scores_close_to_the_full_ones():
    denoiser = randomized_denoiser(preconditioning="edm")
    x, x_cond, rays = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8), random_rays()
    full = denoiser.score(x, x_cond, 1.5, rays)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = denoiser.score(x, x_cond, 1.5, rays)
    assert low.dtype == torch.float32
    assert (low - full).norm() < 0.1 * full.norm()


@pytest.mark.slow
def test_the_network_has_no_branch_on_data():
    # What torch.compile needs: one graph, whatever the numbers.
    denoiser = randomized_denoiser()
    x, x_cond, rays = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8), random_rays()
    compiled = torch.compile(denoiser.score, backend="eager", fullgraph=True)
    sigma = torch.tensor([2.0, 0.1])
    torch.testing.assert_close(
        compiled(x, x_cond, sigma, rays), denoiser.score(x, x_cond, sigma, rays)
    )
