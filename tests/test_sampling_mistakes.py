"""Sampling refuses what does not fit a run, and names damage and mistakes."""

import numpy as np
import pytest
from sampling_task import LATENT, GaussianDenoiser, contents, sample

from photonvs.config import FirstStageConfig
from photonvs.models import build_first_stage
from photonvs.sampling.trajectory import sample_trajectory
from photonvs.utils.pictures import write_png


def test_other_settings_are_refused(make_task):
    directory = make_task()
    folder = sample(directory, weights={"denoiser": {"sha256": "1"}})[0].folder
    (folder / "latents/0004.npy").unlink()
    before = contents(folder, "*.json", "latents/*", "images/*")
    for options, message in (
        ({"steps": 5}, r"steps = 4, now it is 5; .* --run 1"),
        ({"sampler": "heun"}, "sampler = ancestral, now it is heun"),
        ({"seed": 3}, "seed = 0, now it is 3"),
        ({"precision": "bfloat16"}, "precision = float32"),
        ({"weights": {"denoiser": {"sha256": "2"}}}, r"weights\.denoiser\.sha256 = 1, now it is 2"),
    ):
        with pytest.raises(ValueError, match=message):
            sample(directory, **({"weights": {"denoiser": {"sha256": "1"}}} | options))
    write_png(directory / "init-ims/0000.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match=r"inputs\.init-ims/0000\.png"):
        sample(directory, weights={"denoiser": {"sha256": "1"}})
    assert contents(folder, "*.json", "latents/*", "images/*") == before
    (beside,) = sample(directory, steps=5, runs=[1])
    assert beside.complete() and beside.folder.name == "00000001"


def test_frames_of_unknown_origin_are_refused(make_task):
    directory = make_task()
    folder = sample(directory)[0].folder
    (folder / "run.json").unlink()
    with pytest.raises(ValueError, match=r"frames but no run\.json"):
        sample(directory)
    (folder / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json: not JSON"):
        sample(directory)


def test_numbers_that_are_not_finite_are_never_saved(make_task):
    class Broken(GaussianDenoiser):
        def score(self, x, x_cond, sigma, rays, sigma_cond):
            return super().score(x, x_cond, sigma, rays) * (
                float("nan") if len(self.batches) > 8 else 1
            )

    directory = make_task()
    with pytest.raises(ValueError, match=r"latent of frame 0003 came out with NaN"):
        sample(directory, denoiser=Broken())
    assert sorted(contents(directory / "samples/00000000", "latents/*")) == [
        f"latents/000{index}.npy" for index in range(3)
    ]


def test_damaged_latents_are_named(make_task):
    directory = make_task()
    folder = sample(directory)[0].folder
    (folder / "images/0002.png").unlink()
    for content in (
        b"",
        np.zeros(3, np.float32),
        np.zeros(LATENT),
        np.full(LATENT, np.nan, np.float32),
    ):
        if isinstance(content, bytes):
            (folder / "latents/0002.npy").write_bytes(content)
        else:
            np.save(folder / "latents/0002.npy", content)
        with pytest.raises(ValueError, match=r"0002\.npy.*delete it to have the frame made again"):
            sample(directory)


def test_bad_tasks(make_task, tmp_path):
    directory = make_task()
    for options, message in (
        ({"sampler": "magic"}, "magic.*expected one of"),
        ({"steps": 0}, "steps 0"),
        ({"seed": -1}, "seed -1"),
        ({"precision": "int8"}, "precision 'int8'"),
        ({"batch_size": 0}, "batch size 0"),
        ({"frames_per_second": 0}, "0 frames a second"),
        ({"runs": []}, "no run to make: expected --runs of at least 1"),
        ({"runs": [-1]}, "run -1: expected run numbers from 0 up"),
    ):
        with pytest.raises(ValueError, match=message):
            sample(directory, **options)
    with pytest.raises(ValueError, match="no folder to sample"):
        sample()
    with pytest.raises(FileNotFoundError, match=r"nowhere.*sampling-spec\.json"):
        sample(tmp_path / "nowhere")
    (directory / "init-ims/0000.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"0000\.png: cannot be read"):
        sample(directory)
    (directory / "init-ims/0000.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"0000\.png"):
        sample(directory)
    write_png(directory / "init-ims/0000.png", np.zeros((16, 16, 3), np.uint8))
    unfit = build_first_stage(FirstStageConfig(kind="pixels", image_size=16, pixel_block=4))
    with pytest.raises(ValueError, match=r"latents of shape \(48, 4, 4\).*expects \(12, 8, 8\)"):
        sample_trajectory([directory], GaussianDenoiser(), unfit, progress=False)
    assert not list(directory.glob("samples/*/latents/*"))
