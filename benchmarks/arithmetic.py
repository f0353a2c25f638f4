"""Floating-point operations of the published networks: what a frame and a training step cost.

Nothing is computed: tensors without content go through the networks, so that this takes seconds.
A multiplication with an addition counts as two. Attention is counted too, which torch's counter
sees only in its written-out form.
"""

from collections.abc import Callable

import torch
from plain_network import PlainNetwork
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from photonvs.cameras.rays import RAY_FEATURES
from photonvs.config import ModelConfig
from photonvs.models import Denoiser, build_denoiser, build_first_stage

LATENT, IMAGE = (1, 4, 32, 32), (1, 3, 256, 256)


def teraflops(call: Callable[[], object]) -> float:
    """Operations of a call, in 10^12."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        call()
    return counter.get_total_flops() / 1e12


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
        found = {
            "cameras of a pair": teraflops(lambda: denoiser.embed_rays(features)),
            "preparing a view": teraflops(lambda: denoiser.prepare(latent, rays)),
            "an evaluation, prepared": teraflops(lambda: denoiser.score_given(latent, 1.0, given)),
            "an evaluation, as published": teraflops(
                lambda: plain.scores(latent, latent, level, level, rays)
            ),
            "encoding a frame": teraflops(lambda: first_stage.encode(empty(*IMAGE))),
            "decoding a frame": teraflops(lambda: first_stage.decode(latent)),
        }
    found["a training step, from latents"] = teraflops(lambda: train(denoiser, features, latent))
    return found


def train(denoiser: Denoiser, features: Tensor, latent: Tensor) -> None:
    """The gradient for pairs whose rays are `features`, three of them a pair."""
    rays = tuple(denoiser.embed_rays(features).chunk(3))
    denoiser.score(latent, latent, 1.0, rays).sum().backward()


def main() -> None:
    for name, count in rows().items():
        print(f"{name:32s}{count:8.3f} TFLOP")


if __name__ == "__main__":
    main()
