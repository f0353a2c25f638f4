"""What frames are drawn from: batches of them, their conditioning views, their noise."""

from itertools import islice

import numpy as np
import pytest
import torch
from sampling_task import FIRST_STAGE, LATENT, GaussianDenoiser, latent_of, sample

from photonvs.samples import Sample
from photonvs.sampling.batches import batches, next_batch
from photonvs.sampling.draw import decode, draw, frame_noise
from photonvs.sampling.drawing import Drawing, Frame
from photonvs.sampling.method import Method
from photonvs.sampling.views import Views, gather_views, mean_score
from photonvs.utils.random import generator


@pytest.mark.parametrize("batch_size", [1, 2])
def test_views_are_seen_from_the_right_side(make_task, batch_size):
    directory = make_task(dependencies=(None, None, (0, 1)))
    denoiser = GaussianDenoiser()
    latents = {index: torch.full(LATENT, float(index)) for index in (0, 1)}
    drawing = Drawing(Sample(directory).spec(), latents)
    views = gather_views([Frame(drawing, 2)], [(0, 1)], denoiser, Method(), batch_size)
    assert views.counts == [2] and views.latents[:, 0, 0, 0].tolist() == [0, 1]
    ref, target, cond = (embedding[:, 3:6, 0, 0] for embedding in views.rays)  # camera centres
    torch.testing.assert_close(ref, torch.zeros(2, 3))
    torch.testing.assert_close(target, torch.tensor([[0.2, 0, 0], [0.1, 0, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(cond, torch.tensor([[-0.2, 0, 0], [-0.1, 0, 0]]), atol=1e-6, rtol=0)
    corner = views.rays[0][0, :3, 0, 0] / -views.rays[0][0, 2, 0, 0]
    torch.testing.assert_close(corner, torch.tensor([-0.5 / 0.9, 0.5 / 0.9, -1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_several_views_are_averaged(batch_size):
    counts, denoiser, method = [1, 3, 2], GaussianDenoiser(), Method()
    x, latents = torch.randn(3, *LATENT), torch.randn(6, *LATENT)
    rays = tuple(torch.randn(6, 6, 8, 8) for _ in range(3))
    sigma = torch.tensor(0.7)
    views = Views(counts, latents, torch.full((6,), 0.01), rays)
    together = mean_score(denoiser, x, sigma, views, method, batch_size)
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
    latents = [latent_of(run, index) for index in range(3)]
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
    assert torch.equal(latent_of(again, 3), latent_of(run, 3))
    (averaged,) = sample(make_task("c", dependencies), sampler="ancestral", steps=30)
    assert not torch.equal(latent_of(averaged, 3), latent_of(run, 3))


def test_only_views_that_are_drawn_are_embedded(make_task):
    dependencies = (*[None] * 9, tuple(range(9)))
    denoiser, targets = GaussianDenoiser(), []
    embed_cameras = denoiser.embed_cameras
    denoiser.embed_cameras = lambda target, *more: (
        targets.append(len(target)) or embed_cameras(target, *more)
    )
    sample(make_task("a", dependencies), denoiser=denoiser, views="random", steps=3, batch_size=1)
    assert targets in ([1, 1], [1, 1, 1])  # three draws of nine


def two_of_each(make_task):
    """Two runs each of five frames in a chain and of four, each of which sees all before it."""
    tasks = [make_task("a"), make_task("b", (None, (0,), (0, 1), (0, 1, 2)))]
    return [Drawing(Sample(task).spec(), {0: None}, run) for task in tasks for run in (0, 1)]


def drawn_in(drawings, method, batch_size):
    """The batches, as (number of the drawing, frame); each is drawn before the next is asked for.

    A number instead of a latent says in which batch it was drawn.
    """
    found = []
    for number, batch in enumerate(batches(drawings, method, batch_size)):
        found.append([(drawings.index(one), index) for one, index in batch])
        for drawing, index in batch:
            drawing.latents.setdefault(index, number)
    return found


def test_order_of_batches(make_task):
    method = Method()
    drawings = two_of_each(make_task)
    assert drawn_in(drawings, method, 3) == [
        [(0, 1), (1, 1), (2, 1)],
        [(0, 2), (1, 2), (3, 1)],  # frame 2 of run 2 has two views and would be one too much
        [(0, 3), (1, 3)],
        [(0, 4), (1, 4)],
        [(2, 2)],
        [(2, 3)],
        [(3, 2)],
        [(3, 3)],
    ]
    frame, there = Frame(drawings[2], 3), {Frame(drawings[2], view) for view in range(3)}
    # More views than fit: one frame all the same.
    assert next_batch([frame], there, method, 1) == [frame]
    # One view an evaluation each.
    assert next_batch([frame] * 3, there, Method(views="random"), 2) == [frame] * 2


@pytest.mark.parametrize("stored", range(14))
def test_batches_are_the_same_after_a_stop_at_any_frame(make_task, stored):
    """Frames of a batch are stored one by one, so the last one may be there in part."""
    whole, stopped = two_of_each(make_task), two_of_each(make_task)
    planned = drawn_in(whole, Method(), 3)
    for number, index in [frame for batch in planned for frame in batch][:stored]:
        stopped[number].latents[index] = whole[number].latents[index]
    begun = next(n for n, batch in enumerate(planned) if sum(map(len, planned[: n + 1])) > stored)
    assert drawn_in(stopped, Method(), 3) == planned[begun:]


def test_what_was_deleted_is_drawn_alone(make_task):
    drawings = two_of_each(make_task)
    drawn_in(drawings, Method(), 3)
    for number, index in ((1, 1), (3, 2)):
        del drawings[number].latents[index]
    assert drawn_in(drawings, Method(), 3) == [[(1, 1)], [(3, 2)]]
    del drawings[3].latents[3]  # the last that was drawn
    assert drawn_in(drawings, Method(), 3) == [[(3, 3)]]


def test_noise_depends_on_seed_run_and_frame_only(make_task):
    spec = Sample(make_task()).spec()
    first, second = Drawing(spec, {}, 0), Drawing(spec, {}, 1)
    frames = [Frame(first, 1), Frame(first, 2), Frame(second, 1)]
    together = drawn(frames, 5, 40)
    for number, frame in enumerate(frames):
        assert torch.equal(drawn([frame], 5, 40)[:, 0], together[:, number])
    # In blocks, and still the numbers of one draw after the other.
    source = generator(5, "frame", 1, 1)
    singly = [source.standard_normal(LATENT, np.float32) for _ in range(40)]
    np.testing.assert_array_equal(together[:, 2], np.stack(singly))
    draws = torch.cat([*together[:2], drawn(frames, 6, 1)[0]]).flatten(1)
    # 5 standard errors.
    torch.testing.assert_close(draws @ draws.T / draws.shape[1], torch.eye(9), atol=0.2, rtol=0)


def drawn(frames, seed, count):
    """The first draws of noise for these frames: (count, frames, *LATENT)."""
    return torch.stack([*islice(frame_noise(frames, seed, LATENT, torch.device("cpu")), count)])


def drawing_of(make_task):
    """Five frames in a chain, the first one given."""
    return Drawing(Sample(make_task()).spec(), {0: torch.zeros(LATENT)})


def test_frames_come_as_they_are_drawn_and_so_do_their_estimates(make_task):
    drawing, seen = drawing_of(make_task), []
    method = Method("dpm-solver", 6)
    frames = draw([drawing], GaussianDenoiser(), FIRST_STAGE, method, watch=seen.append)
    for number, drawn in enumerate(frames, start=1):
        assert drawn.frame == (drawing, number) and list(drawing.latents) == list(range(number + 1))
        assert torch.equal(drawn.latent, drawing.latents[number])
        assert np.array_equal(drawn.image, decode(FIRST_STAGE, drawn.latent))
        steps = seen[6 * (number - 1) :]
        assert [progress.step.number for progress in steps] == [1, 2, 3, 4, 5, 6]
        assert all(progress.frames == [(drawing, number)] for progress in steps)
        assert {(progress.steps, progress.pairs) for progress in steps} == {(6, 1)}
        # The last is the frame.
        torch.testing.assert_close(steps[-1].step.denoised[0], drawn.latent)
    assert number == 4


def test_drawing_stops_between_evaluations_and_goes_on(make_task):
    denoiser, method = GaussianDenoiser(), Method("heun", 4)
    whole, stopped = drawing_of(make_task), drawing_of(make_task)
    list(draw([whole], denoiser, FIRST_STAGE, method))
    before = len(denoiser.batches)
    made = draw(
        [stopped], denoiser, FIRST_STAGE, method, stop=lambda: len(denoiser.batches) >= before + 10
    )
    assert [drawn.frame.index for drawn in made] == [1]  # 7 evaluations each
    assert len(denoiser.batches) == before + 10
    list(draw([stopped], denoiser, FIRST_STAGE, method))
    assert all(torch.equal(stopped.latents[k], whole.latents[k]) for k in range(5))
