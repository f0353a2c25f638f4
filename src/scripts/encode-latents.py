"""Encode all frames of a data set once, for training from latents."""

from photonvs.commands.encode_latents import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
