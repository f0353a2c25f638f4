#!/usr/bin/env python3
"""What the launch scripts are tested with in place of Python.

It notes its arguments, and acts as a trainer does. $STAND_IN is a folder. Every start writes a line
of JSON to `starts` there. A start of train.py counts steps, ten a second, up to the argument
steps=N, in the file `steps` of --instance-data, until the stop file is there. exit=N is its status
at the end.
"""

import json
import os
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Act as `python ARGUMENTS`; the status."""
    if arguments[:1] == ["-c"]:  # whether photonvs is installed
        return int(os.environ.get("STAND_IN_LACKS_PHOTONVS", 0))
    start = {
        "arguments": arguments,
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "rank": os.environ.get("SLURM_PROCID", ""),
    }
    with (Path(os.environ["STAND_IN"]) / "starts").open("a") as file:
        file.write(json.dumps(start) + "\n")
    if any(argument.endswith("train.py") for argument in arguments):
        return _train(arguments)
    return 0


def _train(arguments: list[str]) -> int:
    settings = dict(
        argument.split("=", 1)
        for argument in arguments
        if "=" in argument and not argument.startswith("-")
    )
    folder = Path(arguments[arguments.index("--instance-data") + 1])
    leads = os.environ.get("SLURM_PROCID", "0") == "0"
    counter = folder / "steps"
    step = int(counter.read_text()) if counter.exists() else 0
    while step < int(settings.get("steps", 0)) and not (folder / "checkpoints" / "stop").exists():
        time.sleep(0.1)
        step += 1
        if leads:
            temporary = counter.with_suffix(".new")
            temporary.write_text(str(step))
            temporary.replace(counter)
    return int(settings.get("exit", 0))


if __name__ == "__main__":
    # torchrun of a training: its own answer to TERM is what PET_SIGNALS_TO_HANDLE switches off.
    if "-m" in sys.argv and any(word.endswith("train.py") for word in sys.argv):
        assert "SIGTERM" not in os.environ["PET_SIGNALS_TO_HANDLE"]
    sys.exit(main(sys.argv[1:]))
