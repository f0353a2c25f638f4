"""Sample pictures to watch a training by."""

import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from ..diffusion.registry import default_sampler, find_sampler
from ..diffusion.sde import VarianceExploding
from ..models import Denoiser
from ..utils.pictures import to_bytes
from ..utils.random import generator

SMALLEST_TILE = 96  # pixels; smaller frames are enlarged
STRIP = 100, 22  # pixels, left of the rows and above the columns


@torch.inference_mode()
def sample_grid(
    denoiser: Denoiser,
    first_stage: nn.Module,
    target: Tensor,
    cond: Tensor,
    cameras: dict[str, Tensor],
    seed: int,
) -> Tensor:
    """A picture (3, 3 S, n S) in [0, 1]: given views above, then generated ones, true ones below.

    target, cond: latents (n, c, L, L); cameras: target_pose, cond_pose (n, 4, 4) and focal_y (n,).
    """
    source = generator(seed, "sample grid")
    sde = VarianceExploding.from_config(denoiser.config.diffusion)
    rays = denoiser.embed_cameras(**cameras)

    def noise(shape: torch.Size) -> Tensor:
        return torch.from_numpy(source.standard_normal(shape, dtype="float32")).to(target)

    sampler = find_sampler(default_sampler(denoiser.config.diffusion.trained_for))
    generated = sampler.function(
        lambda x, sigma: denoiser.score(x, cond, sigma, rays),
        noise(target.shape) * sde.sigma_max,
        sde,
        sampler.steps,
        noise=noise,
    )
    rows = [
        torch.cat(list(first_stage.decode(latents)), dim=-1)
        for latents in (cond, generated, target)
    ]
    return (torch.cat(rows, dim=-2).clamp(-1, 1) + 1) / 2


def captioned(picture: Tensor, rows: list[str]) -> Tensor:
    """A picture (3, height, width) in [0, 1] with names of its rows, and numbers of its columns.

    Its tiles are square, and as many rows of them as there are names.
    """
    frame = to_bytes(2 * picture - 1).permute(1, 2, 0).cpu().numpy()
    factor = math.ceil(SMALLEST_TILE * len(rows) / len(frame))
    frame = frame.repeat(factor, axis=0).repeat(factor, axis=1)
    tile, (left, top) = len(frame) // len(rows), STRIP
    sheet = Image.new("RGB", (left + frame.shape[1], top + len(frame)), "white")
    sheet.paste(Image.fromarray(frame), (left, top))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, row in enumerate(rows):
        place = left / 2, top + (number + 0.5) * tile
        draw.text(place, row, fill="black", font=font, anchor="mm")
    for column in range(frame.shape[1] // tile):
        place = left + (column + 0.5) * tile, top / 2
        draw.text(place, f"sample {column}", fill="black", font=font, anchor="mm")
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1) / 255
