"""Rows of `suite.py` about training: a gradient, and a whole optimizer step."""

import atexit
from contextlib import ExitStack
from itertools import count

import torch
from arithmetic import teraflops
from parts import Row, published_denoiser, scratch_folder
from plain_network import PlainNetwork

from photonvs.datasets.latents import first_stage_fingerprint
from photonvs.datasets.sources import open_dataset
from photonvs.training.activations import checkpoint_activations
from photonvs.training.score import ScoreTask
from photonvs.utils.denormals import flushed_denormals
from photonvs.utils.distributed import Process


def training_step(
    device: torch.device, pairs: int = 1, precision: str = "float32", checkpointed: bool = False
) -> Row:
    """The gradient of the published network for pairs from latents.

    checkpointed: what is inside blocks is computed a second time in the backward pass.
    """
    denoiser = published_denoiser(device).train().requires_grad_()
    x, cond = torch.randn(2, pairs, 4, 32, 32, device=device)
    rays = tuple(torch.randn(pairs, 128, 32, 32, device=device) for _ in range(3))
    sigma, sigma_cond = (torch.full((pairs,), level, device=device) for level in (3.0, 0.01))
    low = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    tensors = dict(denoiser.named_parameters()) | dict(denoiser.named_buffers())
    plain = PlainNetwork(tensors)

    def ours() -> None:
        denoiser.zero_grad()
        with low:
            loss = denoiser.score(x, cond, sigma, rays).square().sum()
        loss.backward()

    def written_down() -> None:
        denoiser.zero_grad()
        with low:
            loss = plain.scores(x, cond, sigma, sigma_cond, rays)[0].square().sum()
        loss.backward()

    count = teraflops(ours)
    if checkpointed:
        checkpoint_activations(denoiser)
    return Row(ours, written_down, "the network as it is described", count)


def whole_step(device: torch.device) -> Row:
    """An optimizer step of one pair: data, gradient, clipping, Adam and averages."""
    # Late: the other rows go without a package for video files.
    from training import batches_of, prepare

    folder, stack = scratch_folder(), ExitStack()
    atexit.register(stack.close)
    stack.enter_context(flushed_denormals())  # as in a training
    configs = prepare(folder, 1, device)
    task, steps = ScoreTask(configs["videos"], folder, Process(device)), count()
    latents = open_dataset(configs["latents"], first_stage_fingerprint(task.first_stage))
    from_videos = stack.enter_context(batches_of(task.dataset, configs["videos"]))
    from_latents = stack.enter_context(batches_of(latents, configs["latents"]))
    return Row(
        lambda: task.update([next(from_latents)], next(steps)),
        lambda: task.update([next(from_videos)], next(steps)),
        "the same from videos",
    )
