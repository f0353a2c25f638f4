"""How well a first stage gives back images: PSNR, SSIM, and pictures to look at."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..utils.distributed import Process, device_of
from ..utils.image_quality import psnr, ssim
from ..utils.pictures import from_bytes, to_bytes

BATCH = 8  # images


@torch.no_grad()
def reconstruct(
    first_stage: nn.Module, dataset: Dataset, numbers: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The frames of a FrameDataset with these numbers, and their reconstructions.

    Each is (n, 3, S, S) in [0, 1], on the CPU. Reconstructions are rounded to the 256 values that
    image files hold.
    """
    device = device_of(first_stage)
    images = torch.stack([dataset[number]["image"] for number in numbers])
    parts = [
        to_bytes(first_stage.decode(first_stage.encode(from_bytes(part.to(device))))).cpu()
        for part in images.split(BATCH)
    ]
    return images / 255, torch.cat(parts) / 255


def reconstruction_quality(
    first_stage: nn.Module, dataset: Dataset, count: int, process: Process | None = None
) -> dict[str, float]:
    """Mean `psnr` (dB) and `ssim` over the first `count` frames of a FrameDataset.

    process: one of several that share the frames and must all call this; default: it is alone. An
    error of one is raised in all.
    """
    process = process or Process(device_of(first_stage))
    batches = [range(count)[start : start + BATCH] for start in range(0, count, BATCH)]

    def quality(numbers: Sequence[int]) -> Tensor:  # (2, n)
        images, made = reconstruct(first_stage, dataset, numbers)
        return torch.stack([psnr(made, images), ssim(made, images)])

    # Of the same batches on any number of processes, and joined in the same order.
    shares = process.share(
        lambda: [quality(numbers) for numbers in batches[process.rank :: process.count]]
    )
    parts = [shares[place % process.count][place // process.count] for place in range(len(batches))]
    of_psnr, of_ssim = torch.cat(parts, dim=1).mean(dim=1).tolist()
    return {"psnr": of_psnr, "ssim": of_ssim}


def reconstruction_picture(first_stage: nn.Module, dataset: Dataset, count: int) -> Tensor:
    """A picture (3, 2 S, count S) in [0, 1]: frames as above, below them their reconstructions."""
    rows = [torch.cat(list(row), dim=-1) for row in reconstruct(first_stage, dataset, range(count))]
    return torch.cat(rows, dim=-2)
