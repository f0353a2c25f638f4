"""What training costs, in floating-point operations."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.autograd import grad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
