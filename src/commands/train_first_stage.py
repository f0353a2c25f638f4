"""The command train-first-stage: the image autoencoder's training."""

import argparse
import logging

from ..config import load_config
from ..training.first_stage import train_first_stage
from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """The command line of scripts/train-first-stage.py."""
    parser = argparse.ArgumentParser(
        description="Train a first stage (the image autoencoder) and write first-stage.safetensors, which train.py and "
        "sample-trajectory.py then find. Run the same command again to go on after a stop. SIGTERM, SIGUSR1, Ctrl-C or a "
        "file first-stage/checkpoints/stop: save and end."
    )
    parser.add_argument(
        "--config",
        default="first-stage-small",
        help="a preset's name or a YAML file (default: %(default)s)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings that replace the preset's"
    )
    add_instance_data(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train_first_stage(
        load_config(options.config, options.settings), options.instance_data, options.device
    )
