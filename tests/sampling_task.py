"""A tiny sampling task: settings, a folder, and a model whose answers are known exactly."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from photonvs.cameras.rays import pair_ray_features
from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.config import DenoiserConfig, DiffusionConfig, FirstStageConfig, ModelConfig
from photonvs.models import build_first_stage
from photonvs.sampling.method import Method
from photonvs.sampling.trajectory import sample_trajectory
from photonvs.utils.pictures import write_png

CONFIG = ModelConfig(
    first_stage=FirstStageConfig(kind="pixels", image_size=16, pixel_block=2),
    denoiser=DenoiserConfig(
        latent_size=8,
        latent_channels=12,
        channels=16,
        channel_multipliers=[1, 1],
        residual_blocks=1,
        attention_resolutions=[4],
        attention_heads=1,
        ray_channels=[16, 16],
    ),
    diffusion=DiffusionConfig(sigma_max=20.0),
)
FIRST_STAGE = build_first_stage(CONFIG.first_stage)
LATENT = (12, 8, 8)
CHAIN = (None, (0,), (1,), (2,), (3,))  # five frames, each on the one before


class GaussianDenoiser(nn.Module):
    """The exact score of normal latents.

    Their mean is tanh(conditioning latent + mean of the rays), their standard deviation 0.3.
    """

    config = CONFIG

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.batches = []  # the size of each evaluation

    def embed_cameras(self, target_pose, cond_pose, focal_y):
        features = pair_ray_features(target_pose, cond_pose, focal_y, 32)
        # The raw rays: direction and camera centre.
        return tuple(part[:, 1:7, ::4, ::4].float() for part in features)

    def mean(self, x_cond, rays):
        return torch.tanh(
            x_cond + sum(embedding.mean(dim=(1, 2, 3), keepdim=True) for embedding in rays)
        )

    def prepare(self, x_cond, rays, sigma_cond=None):
        return x_cond, rays, sigma_cond

    def score_given(self, x, sigma, given):
        x_cond, rays, sigma_cond = given
        return self.score(x, x_cond, sigma, rays, sigma_cond)

    def score(self, x, x_cond, sigma, rays, sigma_cond=None):
        assert sigma.shape == (len(x),) and len(x_cond) == len(rays[0]) == len(rays[1]) == len(
            rays[2]
        ) == len(x)
        self.batches.append(len(x))
        return (self.mean(x_cond, rays) - x) / (sigma[:, None, None, None] ** 2 + 0.3**2)


def write_task(directory: Path, dependencies: tuple = CHAIN) -> Path:
    """A folder with a specification and its given photos; cameras side by side, focal_y 0.9."""
    poses = np.tile(np.eye(4), (len(dependencies), 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(len(dependencies))
    order = tuple(index for index, needed in enumerate(dependencies) if needed is not None)
    write_spec(directory / "sampling-spec.json", SamplingSpec(0.9, poses, order, dependencies))
    for index in set(range(len(dependencies))) - set(order):
        photo = np.random.default_rng(index).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        write_png(directory / "init-ims" / f"{index:04d}.png", photo)
    return directory


def sample(*directories, denoiser=None, **options):
    """Runs of those folders, by default with the exact model and four ancestral steps."""
    method = {"sampler": "ancestral", "steps": 4}
    method |= {
        field.name: options.pop(field.name) for field in fields(Method) if field.name in options
    }
    return sample_trajectory(
        directories,
        denoiser or GaussianDenoiser(),
        FIRST_STAGE,
        Method(**method),
        progress=False,
        **options,
    )


def latent_of(run, index):
    """A frame's latent of a run, as it is stored."""
    return run.read_latents(LATENT)[index]


def contents(folder, *kinds):
    """Bytes of every latent and image of a run (or of the named kinds of files)."""
    paths = [
        path
        for kind in kinds or ("latents/*.npy", "images/*.png")
        for path in sorted(folder.glob(kind))
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
