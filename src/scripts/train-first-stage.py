"""Train a first stage, the image autoencoder."""

from photonvs.first_stage_training import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
