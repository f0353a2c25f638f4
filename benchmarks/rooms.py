"""Made-up rooms: seconds until a room is ready, frames a second, and rooms of ten frames a minute.

    python benchmarks/rooms.py [--rooms 6]

The flats are rendered as for video clips (640x360) and at the size that is trained on, the varied
rooms at the latter. Times are of the processor, on one thread.
"""

import argparse
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import torch

from photonvs.datasets.rooms import clips, render
from photonvs.datasets.rooms.varied import shots
from photonvs.datasets.rooms.varied.render import Renderer

FRAMES, SIZE = 10, 128


def flat(number: int, size: tuple[int, int]) -> Iterator[float]:
    """Seconds until a flat is ready, then of each frame."""
    start = time.process_time()
    clip = clips.Clip("train", 0, number, FRAMES, Fraction(5))
    room, poses, focal_y = clips.make_scene(clip)
    renderer = render.Renderer(room, number)
    yield time.process_time() - start
    for pose in poses:
        start = time.process_time()
        renderer.render(pose, focal_y, size)
        yield time.process_time() - start


def varied(number: int) -> Iterator[float]:
    """The same for a varied room."""
    start = time.process_time()
    plan, path = shots.make_scene(shots.Shot("train", 0, number, FRAMES, SIZE))
    renderer = Renderer(plan)
    yield time.process_time() - start
    for pose in path.poses:
        start = time.process_time()
        renderer.render(pose, path.focal_y, (SIZE, SIZE))
        yield time.process_time() - start


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, default=6, help="of each kind (default: 6)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    kinds = {
        "flats, 640x360": lambda number: flat(number, clips.FRAME_SIZE),
        f"flats, {SIZE}x{SIZE}": lambda number: flat(number, (SIZE, SIZE)),
        f"varied rooms, {SIZE}x{SIZE}": varied,
    }
    for name, scene in kinds.items():
        ready = frames = 0.0
        for number in range(options.rooms):
            first, *rest = scene(number)
            ready, frames = ready + first, frames + sum(rest)
        print(
            f"{name}: a room is ready in {ready / options.rooms:.2f} s, "
            f"{options.rooms * FRAMES / frames:.0f} frames/s, "
            f"{60 * options.rooms / (ready + frames):.1f} rooms of {FRAMES} frames a minute"
        )


if __name__ == "__main__":
    main()
