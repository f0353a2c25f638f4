"""Fixtures of several test files: files in the published layouts, and folders to sample."""

import os
from collections.abc import Callable
from pathlib import Path

# Before torch is imported: threads that wait for one another crawl where other programs run too.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
from sampling_task import CHAIN, write_task
from scenes import sideways_poses, write_frames
from seeded import write_published_ckpt, write_published_pth
from tsed_task import COUNT, FOCAL, add_run

from photonvs.utils.distributed import choose_device


def pytest_addoption(parser: pytest.Parser) -> None:
    """--device, of the tests marked gpu."""
    text = "of tests marked gpu; on the CPU they show less, but that they run (default: cuda)"
    parser.addoption("--device", choices=("cuda", "cpu"), default="cuda", help=text)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests marked gpu where their device is not."""
    wanted = item.config.getoption("--device")
    if item.get_closest_marker("gpu") and wanted == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where a test marked gpu computes: CUDA, or the CPU with --device cpu."""
    return choose_device(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def published_pth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A denoiser's checkpoint in the published layout, seeded weights as its EMA (270 MB)."""
    return write_published_pth(tmp_path_factory.mktemp("published") / "2000-00000000.pth")


@pytest.fixture(scope="session")
def published_ckpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first stage's checkpoint in the published layout, seeded weights (270 MB)."""
    return write_published_ckpt(
        tmp_path_factory.mktemp("published") / "taming-32-4-realestate-256.ckpt"
    )


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., Path]:
    """make_task(name, dependencies): a folder to sample."""
    return lambda name="room", dependencies=CHAIN: write_task(
        tmp_path / "samples" / name, dependencies
    )


@pytest.fixture(scope="session")
def plane_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of a plane from cameras that move sideways, made once: tests take copies."""
    folder = tmp_path_factory.mktemp("plane") / "images"
    write_frames(folder, sideways_poses(COUNT), FOCAL)
    return folder


@pytest.fixture
def plane_data(tmp_path: Path, plane_frames: Path) -> Path:
    """An instance-data folder with samples/true and a run of it: frames of the plane."""
    add_run(tmp_path / "samples" / "true", sideways_poses(COUNT), plane_frames)
    return tmp_path


@pytest.fixture(autouse=True)
def seeded_generator() -> None:
    """The same random numbers in every run, whichever tests run before."""
    torch.manual_seed(0)
