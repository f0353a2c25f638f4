"""The command train: the denoiser's training."""

import argparse
import logging

from .options import (
    add_device,
    add_instance_data,
    add_settings,
    load_settings,
    parse_with_settings,
)


def main(arguments: list[str] | None = None) -> None:
    """Train, or go on."""
    options = parse(arguments)
    config = load_settings(options)  # a mistake shall not wait for torch
    from ..config import chosen_settings
    from ..evaluation.validation import Validation
    from ..models.choosing import follow_first_stage
    from ..training.score import train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = chosen_settings(options.config, options.settings)
    config = follow_first_stage(config, chosen, options.instance_data)
    validation = Validation if config.data.validation else None
    train(config, options.instance_data, options.device, validation)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Train the denoiser, alone or under torchrun. Run the same command again to go "
        "on after a stop, with any number of processes. SIGTERM, SIGUSR1, Ctrl-C or a file "
        "checkpoints/stop makes it save and end."
    )
    add_settings(parser, "realestate10k")
    add_device(parser)
    add_instance_data(parser)
    return parse_with_settings(parser, arguments)
