"""The pictures of README.md, from the walk that `make demo` makes: nothing in them is chosen.

demo.jpg: the photo and four generated frames, evenly along the walk, above the true ones.
demo.webp: the photo, the generated frames and the true ones side by side, there and back.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from photonvs.commands import run_main
from photonvs.samples import Sample
from photonvs.utils.files import BASE, atomic_path
from photonvs.utils.images import read_frame

SIDE = 256  # pixels of a shown frame
GAP = 8  # white pixels between two
SHOWN = 5  # frames of the still picture
FRAMES_A_SECOND = 8
QUALITY = 85  # of both, of 100


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "a sample with true frames (default: the demo's walk)"
    default = BASE / "instance-data" / "demo" / "samples" / "walk"
    add("sample", type=Path, nargs="?", default=default, metavar="samples/ID", help=text)
    text = "where the pictures go (default: docs)"
    add("--docs", type=Path, default=BASE / "docs", metavar="DIR", help=text)
    options = parser.parse_args(arguments)
    made, true = frames_of(Sample(options.sample))
    write_still(options.docs / "demo.jpg", made, true)
    write_animation(options.docs / "demo.webp", made, true)


def frames_of(sample: Sample) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The generated frames of a sample's run 0 and the true ones, each (SIDE, SIDE, 3) uint8.

    Raises FileNotFoundError if one is missing.
    """
    run, true = sample.run(0), sample.true_images()
    indices = range(len(sample.spec().poses))
    if missing := [index for index in indices if index not in true]:
        raise FileNotFoundError(
            f"{sample.true_folder}: no frame {missing[0]:04d}; expected all the true ones"
        )
    return [shown(run.image(index)) for index in indices], [shown(true[k]) for k in indices]


def shown(path: Path) -> np.ndarray:
    """A frame, SIDE pixels high and wide."""
    image = Image.fromarray(read_frame(path))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def beside(frames: list[np.ndarray], axis: int = 1) -> np.ndarray:
    """Frames side by side (axis 1) or below each other (axis 0), with gaps."""
    shape = list(frames[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    parts = [part for frame in frames for part in (gap, frame)]
    return np.concatenate(parts[1:], axis=axis)


def write_still(path: Path, made: list[np.ndarray], true: list[np.ndarray]) -> None:
    """Frames evenly along the path: generated ones above, true ones below."""
    chosen = np.linspace(0, len(made) - 1, SHOWN).round().astype(int)
    rows = [beside([row[k] for k in chosen]) for row in ([true[0], *made[1:]], true)]
    with atomic_path(path) as temporary:
        Image.fromarray(beside(rows, axis=0)).save(temporary, format="JPEG", quality=QUALITY)


def write_animation(path: Path, made: list[np.ndarray], true: list[np.ndarray]) -> None:
    """Photo, generated frame and true frame, side by side, along the path and back."""
    order = [*range(len(made)), *range(len(made) - 2, 0, -1)]
    pictures = [Image.fromarray(beside([true[0], made[k], true[k]])) for k in order]
    first, *others = pictures
    with atomic_path(path) as temporary:
        first.save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=others,
            duration=round(1000 / FRAMES_A_SECOND),
            loop=0,
            quality=QUALITY,
        )


if __name__ == "__main__":
    run_main(main)
