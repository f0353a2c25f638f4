"""Building a network for the weights of a file, which may be of another one, damaged or hostile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..model_config import FirstStageConfig, ModelConfig
from ..utils.words import first_line

# Bytes in memory that a byte of a file can become: numbers of 8 bits, read as 32.
EXPANSION = 4
MOST_BLOCKS = 1000  # residual blocks of a network, unless the file has more weights


class Plan:
    """A network of some settings that takes no memory for its weights, until they are known to fit.

    So what a file says of its sizes costs nothing.
    """

    def __init__(
        self,
        build: Callable[[Any], nn.Module],
        config: ModelConfig | FirstStageConfig,
        state: dict[str, Tensor],
        path: Path,
    ) -> None:
        """state: the weights of the file `path`.

        Raises ValueError, in one line, for settings that no network of so few weights can have.
        """
        self._build, self._config, self._path = build, config, path
        sizes = config.denoiser if isinstance(config, ModelConfig) else config
        levels = len(sizes.channel_multipliers)
        if levels * sizes.residual_blocks > max(len(state), MOST_BLOCKS):
            raise ValueError(
                f"{path}: its config has {sizes.residual_blocks} residual blocks at each of "
                f"{levels} levels, but the file has {len(state)} weights"
            )
        try:
            with torch.device("meta"):
                self._module = build(config)
        except (RuntimeError, OverflowError, TypeError) as error:
            raise ValueError(
                f"{path}: its config has sizes that no network can have ({first_line(error)})"
            ) from error

    def trained(self) -> list[str]:
        """The names of the weights that training changes, in the network's order."""
        parameters = self._module.named_parameters()
        return [name for name, parameter in parameters if parameter.requires_grad]

    def fill(self, state: dict[str, Tensor], device: str | torch.device) -> Any:
        """The network with these weights, in eval mode on the device.

        Raises ValueError, in one line, where they do not fit.
        """
        expected = self._module.state_dict()
        self._check_names(state, expected)
        for name, tensor in expected.items():
            if state[name].shape != tensor.shape:
                raise ValueError(
                    f"{self._path}: weight {name} has shape {list(state[name].shape)}, "
                    f"expected {list(tensor.shape)}: the file is of another model"
                )
        needed, there = sum(one.nbytes for one in expected.values()), self._path.stat().st_size
        if needed > EXPANSION * there:  # numbers of the file stand for many
            raise ValueError(
                f"{self._path}: weights of {needed / 1e6:.0f} MB in a file of {there / 1e6:.3g} MB;"
                " expected a file with all their numbers"
            )
        module = self._build(self._config)
        module.load_state_dict(state)
        return module.eval().to(device)

    def _check_names(self, state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
        """Raise ValueError unless the file has the network's weights and no others."""
        missing = [name for name in expected if name not in state]
        unexpected = [name for name in state if name not in expected]
        for problem, names in (("missing", missing), ("unexpected", unexpected)):
            if names:
                raise ValueError(
                    f"{self._path}: {len(names)} {problem} weights, the first {names[0]}: "
                    "the file is of another model than its config"
                )
