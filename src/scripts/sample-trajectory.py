"""Make the frames that a camera moving along a path sees."""

from photonvs.sampling import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
