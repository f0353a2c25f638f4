"""Draw two frames with their matches and epipolar lines."""

from photonvs.commands.draw_epipolar import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
