"""The commands, one file each: parse, call one function, print. Nothing else parses arguments.

A command's file imports at its top only what its options need. The function that it calls comes
with networks and video libraries; it is imported when the command runs, so that --help answers at
once.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ..utils.cores import limit_threads
from ..utils.terminal import PrintableStream, printable

# Name -> what it does. The file has the same name, with underscores.
COMMANDS = {
    "run": "make a video from one photo, in one line",
    "view": "open a page in the browser: steer, generate, look",
    "gallery": "write one page of many samples",
    "make-trajectory": "write a camera path beside a photo",
    "sample-trajectory": "make the frames that a camera moving along a path sees",
    "compute-tsed": "score how well frames agree with their cameras",
    "draw-epipolar": "draw two frames with their matches and epipolar lines",
    "evaluate": "compare frames with true ones, or carry out a protocol",
    "make-protocol": "pin the sequences and frames of an evaluation",
    "make-model": "make a whole model of made-up rooms",
    "make-rooms": "render video clips of made-up rooms, with their cameras",
    "download-videos": "fetch the videos of RealEstate10K",
    "convert-sequence": "convert posed images or a posed video of your own",
    "extract-poses": "convert RealEstate10K's text files to one poses.npy",
    "pack": "write videos as chunks, few large files",
    "unpack": "write chunks back as videos and text files",
    "encode-latents": "encode all frames of a data set once",
    "train": "train the denoiser",
    "train-first-stage": "train the image autoencoder",
    "export-cameras": "write cameras and frames for other programs",
    "download-weights": "fetch the published weights",
    "export-weights": "export a checkpoint's weights for others",
    "info": "say what a file or a folder holds",
}


def command_module(name: str) -> ModuleType:
    """The file of a command in COMMANDS: `main(arguments)` and `parse(arguments)`."""
    return import_module(f".{name.replace('-', '_')}", __name__)


def run(name: str) -> None:
    """Run the command of this name in COMMANDS, with the process's arguments, and end it."""
    run_main(command_module(name).main)


def run_main(main: Callable[[], object]) -> None:
    """Run a program's `main` and end the process: status 0, or 1 after one line on standard error.

    ValueError and OSError carry messages meant for users (a bad file, a missing one). With the
    environment variable PHOTONVS_TRACEBACK set, their traceback is shown instead. Anything else is
    a defect of ours and keeps its traceback.
    """
    program = Path(sys.argv[0]).name
    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr, True)
    # Threads that wait sleep, unless the user wants otherwise. Beside other programs, spinning ones
    # make small networks several times slower. Torch reads this when it is imported, later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    limit_threads()
    try:
        main()
    except (ValueError, OSError) as error:
        if os.environ.get("PHOTONVS_TRACEBACK"):
            raise
        sys.exit(f"{program}: error: {error_line(error)}")
    except KeyboardInterrupt:
        sys.exit(f"{program}: interrupted; run the same command again to go on")


def error_line(error: Exception) -> str:
    """The error as one line; an operating system's error names its file."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename2 or error.filename  # of a renaming: the new name
        text = f"{name}: {error.strerror}" if name else error.strerror
    else:
        text = str(error)
    return printable(" ".join(text.split()))
