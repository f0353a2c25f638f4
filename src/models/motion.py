"""How far apart the cameras of the pairs were that weights were trained on, as their file says."""

from pathlib import Path

from ..cameras.motion import Motion
from ..utils.checkpoint import read_checkpoint
from ..utils.json_files import parse_json
from ..utils.safetensors_files import open_safetensors
from .places import find_denoiser

KEY = "motion"  # in a checkpoint, and in a .safetensors file's metadata, there as JSON


def motion_of(path: Path) -> Motion | None:
    """The motion that a denoiser's file tells; None: it tells none, as published and older files.

    Raises FileNotFoundError, or ValueError for a file that cannot be read.
    """
    if path.suffix == ".safetensors":
        with open_safetensors(path) as file:
            value = (file.metadata() or {}).get(KEY)
    else:
        value = read_checkpoint(path).get(KEY)
    if value is None:
        return None
    try:
        plain = parse_json(value, KEY) if isinstance(value, str) else value
        return Motion.from_plain(plain)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def motion_to_expect(instance_data: Path) -> Motion | None:
    """That of the weights that sampling would take there; None where they tell none.

    Weights that are absent or damaged tell none; sampling says what is wrong with them.
    """
    try:
        return motion_of(find_denoiser(instance_data))
    except (FileNotFoundError, ValueError):
        return None
