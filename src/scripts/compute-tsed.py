"""Score the consistency of frames with their cameras."""

from photonvs.evaluation.compute_tsed import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
