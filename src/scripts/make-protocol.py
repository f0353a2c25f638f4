"""Pin the sequences and frames of an evaluation protocol."""

from photonvs.evaluation.make_protocol import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
