"""Floating-point operations of the published denoiser and first stage, of a pair and of a frame."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from photonvs.cameras.rays import RAY_FEATURES
from photonvs.config import ModelConfig
from photonvs.models import build_denoiser, build_first_stage


@torch.no_grad()
def main() -> None:
    denoiser = build_denoiser(ModelConfig())
    first_stage = build_first_stage(denoiser.config.first_stage)
    latent, image = torch.zeros(1, 4, 32, 32), torch.zeros(1, 3, 256, 256)
    features = torch.zeros(3, RAY_FEATURES, 128, 128)
    rays = tuple(denoiser.embed_rays(features).split(1))
    for name, call in {
        "cameras of a pair": lambda: denoiser.embed_rays(features),
        "score of a pair, forward": lambda: denoiser.score(latent, latent, 1.0, rays),
        "encoding a frame": lambda: first_stage.encode(image),
        "decoding a frame": lambda: first_stage.decode(latent),
    }.items():
        with FlopCounterMode(display=False) as counter:
            call()
        print(f"{name:28s}{counter.get_total_flops() / 1e12:8.3f} TFLOP")


if __name__ == "__main__":
    main()
