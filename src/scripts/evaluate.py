"""Compare generated frames with true ones, or run a whole evaluation protocol."""

from photonvs.evaluate_command import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
