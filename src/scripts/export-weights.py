"""Export a training checkpoint's weights for others."""

from photonvs.export_weights import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
