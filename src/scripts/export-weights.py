"""Export a training checkpoint's weights for others."""

from photonvs.commands.export_weights import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
