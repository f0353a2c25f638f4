"""Floating-point operations of the published networks: what a frame and a training step cost.

Then the memory that a training step keeps between its two passes.

Nothing is computed: tensors without content go through the networks, so that this takes seconds.
A multiplication with an addition counts as two. Attention is counted too, which torch's counter
sees only in its written-out form.
"""

from collections.abc import Callable
from functools import partial

import torch
from plain_network import PlainNetwork
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from photonvs.cameras.rays import RAY_FEATURES
from photonvs.config import ModelConfig
from photonvs.models import Denoiser, build_denoiser, build_first_stage
from photonvs.training.activations import checkpoint_activations

LATENT, IMAGE = (1, 4, 32, 32), (1, 3, 256, 256)


def teraflops(call: Callable[[], object]) -> float:
    """Operations of a call, in 10^12."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        call()
    return counter.get_total_flops() / 1e12


def kept_gigabytes(call: Callable[[], object], network: Denoiser) -> float:
    """What a call keeps for its backward pass beside the network's weights, in 10^9 bytes."""
    storages = {}  # by their addresses: tensors share them

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        call()
    for weight in network.parameters():
        storages.pop(weight.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in storages.values()) / 1e9


def empty(*shape: int) -> Tensor:
    """A tensor of a shape, without content."""
    return torch.empty(shape, device="meta")


def rows() -> dict[str, float]:
    """What is counted, in 10^12 operations, for one pair or one frame of 256x256 pixels."""
    with torch.device("meta"):
        denoiser = build_denoiser(ModelConfig())
        first_stage = build_first_stage(denoiser.config.first_stage)
    features, latent = empty(3, RAY_FEATURES, 128, 128), empty(*LATENT)
    rays = tuple(empty(1, 128, 32, 32) for _ in range(3))
    with torch.no_grad():
        given = denoiser.prepare(latent, rays)
        plain, level = PlainNetwork(denoiser.state_dict()), empty(1)
        plain.filter = plain.filter.to("meta")
        return {
            "cameras of a pair": teraflops(lambda: denoiser.embed_rays(features)),
            "preparing a view": teraflops(lambda: denoiser.prepare(latent, rays)),
            "an evaluation, prepared": teraflops(lambda: denoiser.score_given(latent, 1.0, given)),
            "an evaluation, as published": teraflops(
                lambda: plain.scores(latent, latent, level, level, rays)
            ),
            "encoding a frame": teraflops(lambda: first_stage.encode(empty(*IMAGE))),
            "decoding a frame": teraflops(lambda: first_stage.decode(latent)),
        }


def training_rows() -> dict[str, tuple[float, float]]:
    """A training step of one pair from latents: 10^12 operations, and GB for its backward pass."""
    with torch.device("meta"):
        denoiser = build_denoiser(ModelConfig())
    step = partial(train, denoiser, empty(3, RAY_FEATURES, 128, 128), empty(*LATENT))
    found = {"a training step, from latents": (teraflops(step), kept_gigabytes(step, denoiser))}
    checkpoint_activations(denoiser)
    return found | {"the same, checkpointed": (teraflops(step), kept_gigabytes(step, denoiser))}


def train(denoiser: Denoiser, features: Tensor, latent: Tensor) -> None:
    """The gradient for pairs whose rays are `features`, three of them a pair."""
    rays = tuple(denoiser.embed_rays(features).chunk(3))
    denoiser.score(latent, latent, 1.0, rays).sum().backward()


def main() -> None:
    for name, count in rows().items():
        print(f"{name:32s}{count:8.3f} TFLOP")
    for name, (count, gigabytes) in training_rows().items():
        print(f"{name:32s}{count:8.3f} TFLOP, {gigabytes:.3f} GB kept for the backward pass")


if __name__ == "__main__":
    main()
