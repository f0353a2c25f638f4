"""What frames are drawn from: batches of them, their conditioning views, their noise."""

import pytest
import torch
from sampling_task import LATENT, GaussianDenoiser, sample

from photonvs.sampling_batch import (
    Frame,
    Views,
    choose_method,
    frame_noise,
    gather_views,
    mean_score,
    next_batch,
)
from photonvs.sampling_outputs import open_runs


@pytest.mark.parametrize("batch_size", [1, 2])
def test_views_are_seen_from_the_right_side(make_task, batch_size):
    directory = make_task(dependencies=(None, None, (0, 1)))
    denoiser = GaussianDenoiser()
    (run,) = open_runs([directory], [0])
    for index in run.given:
        run.write_latent(index, torch.full(LATENT, float(index)))
    views = gather_views([Frame(run, 2)], [(0, 1)], denoiser, choose_method(), batch_size)
    assert views.counts == [2] and views.latents[:, 0, 0, 0].tolist() == [0, 1]
    ref, target, cond = (embedding[:, 3:6, 0, 0] for embedding in views.rays)  # camera centres
    torch.testing.assert_close(ref, torch.zeros(2, 3))
    torch.testing.assert_close(target, torch.tensor([[0.2, 0, 0], [0.1, 0, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(cond, torch.tensor([[-0.2, 0, 0], [-0.1, 0, 0]]), atol=1e-6, rtol=0)
    corner = views.rays[0][0, :3, 0, 0] / -views.rays[0][0, 2, 0, 0]
    torch.testing.assert_close(corner, torch.tensor([-0.5 / 0.9, 0.5 / 0.9, -1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_several_views_are_averaged(batch_size):
    counts, denoiser, method = [1, 3, 2], GaussianDenoiser(), choose_method()
    x, latents = torch.randn(3, *LATENT), torch.randn(6, *LATENT)
    rays = tuple(torch.randn(6, 6, 8, 8) for _ in range(3))
    sigma = torch.tensor(0.7)
    together = mean_score(denoiser, x, sigma, Views(counts, latents, rays), method, batch_size)
    assert sum(denoiser.batches) == 6 and max(denoiser.batches) <= batch_size
    view = 0
    for frame, count in enumerate(counts):
        single = [
            denoiser.score(
                x[frame, None],
                latents[k, None],
                sigma[None],
                tuple(embedding[k, None] for embedding in rays),
            )
            for k in range(view, view + count)
        ]
        torch.testing.assert_close(together[frame], sum(single)[0] / count, rtol=1e-5, atol=1e-6)
        view += count


def test_random_views_are_one_of_each_frame_in_turn(make_task):
    dependencies = (None, None, (0, 1), (0, 1, 2))
    denoiser, seen = GaussianDenoiser(), []
    score = denoiser.score
    denoiser.score = lambda x, x_cond, *more: seen.append(x_cond.clone()) or score(x, x_cond, *more)
    (run,) = sample(
        make_task("a", dependencies),
        denoiser=denoiser,
        views="random",
        sampler="ancestral",
        steps=30,
    )
    latents = [run.read_latent(index, LATENT) for index in range(3)]
    for frame, evaluations in ((2, seen[:30]), (3, seen[30:])):
        views = dependencies[frame]
        used = [
            next(view for view in views if torch.equal(evaluation[0], latents[view]))
            for evaluation in evaluations
        ]
        assert {len(evaluation) for evaluation in evaluations} == {1} and set(used) == set(views)
    (again,) = sample(
        make_task("b", dependencies), views="random", sampler="ancestral", steps=30, batch_size=1
    )
    assert torch.equal(again.read_latent(3, LATENT), run.read_latent(3, LATENT))
    (averaged,) = sample(make_task("c", dependencies), sampler="ancestral", steps=30)
    assert not torch.equal(averaged.read_latent(3, LATENT), run.read_latent(3, LATENT))


def test_only_views_that_are_drawn_are_embedded(make_task):
    dependencies = (*[None] * 9, tuple(range(9)))
    denoiser, targets = GaussianDenoiser(), []
    embed_cameras = denoiser.embed_cameras
    denoiser.embed_cameras = lambda target, *more: (
        targets.append(len(target)) or embed_cameras(target, *more)
    )
    sample(make_task("a", dependencies), denoiser=denoiser, views="random", steps=3, batch_size=1)
    assert targets in ([1, 1], [1, 1, 1])  # three draws of nine


def test_order_of_batches(make_task):
    runs = open_runs([make_task("a"), make_task("b", (None, (0,), (0, 1), (0, 1, 2)))], [0, 1])
    waiting = [Frame(run, index) for run in runs for index in run.spec.generation_order]
    batches, method = [], choose_method()
    while waiting:
        batches.append(next_batch(waiting, method, 3))
        waiting = [frame for frame in waiting if frame not in batches[-1]]
    assert [[(runs.index(run), index) for run, index in batch] for batch in batches] == [
        [(0, 1), (1, 1), (2, 1)],
        [(0, 2), (1, 2), (3, 1)],  # frame 2 of run 2 has two views and would be one too much
        [(0, 3), (1, 3)],
        [(0, 4), (1, 4)],
        [(2, 2)],
        [(2, 3)],
        [(3, 2)],
        [(3, 3)],
    ]
    frame = Frame(runs[2], 3)
    assert next_batch([frame], method, 1) == [frame]  # more views than fit: one frame all the same
    assert (
        next_batch([frame] * 3, choose_method(views="random"), 2) == [frame] * 2
    )  # one view an evaluation each


def test_noise_depends_on_seed_run_and_frame_only(make_task):
    first, second = open_runs([make_task()], [0, 1])
    frames = [Frame(first, 1), Frame(first, 2), Frame(second, 1)]
    shape = (3, *LATENT)
    noise = frame_noise(frames, 5)
    together = [noise(shape), noise(shape)]
    for number, frame in enumerate(frames):
        alone = frame_noise([frame], 5)
        assert all(torch.equal(alone((1, *LATENT))[0], draw[number]) for draw in together)
    draws = torch.cat([*together, frame_noise(frames, 6)(shape)]).flatten(1)
    torch.testing.assert_close(
        draws @ draws.T / draws.shape[1], torch.eye(9), atol=0.2, rtol=0
    )  # 5 standard errors
