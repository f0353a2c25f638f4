"""Time of an evaluation and of a training step of the published score network.

    python benchmarks/network.py [--batches 1 8] [--precisions float32 bfloat16] [--rooms-gpu]

On a GPU if there is one. The best of a few, after one that does not count. --rooms-gpu adds a
training step of that preset's network, as it is and compiled.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from photonvs.config import load_config
from photonvs.models import Denoiser, build_denoiser
from photonvs.training.score import PairLoss
from photonvs.utils.denormals import flushed_denormals
from photonvs.utils.distributed import choose_device
from photonvs.utils.precision import PRECISIONS, autocast


def main() -> None:
    """Print milliseconds a pair of frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "pairs at once (default: %(default)s)"
    add("--batches", type=int, nargs="+", default=[1], metavar="N", help=text)
    text = "of the arithmetic (default: %(default)s)"
    add("--precisions", nargs="+", choices=PRECISIONS, default=["float32"], help=text)
    add("--repeats", type=int, default=2, metavar="N", help="default: %(default)s")
    text = "also a training step of the preset rooms-gpu, as it is and compiled"
    add("--rooms-gpu", action="store_true", help=text)
    options = parser.parse_args()
    device = choose_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else device
    print(f"published network on {name}, torch {torch.__version__}", flush=True)
    with flushed_denormals():
        denoiser = build_denoiser(load_config("realestate10k").model).to(device)
        for precision in options.precisions:
            for batch in options.batches:
                report(denoiser, precision, batch, options.repeats)
        if options.rooms_gpu:
            config = load_config("rooms-gpu")
            small, batch = build_denoiser(config.model).to(device), config.training.batch_size
            loss, precision = PairLoss(small), config.training.precision
            for what, module in (("", loss), (" compiled", torch.compile(loss))):
                step = training_step(small, module, precision, batch)
                show(f"training step of rooms-gpu{what}", precision, batch, step, options.repeats)


def report(denoiser: Denoiser, precision: str, batch: int, repeats: int) -> None:
    """Print both times of a network."""
    inputs = pairs_of(denoiser, batch)

    @torch.inference_mode()
    def evaluation() -> None:
        with autocast(inputs[0].device, precision):
            rays = denoiser.embed_cameras(**inputs[-1])
            denoiser.score(*inputs[:2], 1.0, rays)

    show("evaluation", precision, batch, evaluation, repeats)
    step = training_step(denoiser, PairLoss(denoiser), precision, batch)
    show("training step", precision, batch, step, repeats)


def training_step(
    denoiser: Denoiser, loss: torch.nn.Module, precision: str, batch: int
) -> Callable[[], None]:
    """What an optimizer's step does to a batch of random latents."""
    inputs = pairs_of(denoiser, batch)
    fused = inputs[0].device.type == "cuda"
    optimizer = torch.optim.Adam(denoiser.parameters(), 1e-6, fused=fused)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(inputs[0].device, precision):
            value = loss(*inputs).mean()
        value.backward()
        optimizer.step()

    return step


def pairs_of(denoiser: Denoiser, batch: int) -> tuple:
    """Target, view, noise, noise levels of both, and cameras; of random latents."""
    device = next(denoiser.parameters()).device
    target, view, noise = (
        torch.randn(batch, *denoiser.config.latent_shape, device=device) for _ in range(3)
    )
    sigma, sigma_cond = torch.ones(batch, device=device), torch.full((batch,), 0.01, device=device)
    poses: Tensor = torch.eye(4, device=device).repeat(batch, 1, 1)
    cameras = {"target_pose": poses, "cond_pose": poses, "focal_y": torch.ones_like(sigma)}
    return target, view, noise, sigma, sigma_cond, cameras


def show(what: str, precision: str, batch: int, call: Callable[[], None], repeats: int) -> None:
    """Print the least time of a call, and that of a pair."""
    seconds = []
    for _ in range(1 + repeats):
        wait()
        start = time.perf_counter()
        call()
        wait()
        seconds.append(time.perf_counter() - start)
    best = 1000 * min(seconds[1:])
    line = f"{what:36s} {precision:9s} batch {batch:4d}: {best:9.2f} ms, {best / batch:8.3f} a pair"
    print(line, flush=True)


def wait() -> None:
    """For a GPU, until it has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
