"""The program `photonvs COMMAND …`; also `python -m photonvs COMMAND …`."""

import argparse
import sys

from . import __version__
from .commands import COMMANDS, run


def main() -> None:
    """Run the command that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name in COMMANDS:
        sys.argv[:2] = [f"photonvs {name}"]
        run(name)
        return
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="photonvs",
        description="Frames along a camera path from one photo.",
        epilog="commands:\n"
        + "\n".join(f"  {command:{width}}  {text}" for command, text in COMMANDS.items())
        + "\n\nphotonvs COMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of those below")
    parser.add_argument("--version", action="version", version=f"photonvs {__version__}")
    parser.parse_args()


def compute_tsed() -> None:
    """The program photonvs-compute-tsed: the command of that name."""
    run("compute-tsed")


if __name__ == "__main__":
    main()
