"""Draw two frames with their matches and epipolar lines."""

from photonvs.evaluation.draw_epipolar import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
