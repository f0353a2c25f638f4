"""The command train: the score network's training."""

import argparse
import logging

from ..config import load_config
from ..evaluation.validation import Validation
from ..training.score import train
from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/train.py."""
    parser = argparse.ArgumentParser(
        description="Train the score network, alone or under torchrun. Run the same command again to go on after a stop, "
        "with any number of processes. SIGTERM, SIGUSR1, Ctrl-C or a file checkpoints/stop: save and end."
    )
    parser.add_argument(
        "--config",
        default="realestate10k",
        help="a preset's name or a YAML file (default: %(default)s)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings that replace the preset's"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config, options.settings)
    train(
        config,
        options.instance_data,
        options.device,
        Validation if config.data.validation else None,
    )
