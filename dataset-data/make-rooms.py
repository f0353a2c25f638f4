"""Make video clips of random furnished rooms, with their cameras in RealEstate10K's format."""

from photonvs.commands.make_rooms import main
from photonvs.commands.options import run

if __name__ == "__main__":  # its worker processes import this file
    run(main)
