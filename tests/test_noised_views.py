"""Conditioning views with noise: its mathematics, in training, and in sampling."""

from dataclasses import replace

import pytest
import torch
import training_task
from sampling_task import CONFIG, GaussianDenoiser, contents, latent_of, sample
from torch.testing import assert_close

from photonvs.config import DiffusionConfig, load_config
from photonvs.diffusion.sde import draw_cond_levels, noised_view
from photonvs.sampling.method import Method
from photonvs.training.score import ScoreTask
from photonvs.utils.distributed import Process

KNOWS = replace(CONFIG.diffusion, sigma_cond_max=0.5)


class Knowing(GaussianDenoiser):
    """The exact model, of weights that know noise in views; it keeps what views it gets."""

    def __init__(self, **settings):
        super().__init__()
        self.config = replace(CONFIG, diffusion=replace(KNOWS, **settings))
        self.seen = []

    def score(self, x, x_cond, sigma, rays, sigma_cond=None):
        self.seen += zip(x_cond.clone(), sigma_cond.tolist(), strict=True)
        return super().score(x, x_cond, sigma, rays)


def test_levels_are_uniform_in_their_logarithm():
    uniform = torch.linspace(0, 1, 5, dtype=torch.float64)
    levels = draw_cond_levels(uniform, DiffusionConfig(sigma_cond_max=1.0))
    assert_close(levels.log10(), torch.linspace(-2, 0, 5, dtype=torch.float64))
    assert draw_cond_levels(uniform, DiffusionConfig()).tolist() == [0.01] * 5


def test_a_view_has_the_noise_that_its_level_says_and_a_clean_one_counts_as_sigma_min():
    clean = torch.full((3, 100_000), 2.0, dtype=torch.float64)
    levels = torch.tensor([0.01, 0.05, 0.5], dtype=torch.float64)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).double()
    found = noised_view(clean, noise, levels, 0.01)
    assert torch.equal(found[0], clean[0])
    # With the little that a clean latent is said to have, each has its level.
    spread = (found.var(dim=1) + 0.01**2).sqrt()
    assert_close(spread[1:], levels[1:], rtol=0.01, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma_cond_max": 0.001}, "sigma_cond_max 0.001: expected 0.01 to 378"),
        ({"sigma_cond_max": 500.0}, "sigma_cond_max 500"),
        ({"sigma_cond": 0.1}, "sigma_cond 0.1: expected 0.01 to 0.01"),
        ({"sigma_cond": 0.6, "sigma_cond_max": 0.5}, "sigma_cond 0.6: expected 0.01 to 0.5"),
    ],
)
def test_levels_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        DiffusionConfig(**settings)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


def drawn_in_training(footage, folder, *more):
    """The views that the first step's loss gets, the clean ones, and their levels."""
    config = load_config("realestate10k", training_task.settings(footage, *more))
    task = ScoreTask(config, folder, Process(torch.device("cpu")))
    samples = [{**task.dataset[number], "number": torch.tensor(number)} for number in range(8)]
    batch = torch.utils.data.default_collate(samples)
    seen = []
    loss = task.loss
    task.loss = lambda *inputs: seen.append(inputs) or loss(*inputs)
    task.update([batch], 0)
    ((target, view, noise, sigma, sigma_cond, *_),) = seen
    return view, task._encode(batch)[1], sigma_cond, (target, noise, sigma)


def test_training_adds_noise_to_the_view_and_tells_the_level(footage, tmp_path):
    view, clean, levels, others = drawn_in_training(footage, tmp_path, "diffusion.sigma_cond_max=2")
    assert len(set(levels.tolist())) == 8 and levels.min() >= 0.01 and levels.max() <= 2
    error = (view - clean).flatten(1).square().mean(1)
    assert_close(error, levels**2 - 0.01**2, rtol=0.3, atol=1e-6)
    view, clean, levels, without = drawn_in_training(footage, tmp_path)
    assert torch.equal(view, clean) and levels.tolist() == pytest.approx([0.01] * 8)
    # The rest of a sample's randomness is what it was.
    assert all(torch.equal(one, other) for one, other in zip(others, without, strict=True))


def test_sampling_adds_noise_to_generated_views_and_leaves_given_ones_clean(make_task):
    denoiser = Knowing(sigma_cond=0.2)
    (run,) = sample(make_task(), denoiser=denoiser, steps=1)
    latents = [latent_of(run, index) for index in range(4)]
    assert [level for _, level in denoiser.seen] == pytest.approx([0.01, 0.2, 0.2, 0.2])
    assert torch.equal(denoiser.seen[0][0], latents[0])
    added = torch.stack([seen - latents[k] for k, (seen, _) in enumerate(denoiser.seen)])[1:]
    assert added.std().item() == pytest.approx(0.2, rel=0.1)
    assert (added[0] - added[1]).abs().max() > 0.1  # each frame's own


def test_noise_of_views_does_not_depend_on_the_batch_and_the_method_can_ask_for_none(make_task):
    kinds = {
        "alone": {"batch_size": 1},
        "together": {"batch_size": 8},
        "clean": {"sigma_cond": 0.01},
    }
    dependencies = (None, None, (0, 1), (0, 1, 2), (1, 2))
    runs = {
        name: sample(make_task(name, dependencies), denoiser=Knowing(sigma_cond=0.2), **options)
        for name, options in kinds.items()
    }
    frames = {name: contents(run.folder) for name, (run,) in runs.items()}
    assert frames["alone"] == frames["together"] != frames["clean"]
    (plain,) = sample(make_task("plain", dependencies))
    assert contents(plain.folder) == frames["clean"]


def test_a_method_fits_the_weights_or_says_why_not(make_task):
    with pytest.raises(ValueError, match=r"sigma_cond 0.2: these weights know .* 0.01 to 0.01"):
        sample(make_task("a"), sigma_cond=0.2)
    few = replace(CONFIG, diffusion=replace(CONFIG.diffusion, objective="consistency"))
    assert (Method().fitted(few).sampler, Method().fitted(few).steps) == ("consistency", 2)
    assert Method(steps=1).fitted(few).evaluations == 1
    assert Method().fitted(CONFIG) == Method("dpm-solver", 24)
    message = "sampler heun: needs weights trained for score, .*; use --sampler consistency"
    with pytest.raises(ValueError, match=message):
        Method("heun").fitted(few)
    with pytest.raises(ValueError, match="needs weights trained for consistency"):
        sample(make_task("b"), sampler="consistency")
    with pytest.raises(ValueError, match="found the option eta"):
        Method(options={"eta": 1.0}).fitted(few)
