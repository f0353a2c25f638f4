"""Convert RealEstate10K's text files of a split to one poses.npy."""

from photonvs.commands.extract_poses import main
from photonvs.commands.options import run

if __name__ == "__main__":  # processes that it starts may import this file again
    run(main)
