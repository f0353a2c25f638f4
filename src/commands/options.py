"""What every command shares: one clear line for a mistake, and the folder that `-o` is relative to."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..utils.files import REPOSITORY


def run(main: Callable[[], object]) -> None:
    """Run a command's `main` and end the process: status 0, or 1 after one line on standard error.

    `ValueError` and `OSError` carry messages meant for users (a bad file, a missing one). With the environment variable
    PHOTONVS_TRACEBACK set, their traceback is shown instead. Anything else is a defect of ours and keeps its traceback.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        if os.environ.get("PHOTONVS_TRACEBACK"):
            raise
        sys.exit(f"{Path(sys.argv[0]).name}: error: {_message(error)}")
    except KeyboardInterrupt:
        sys.exit(f"{Path(sys.argv[0]).name}: interrupted; run the same command again to go on")


def _message(error: Exception) -> str:
    """The error as one line; an operating system's error names its file."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename2 or error.filename  # of a renaming: the new name
        return f"{name}: {error.strerror}" if name else error.strerror
    return " ".join(str(error).split())


def add_instance_data(parser: argparse.ArgumentParser) -> None:
    """Add the option --instance-data, which all commands share."""
    parser.add_argument(
        "--instance-data",
        type=Path,
        default=REPOSITORY / "instance-data",
        metavar="DIR",
        help="folder of samples, checkpoints and logs (default: the repository's instance-data)",
    )
