"""Compare generated frames with true ones, or run a whole evaluation protocol."""

from photonvs.commands.evaluate import main
from photonvs.commands.options import run

if __name__ == "__main__":
    run(main)
