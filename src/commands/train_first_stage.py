"""The command train-first-stage: the image autoencoder's training."""

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
    """Train, or go on, and export the weights."""
    options = parse(arguments)
    config = load_settings(options)  # a mistake shall not wait for torch
    from ..training.first_stage import train_first_stage

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train_first_stage(config, options.instance_data, options.device)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Train a first stage (the image autoencoder) and write "
        "first-stage.safetensors, where train.py and sample-trajectory.py find it. Run the same "
        "command again to go on after a stop. SIGTERM, SIGUSR1, Ctrl-C or a file "
        "first-stage/checkpoints/stop makes it save and end."
    )
    add_settings(parser, "first-stage-small")
    add_device(parser)
    add_instance_data(parser)
    return parse_with_settings(parser, arguments)
