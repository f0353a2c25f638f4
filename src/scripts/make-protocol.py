"""Pin the sequences and frames of an evaluation protocol."""

from photonvs.commands.make_protocol import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
