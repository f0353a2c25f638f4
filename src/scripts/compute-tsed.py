"""Score the consistency of frames with their cameras."""

from photonvs.commands.compute_tsed import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
