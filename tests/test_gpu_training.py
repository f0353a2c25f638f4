"""Training on a GPU: it takes a CPU's steps, goes on where it was, and speaks through NCCL."""

import subprocess
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import training_task
from torch import Tensor
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.datasets.device_pairs import DevicePairs
from photonvs.datasets.latents import LatentCache
from photonvs.datasets.pairs import Pair
from photonvs.model_config import FirstStageConfig
from photonvs.models import build_first_stage
from photonvs.training.latents import encode_latents
from photonvs.training.score import ScoreTask, train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

pytestmark = pytest.mark.gpu

# How far two trainings' steps may be from each other, relative. A GPU adds up gradients in another
# order each time, and Adam turns what is nearly zero into a whole step.
CLOSE = 1e-2


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> list[str]:
    """Settings of a training from chunks, which need no video package."""
    return training_task.chunk_settings(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def latent_words(words, tmp_path_factory) -> list[str]:
    """The same from latents."""
    folder = tmp_path_factory.mktemp("latents")
    config = load_config("realestate10k", words)
    encode_latents(config, folder, build_first_stage(config.first_stage))
    return [*words, f"data.latents={folder}"]


@pytest.fixture(autouse=True)
def without_tf32(monkeypatch):
    """In its convolutions, CUDA would round more than what is looked for here."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def trained(words: list[str], folder: Path, device: torch.device, *more: str) -> Tensor:
    """All weights, in one row, after a training or a part of one."""
    checkpoints = train(load_config("realestate10k", [*words, *more]), folder, device.type)
    state = load_checkpoint(list_checkpoints(checkpoints)[-1])["score_sde_model"]
    return torch.cat([tensor.flatten() for tensor in state.values()])


def step_error(found: Tensor, expected: Tensor, words: list[str], folder: Path) -> float:
    """How far a training's way from its start is from another's, relative."""
    cpu = torch.device("cpu")
    start = trained(words, folder / "start", cpu, "training.steps=1", "training.learning_rate=0")
    return float((found - expected).norm() / (expected - start).norm())


def test_steps_are_those_of_a_cpu(latent_words, tmp_path, device):
    cpu = torch.device("cpu")
    found = trained(latent_words, tmp_path / "here", device, "training.steps=3")
    expected = trained(latent_words, tmp_path / "there", cpu, "training.steps=3")
    assert step_error(found, expected, latent_words, tmp_path) < CLOSE
    for name in ("training/loss", "training/gradient_norm"):
        here, there = (training_task.logged(tmp_path / one, name) for one in ("here", "there"))
        assert here == pytest.approx(there, rel=1e-3)


def test_a_compiled_step_is_the_same(latent_words, tmp_path, device, monkeypatch):
    """Of the loss as one graph, forward and backward."""
    if device.type == "cpu":  # whose compiler takes minutes: the graph alone
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    one_level = "denoiser.channel_multipliers=[1]", "denoiser.ray_channels=[8]"
    words = [*latent_words, *one_level, "denoiser.attention_resolutions=[8]", "training.steps=2"]
    expected = trained(words, tmp_path / "eager", device)
    found = trained(words, tmp_path / "compiled", device, "training.compile=true")
    assert step_error(found, expected, words, tmp_path) < CLOSE
    losses = [
        training_task.logged(tmp_path / one, "training/loss") for one in ("eager", "compiled")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_steps_in_bfloat16_are_close(latent_words, tmp_path, device):
    words = [*latent_words, "training.steps=2"]
    trained(words, tmp_path / "full", device)
    trained(words, tmp_path / "low", device, "training.precision=bfloat16")
    full, low = (training_task.logged(tmp_path / one, "training/loss") for one in ("full", "low"))
    assert low != full and low == pytest.approx(full, rel=2e-2)


def test_from_frames_batches_come_in_pinned_memory(words, tmp_path, device, monkeypatch):
    pinned, update = [], ScoreTask.update

    def watched(task: ScoreTask, batches: list[dict[str, Tensor]], step: int) -> dict[str, Tensor]:
        pinned.extend(tensor.is_pinned() for batch in batches for tensor in batch.values())
        return update(task, batches, step)

    monkeypatch.setattr(ScoreTask, "update", watched)
    trained(words, tmp_path, device, "training.steps=2", "data.workers=1")
    assert set(pinned) == {device.type == "cuda"}


def test_the_memory_that_is_logged_is_the_devices(latent_words, tmp_path, device):
    trained(latent_words, tmp_path, device, "training.steps=2")
    first, last = training_task.logged(tmp_path, "training/memory_gigabytes")
    assert 0 < first <= last
    if device.type == "cuda":
        assert last == pytest.approx(torch.cuda.max_memory_allocated(device) / 1e9)


def test_too_little_memory_is_said_in_one_line(latent_words, tmp_path, device, monkeypatch):
    """A GPU has no room for 2^40 numbers. On a CPU what CUDA says is raised."""

    def greedy(task: ScoreTask, batches: list[dict[str, Tensor]], step: int) -> dict[str, Tensor]:
        if device.type != "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return {"loss": torch.empty(2**40, device=device).mean()}

    monkeypatch.setattr(ScoreTask, "update", greedy)
    with pytest.raises(ValueError, match=r"enough for 4 samples at once: .*accumulation \(now 2\)"):
        trained(latent_words, tmp_path, device, "training.accumulation=2")


def test_pairs_drawn_on_the_device_are_those_of_the_data(latent_words, device):
    pairs = training_task.open_pairs(latent_words)
    drawn, numbers = DevicePairs(pairs, device), range(5, 69)
    batch = drawn.batch(numbers)
    again = DevicePairs(pairs, device).batch(numbers)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert {tensor.device for tensor in batch.values()} == {device}
    for row in range(len(numbers)):
        place = (int(batch[name][row]) for name in ("sequence", "target_frame", "cond_frame"))
        expected = pairs.load(Pair(*place))
        for name in ("target_latent", "cond_latent", "target_pose", "cond_pose", "focal_y"):
            assert_close(batch[name][row].cpu(), expected[name], rtol=0, atol=1e-6)


def test_a_training_on_the_device_goes_on_as_it_would_have(latent_words, tmp_path, device):
    words = [*latent_words, "data.on_device=true"]
    whole = trained(words, tmp_path / "whole", device, "training.steps=4")
    trained(words, tmp_path / "parts", device, "training.steps=2")
    parts = trained(words, tmp_path / "parts", device, "training.steps=4")
    assert step_error(parts, whole, words, tmp_path) < CLOSE


def test_latents_are_those_of_a_cpu(words, tmp_path, device):
    config = load_config("realestate10k", words)
    config.first_stage = FirstStageConfig(
        image_size=16, channels=32, channel_multipliers=[1, 1], residual_blocks=1, codebook_size=8
    )
    stage = build_first_stage(config.first_stage).eval()
    caches = []
    for place in (torch.device("cpu"), device):
        encode_latents(config, tmp_path / str(len(caches)), stage.to(place))
        caches.append(LatentCache(tmp_path / str(len(caches))))
    lengths = training_task.open_pairs(words).poses.lengths()
    for number, length in enumerate(lengths.tolist()):
        expected, found = (torch.from_numpy(one.read(number, range(length))) for one in caches)
        assert expected.float().std() > 0
        assert_close(found, expected, rtol=2e-3, atol=2e-4)  # half precision rounds by 5e-4


def test_a_group_of_processes_averages_gradients(
    latent_words, tmp_path, device, monkeypatch, caplog
):
    """By NCCL where there is CUDA.

    The process is told that it is one of two, so it takes half of each batch and speaks to a group.
    That group has no other member, so averages are its own.
    """
    begin, backends = dist.init_process_group, []

    def alone(backend: str, **options: object) -> None:
        backends.append(backend)
        begin(backend, store=dist.HashStore(), rank=0, world_size=1, **options)

    words = [*latent_words, "training.steps=1"]
    expected = trained(words, tmp_path / "alone", device, "training.batch_size=4")
    for name, value in {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(dist, "init_process_group", alone)
    caplog.set_level("INFO")
    found = trained(words, tmp_path / "group", device, "training.batch_size=8")
    assert "batch 8, 2 processes" in caplog.text
    assert ("nccl" in backends[0]) == (device.type == "cuda")
    monkeypatch.undo()
    assert step_error(found, expected, words, tmp_path) < CLOSE


def test_torchrun_gives_its_process_a_device(latent_words, tmp_path, device):
    words = [*latent_words, "training.steps=3", "--device", device.type]
    line = training_task.command(tmp_path, words, launched=True)
    done = subprocess.run(line, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert f"; {device}, float32, batch 8" in done.stderr
    assert len(training_task.logged(tmp_path, "training/loss")) == 3
