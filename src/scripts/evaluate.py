"""Compare generated frames with true ones."""

from photonvs.evaluation.image_metrics import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
