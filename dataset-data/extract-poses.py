"""Convert RealEstate10K's text files of a split to one poses.npy."""

from photonvs.datasets.extract import main
from photonvs.utils.command_line import run

if __name__ == "__main__":  # processes that it starts may import this file again
    run(main)
