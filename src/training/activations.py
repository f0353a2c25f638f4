"""Activation checkpointing: less memory for a training step, and more arithmetic."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from ..models import blocks, first_stage

BLOCKS = blocks.ResidualBlock, blocks.Attention, first_stage.ResidualBlock, first_stage.Attention


def checkpoint_activations(network: nn.Module) -> None:
    """Let the blocks of a network keep their inputs alone until the backward pass.

    What is in between is computed a second time there (Chen et al. 2016, arXiv 1604.06174). The
    gradients stay the same. Nothing changes where none are asked for.
    """
    for module in network.modules():
        if isinstance(module, BLOCKS):
            # No block draws random numbers, whose state would have to be kept.
            module.forward = partial(
                checkpoint, module.forward, use_reentrant=False, preserve_rng_state=False
            )
