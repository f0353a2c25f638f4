"""Train a first stage, the image autoencoder."""

from photonvs.commands.options import run
from photonvs.commands.train_first_stage import main

if __name__ == "__main__":
    run(main)
