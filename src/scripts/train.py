"""Train the score network on frame pairs."""

from photonvs.commands.options import run
from photonvs.commands.train import main

if __name__ == "__main__":
    run(main)
