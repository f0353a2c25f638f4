"""The command info: what a file or a folder holds."""

import argparse
from collections.abc import Callable
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Print it."""
    path = parse(arguments).path
    print(f"{path}:", *find_lines(path)(path), sep="\n  ")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Say what a file or folder holds: weights (.safetensors, .pth, .ckpt), a "
        "training checkpoint, poses.npy, a folder of latents or chunks, a sample's folder, or "
        "cameras in any format."
    )
    parser.add_argument("path", type=Path, metavar="FILE|FOLDER", help="what to look at")
    return parser.parse_args(arguments)


def find_lines(path: Path) -> Callable[[Path], list[str]]:
    """The function that says what such a file or folder holds.

    Raises FileNotFoundError, or ValueError for anything else.
    """
    from ..cameras.files.about import cameras_lines, has_cameras
    from ..datasets.about import chunks_lines, latents_lines, poses_lines
    from ..datasets.chunk_files import has_chunks
    from ..datasets.latents import MANIFEST
    from ..models.about import weights_lines
    from ..samples import SPEC
    from ..sampling.about import sample_lines

    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    files = {
        ".safetensors": weights_lines,
        ".pth": weights_lines,
        ".ckpt": weights_lines,
        ".npy": poses_lines,
    }
    folders = [
        (lambda: (path / SPEC).is_file(), sample_lines),
        (lambda: (path / MANIFEST).is_file(), latents_lines),
        (lambda: has_chunks(path), chunks_lines),
    ]
    for fits, lines in folders if path.is_dir() else ():
        if fits():
            return lines
    if has_cameras(path):
        return cameras_lines
    if path.is_file() and path.suffix in files:
        return files[path.suffix]
    raise ValueError(
        f"{path}: nothing that photonvs knows; expected a file of weights, a checkpoint, "
        "poses.npy, a folder of latents, of chunks or of a sample, or cameras in any format"
    )
