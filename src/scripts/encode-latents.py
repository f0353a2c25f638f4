"""Encode all frames of a data set once, for training from latents."""

from photonvs.training.latents import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
