"""Make the frames that a camera moving along a path sees."""

from photonvs.commands.options import run
from photonvs.commands.sample_trajectory import main

if __name__ == "__main__":
    run(main)
