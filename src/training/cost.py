"""What training costs in floating-point operations, and how many a second a device can do."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

SECONDS = 0.05  # of measuring a device


class Arithmetic(NamedTuple):
    """A training's floating-point operations, and the speed of what it runs on."""

    operations: int  # of one sample's loss and gradient
    rate: float  # of large matrix products on the devices of all processes; operations a second


def operations(loss: Callable[[], Tensor], network: nn.Module) -> int:
    """Operations of computing a loss and its gradient; a product and a sum are two.

    They are those of convolutions, matrix products and attention. No gradient is left in the
    network, and hooks that would share it with other processes are not called.
    """
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    # This kernel is made of matrix products, which the counter knows on every device.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        grad(loss(), weights, allow_unused=True)
    return counter.get_total_flops()


def product_rate(device: torch.device, precision: str) -> float:
    """Operations a second of large matrix products, in a training's precision.

    It takes about a tenth of a second. The best of the tries counts, so that other work on the
    machine matters little.
    """
    on_cpu = device.type == "cpu"
    # A GPU's products take microseconds, as long as asking whether they are done.
    side, together = (1024, 1) if on_cpu else (4096, 10)
    wait = (lambda: None) if on_cpu else partial(torch.accelerator.synchronize, device)
    # Not zeros, with which a GPU is faster. The training's random numbers stay as they are.
    source = torch.Generator(device).manual_seed(0)
    matrix = torch.randn(side, side, generator=source, device=device)
    matrix = matrix.to(getattr(torch, precision))

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(together):
            matrix @ matrix
        wait()
        return time.perf_counter() - start

    seconds()  # the first product of a process sets its library up
    best, end = seconds(), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        best = min(best, seconds())
    return together * 2 * side**3 / best
