"""Sampling runs: what is drawn, what is stored, and going on after an interruption."""

import json

import av
import numpy as np
import pytest
import torch
from PIL import Image
from sampling_task import (
    CHAIN,
    CONFIG,
    FIRST_STAGE,
    LATENT,
    GaussianDenoiser,
    contents,
    latent_of,
    sample,
    write_task,
)

from photonvs.models import build_denoiser
from photonvs.samples import Sample
from photonvs.sampling import runs
from photonvs.sampling.drawing import Drawing, Frame
from photonvs.sampling.method import Method
from photonvs.sampling.views import gather_views
from photonvs.utils.images import read_frame


def test_layout(make_task):
    directory = make_task()
    (run,) = sample(directory)
    folder = directory / "samples" / "00000000"
    assert run.folder == folder and run.made == {0, 1, 2, 3, 4}
    names = [f"{index:04d}" for index in range(5)]
    expected = {"run.json", "sampling-spec.json", "video.mp4", "contact-sheet.png"}
    expected |= {f"images/{name}.png" for name in names} | {f"latents/{name}.npy" for name in names}
    assert {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    } == expected
    latents = [np.load(folder / "latents" / f"{name}.npy", allow_pickle=False) for name in names]
    assert all(latent.dtype == np.float32 and latent.shape == LATENT for latent in latents)
    # This first stage is lossless, so a given image's reconstruction is the image.
    np.testing.assert_array_equal(
        read_frame(folder / "images/0000.png"), read_frame(directory / "init-ims/0000.png")
    )
    decoded = FIRST_STAGE.decode(torch.from_numpy(latents[3])[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(
        read_frame(folder / "images/0003.png") / 127.5 - 1, decoded, atol=0.5 / 127.5 + 1e-6
    )
    with av.open(str(folder / "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5
    settings = json.loads((folder / "run.json").read_text())
    assert (settings["sampler"], settings["steps"], settings["seed"]) == ("ancestral", 4, 0)
    assert settings["config"]["denoiser"]["channels"] == 16
    assert set(settings["inputs"]) == {"sampling-spec.json", "init-ims/0000.png"}


def test_frames_have_the_distribution_of_the_model(make_task):
    directory = make_task(dependencies=(None, (0,)))
    denoiser = GaussianDenoiser()
    runs = sample(
        directory, denoiser=denoiser, sampler="heun", steps=40, runs=range(16), batch_size=16
    )
    drawing = Drawing(runs[0].spec, runs[0].read_latents(LATENT))
    views = gather_views([Frame(drawing, 1)], [(0,)], denoiser, Method(), 1)
    drawn = torch.stack([latent_of(run, 1) for run in runs]) - denoiser.mean(
        views.latents, views.rays
    )
    # 16 * 768 numbers: standard errors 0.0027 of the mean, 0.0019 of the deviation
    torch.testing.assert_close(drawn.mean(), torch.tensor(0.0), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.std(), torch.tensor(0.3), atol=0.01, rtol=0)


def test_options_reach_the_sampler_and_the_record(make_task):
    (plain,), (tuned,) = (
        sample(make_task("a")),
        sample(make_task("b"), options={"rho": 2.0, "eta": 0.5}),
    )
    assert not torch.equal(latent_of(plain, 4), latent_of(tuned, 4))
    assert json.loads((tuned.folder / "run.json").read_text())["options"] == {
        "rho": 2.0,
        "eta": 0.5,
    }
    with pytest.raises(
        ValueError,
        match="sampler ancestral: found the option snr, expected eta, sigma_min, sigma_max, rho",
    ):
        sample(make_task("c"), options={"snr": 1.0})


def test_seeds_and_runs(make_task):
    one, again, other = (make_task(name) for name in ("one", "again", "other"))
    sample(one, runs=[0, 1])
    sample(again, runs=[1])
    sample(other, seed=1)
    former = contents(one / "samples/00000001")
    assert former == contents(again / "samples/00000001")
    for different in (contents(one / "samples/00000000"), contents(other / "samples/00000000")):
        assert former["latents/0000.npy"] == different["latents/0000.npy"]
        assert not any(
            former[f"latents/000{index}.npy"] == different[f"latents/000{index}.npy"]
            for index in range(1, 5)
        )


def test_batching_makes_no_difference(make_task):
    torch.manual_seed(0)
    denoiser = build_denoiser(CONFIG).eval()
    for parameter in denoiser.parameters():  # past the zero-like start of the output layers
        parameter.data += 0.05 * torch.randn_like(parameter)
    several = (None, (0,), (0, 1), (1, 2))
    alone, together = (
        [make_task(f"{kind}{k}", deps) for k, deps in enumerate((CHAIN, several))] for kind in "at"
    )
    for directory in alone:
        sample(directory, denoiser=denoiser, runs=range(2), batch_size=1)
    sample(*together, denoiser=denoiser, runs=range(2), batch_size=8)
    for one, other in zip(alone, together, strict=True):
        for path in sorted(one.rglob("*.npy")):
            latents = (
                torch.from_numpy(np.load(file)) for file in (path, other / path.relative_to(one))
            )
            torch.testing.assert_close(*latents, rtol=1e-4, atol=1e-4)


def test_reduced_precision_is_close(make_task):
    torch.manual_seed(0)
    denoiser = build_denoiser(CONFIG).eval()
    (exact,) = sample(make_task("a"), denoiser=denoiser)
    (reduced,) = sample(make_task("b"), denoiser=denoiser, precision="bfloat16")
    latents = latent_of(reduced, 4), latent_of(exact, 4)
    torch.testing.assert_close(*latents, rtol=0.05, atol=0.05)
    assert not torch.equal(*latents)


def test_complete_run_is_left_alone(make_task):
    directory = make_task()
    sample(directory)
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    denoiser = GaussianDenoiser()
    (run,) = sample(directory, denoiser=denoiser)
    assert run.made == set() and denoiser.batches == []
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_missing_frames_come_back_the_same(make_task):
    directory = make_task(dependencies=(None, (0,), (0, 1), (1, 2), (2,)))
    folder = sample(directory)[0].folder
    before = contents(folder, "latents/*", "images/*", "*.mp4", "contact-sheet.png")
    for name in (
        "latents/0002.npy",
        "images/0002.png",
        "latents/0000.npy",
        "images/0003.png",
        "video.mp4",
    ):
        (folder / name).unlink()
    denoiser = GaussianDenoiser()
    (run,) = sample(directory, denoiser=denoiser)
    assert run.made == {0, 2, 3}
    assert denoiser.batches == [2] * 4  # frame 2 alone was drawn, from two views
    assert contents(folder, "latents/*", "images/*", "*.mp4", "contact-sheet.png") == before


def test_a_stopped_run_can_be_looked_at(make_task, monkeypatch):
    monkeypatch.setattr(runs, "PREVIEW_SECONDS", 0.0)
    directory, denoiser = make_task(), GaussianDenoiser()
    (run,) = sample(directory, denoiser=denoiser, stop=lambda: len(denoiser.batches) == 8)
    assert run.made == {0, 1, 2} and not run.place.video.exists()
    with Image.open(run.place.contact_sheet) as sheet:  # frames 3 and 4 are still grey
        tile = np.asarray(sheet)[sheet.height // 2 : -30, : sheet.width // 3]
    assert (tile == 224).mean() > 0.5
    run.write_summary(10.0, partial=True)
    with av.open(str(run.place.video)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 3
    (run,) = sample(directory)
    assert run.made == {3, 4}
    with av.open(str(run.place.video)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5


def test_a_run_keeps_the_path_that_it_was_made_for(make_task):
    directory = make_task()
    (run,) = sample(directory)
    made_for = run.place.spec_file.read_bytes()
    write_task(directory, (None, (0,), (0,), (0,), (0,)))
    assert run.place.spec_file.read_bytes() == made_for
    with pytest.raises(ValueError, match=r"inputs\.sampling-spec\.json"):
        sample(directory)
    run.place.own_spec_file.unlink()  # as runs of version 0.1 are
    assert run.place.spec_file == Sample(directory).spec_file


def test_an_image_is_decoded_again_without_drawing(make_task):
    directory = make_task()
    folder = sample(directory)[0].folder
    before = contents(folder)
    for path in folder.glob("images/*"):
        path.unlink()
    denoiser = GaussianDenoiser()
    sample(directory, denoiser=denoiser)
    assert denoiser.batches == [] and contents(folder) == before


def test_what_a_killed_process_left_is_removed_once_its_run_goes_on(make_task):
    folder = make_task()
    (run,) = sample(folder)
    left = [run.folder / ".photonvs-0123abcd-video.mp4"]
    left += [run.place.images / ".photonvs-0123abcd-0002.png"]
    left += [run.place.latents / ".photonvs-0123abcd-0002.npy"]
    for path in left:
        path.write_bytes(b"unfinished")
    sample(folder)
    assert all(path.exists() for path in left)  # nothing to do: nobody holds the run
    run.place.image(2).unlink()
    sample(folder)
    assert run.place.image(2).exists() and not any(path.exists() for path in left)
