"""Frames drawn on a GPU: repeatable, those of a CPU, and within its memory."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from photonvs.cameras.paths import pan
from photonvs.cameras.spec import SamplingSpec
from photonvs.models.model import Model, open_model
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.sampling.draw import Drawn, draw
from photonvs.sampling.drawing import Drawing
from photonvs.sampling.method import Method

pytestmark = pytest.mark.gpu

LATENT = (4, 32, 32)  # of the shipped model
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def model(device) -> Model:
    return open_model(Path("nowhere"), SHIPPED_DENOISER, device=device)


@pytest.fixture(autouse=True)
def without_tf32(monkeypatch):
    """In its convolutions, CUDA would round more than what is looked for here."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def drawing(frames: int, chain: bool = True) -> Drawing:
    """A path of so many new frames, each from the one before, or all from the given one."""
    poses = np.asarray(pan(frames=frames + 1))
    order = tuple(range(1, frames + 1))
    views = [(index - 1,) if chain else (0,) for index in order]
    given = torch.randn(LATENT, generator=torch.Generator().manual_seed(1))
    return Drawing(SamplingSpec(0.9, poses, order, (None, *views)), {0: given})


def frames(model: Model, method: Method, count: int = 2, **options) -> list[Drawn]:
    return list(draw([drawing(count)], model.denoiser, model.first_stage, method, **options))


def grey_levels(some: list[Drawn], others: list[Drawn]) -> float:
    """The RMS difference of images, of 255."""
    pairs = zip(some, others, strict=True)
    squares = [np.square(one.image.astype(float) - other.image).mean() for one, other in pairs]
    return float(np.sqrt(np.mean(squares)))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_frames(model, precision):
    first, again = (frames(model, Method(steps=4, precision=precision)) for _ in range(2))
    other = frames(model, Method(steps=4, precision=precision, seed=1))
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one.latent, same.latent) and np.array_equal(one.image, same.image)
        assert not torch.equal(one.latent, different.latent)


@pytest.mark.parametrize("sampler", ["dpm-solver", "predictor-corrector"])
def test_frames_are_those_of_a_cpu(model, sampler):
    here = frames(model, Method(sampler, steps=6))
    there = frames(open_model(Path("nowhere"), SHIPPED_DENOISER), Method(sampler, steps=6))
    for one, other in zip(here, there, strict=True):
        assert (one.latent - other.latent).norm() < 1e-3 * other.latent.norm()
    # A pixel of a latent may become another code, where two are as near.
    assert grey_levels(here, there) < 1


def test_frames_in_bfloat16_are_close(model):
    found, full = (frames(model, Method(precision=name)) for name in ("bfloat16", "float32"))
    assert 0 < grey_levels(found, full) < 5


def test_too_little_memory_is_said_in_one_line_and_its_way_out_works(model, device):
    wide = drawing(256, chain=False)

    def first_of(batch_size: int) -> Drawn:
        method = Method(steps=2)
        return next(draw([wide], model.denoiser, model.first_stage, method, batch_size=batch_size))

    if device.type != "cuda":
        assert first_of(1).frame.index == 1
        pytest.skip("only CUDA's memory can be limited")
    torch.cuda.empty_cache()
    kept = torch.cuda.memory_reserved() + 400 * MEBIBYTE
    torch.cuda.set_per_process_memory_fraction(kept / torch.cuda.mem_get_info()[1])
    try:
        with pytest.raises(ValueError, match="memory is not enough .* batch of 256; .*batch-size"):
            first_of(256)
        gc.collect()  # what the error's traceback holds
        assert first_of(1).frame.index == 1
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
