"""The command train: the denoiser's training."""

import argparse
import logging

from .options import add_device, add_instance_data, add_settings


def main(arguments: list[str] | None = None) -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(
        description="Train the denoiser, alone or under torchrun. Run the same command again to go "
        "on after a stop, with any number of processes. SIGTERM, SIGUSR1, Ctrl-C or a file "
        "checkpoints/stop makes it save and end."
    )
    add_settings(parser, "realestate10k")
    add_device(parser)
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    from ..config import load_config

    config = load_config(options.config, options.settings)  # a mistake shall not wait for torch
    from ..evaluation.validation import Validation
    from ..training.score import train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    validation = Validation if config.data.validation else None
    train(config, options.instance_data, options.device, validation)
