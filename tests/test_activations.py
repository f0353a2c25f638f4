"""Activation checkpointing: the same gradients from fewer kept numbers."""

import copy
from contextlib import contextmanager

import pytest
import torch
import torch.distributed as dist
import training_task
from torch.nn.parallel import DistributedDataParallel

from photonvs.config import load_config
from photonvs.model_config import FirstStageConfig
from photonvs.models import build_denoiser, build_first_stage
from photonvs.training.activations import checkpoint_activations
from photonvs.training.first_stage_losses import Autoencoding, codebook_loss
from photonvs.training.objective import PairLoss


def score_loss():
    """A network with attention at both levels, and a function of its loss's inputs."""
    words = training_task.settings("nowhere", "denoiser.attention_resolutions=[8,4]")
    denoiser = build_denoiser(load_config("realestate10k", words).model)
    for parameter in denoiser.parameters():
        if parameter.requires_grad and parameter.abs().max() < 1e-4:
            torch.nn.init.normal_(parameter, std=0.1)  # so that every block has a say
    target, cond, noise = torch.randn(3, 4, 12, 8, 8)
    poses = torch.eye(4).repeat(4, 1, 1)
    cameras = {"target_pose": poses, "cond_pose": poses, "focal_y": torch.ones(4)}
    inputs = target, cond, noise, torch.ones(4), torch.ones(4), cameras
    return PairLoss(denoiser), lambda module: module(*inputs).mean()


def autoencoding_loss():
    """A small first stage, and a function of its reconstruction's error and its codes' loss."""
    config = FirstStageConfig(
        image_size=32, channels=32, channel_multipliers=[1, 2], codebook_size=16
    )
    images = torch.rand(2, 3, 32, 32) * 2 - 1

    def loss(module: torch.nn.Module) -> torch.Tensor:
        reconstructions, latents, quantized, _ = module(images)
        return reconstructions.square().mean() + codebook_loss(latents, quantized, 0.25)

    return Autoencoding(build_first_stage(config)), loss


@contextmanager
def kept_bytes():
    """A list of the bytes that a forward pass keeps; weights do not count."""
    found = []

    def note(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            found.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield found


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.grad for name, one in module.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("made", [score_loss, autoencoding_loss])
def test_gradients_are_the_same_and_less_is_kept(made):
    torch.manual_seed(0)
    module, loss = made()
    thrifty = copy.deepcopy(module)
    checkpoint_activations(thrifty)
    kept = {}
    for one in (module, thrifty):
        with kept_bytes() as found:
            value = loss(one)
        kept[one] = sum(found)
        value.backward()
    found, expected = gradients(thrifty), gradients(module)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert kept[thrifty] < 0.5 * kept[module]


def test_weights_keep_their_names():
    torch.manual_seed(0)
    module, _ = score_loss()
    before = module.state_dict().keys()
    checkpoint_activations(module)
    assert module.state_dict().keys() == before


@pytest.fixture
def group_of_one(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("made", [score_loss, autoencoding_loss])
@pytest.mark.parametrize("thrifty", [False, True])
def test_distributed_training_takes_steps(group_of_one, made, thrifty):
    """A weight without a gradient would end the second one."""
    torch.manual_seed(0)
    module, loss = made()
    loss(module).backward()
    expected = {name: one.clone() for name, one in gradients(module).items()}
    parallel = DistributedDataParallel(module)
    if thrifty:
        checkpoint_activations(module)
    for _ in range(2):
        module.zero_grad()
        loss(parallel).backward()
    assert gradients(module).keys() == expected.keys()
    torch.testing.assert_close(gradients(module), expected, rtol=1e-5, atol=1e-7)
