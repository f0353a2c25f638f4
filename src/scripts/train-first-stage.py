"""Train a first stage, the image autoencoder."""

from photonvs.training.first_stage import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
