"""Video clips of made-up furnished rooms with exact cameras, in RealEstate10K's format.

For trying, teaching and testing. A room follows from the split, the seed and its number alone. A
clip's smooth path through it follows from these and the clip's number. World: z up, metres, the
room's floor centred on the origin.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...cameras.realestate10k import read_realestate10k_text, realestate10k_text
from ...utils.files import atomic_path, write_text
from ...utils.video_writing import encode_h264
from .progress import begun, render, rendered
from .render import Renderer
from .scene import Room, furnish
from .varied.builder import furnished
from .varied.plan import Plan, as_room
from .varied.render import Renderer as VariedRenderer
from .walk import camera_path

FRAME_SIZE = 360, 640  # height, width
CLIP_ATTEMPTS = 2000  # to find a clip's path: long ones through a small room are rare
WALK = 8  # seconds that a path through a room can last at least


@dataclass(frozen=True)
class Clip:
    """What makes a clip: equal values give equal files."""

    split: str
    seed: int
    number: int
    frames: int
    rate: Fraction  # frames a second
    pose_every: int = 1  # frames
    rooms: int | None = None  # that the clips take turns in; None: each has its own
    style: str = "flats"  # one of STYLES

    @property
    def room(self) -> int:
        """The room's number."""
        return self.number % self.rooms if self.rooms else self.number

    def room_digest(self) -> bytes:
        """32 bytes that differ between splits, seeds and rooms; the room is drawn from it."""
        return hashlib.sha256(
            f"{self._family()}{self.split}/{self.seed}/{self.room}".encode()
        ).digest()

    def digest(self) -> bytes:
        """32 bytes that differ between clips; identifiers and the path are from it."""
        path = self.number // self.rooms if self.rooms else 0
        name = f"{self._family()}{self.split}/{self.seed}/{self.room}/{path}"
        return hashlib.sha256(name.encode()).digest()

    def _family(self) -> str:
        return "" if self.style == "flats" else f"{self.style}/"

    @property
    def video(self) -> str:
        """The video's identifier, 11 characters."""
        return "rm" + base64.urlsafe_b64encode(self.digest()[:9]).decode()[:9]

    @property
    def sequence(self) -> str:
        """The sequence's identifier, 16 hexadecimal digits."""
        return self.digest()[9:17].hex()

    def timestamps(self) -> list[int]:
        """Microseconds of the frames that have a pose."""
        return [
            round(frame * 1_000_000 / self.rate) for frame in range(0, self.frames, self.pose_every)
        ]


# --- Clips ---


def make_scene(clip: Clip) -> tuple[Room | Plan, np.ndarray, float]:
    """The clip's room, camera poses (frames, 4, 4) and focal length (fraction of the height).

    Raises ValueError if no path that long was found in the room.
    """
    room = make_room(clip)
    rng = np.random.default_rng(list(clip.digest()))
    focal_y = float(rng.uniform(0.85, 1.1))
    walked = as_room(room) if isinstance(room, Plan) else room
    poses = camera_path(walked, clip.frames, float(clip.rate), rng, CLIP_ATTEMPTS)
    if poses is None:
        raise ValueError(
            f"clip {clip.number}: found no path of {clip.frames} frames in room {clip.room}; "
            "choose fewer --frames or another --seed"
        )
    return room, poses, focal_y


def make_room(clip: Clip) -> Room | Plan:
    """The clip's room: the first one in which a camera can walk for WALK seconds."""
    rng = np.random.default_rng(list(clip.room_digest()))
    while True:
        room = furnish(rng) if clip.style == "flats" else furnished(rng)
        walked = as_room(room) if isinstance(room, Plan) else room
        if camera_path(walked, WALK + 1, 1.0, rng) is not None:
            return room


@lru_cache(maxsize=1)
def _renderer(room_clip: Clip) -> Renderer | VariedRenderer:
    """The lit room of a clip; the clips of one room come one after the other and share it."""
    room = make_room(room_clip)
    if isinstance(room, Plan):
        return VariedRenderer(room)
    return Renderer(room, int.from_bytes(room_clip.room_digest()[17:25]))


def make_clip(clip: Clip, data: Path, depth: bool = False) -> bool:
    """Write a clip's video, pose text and, if wanted, depth; False if they were there already.

    Depth: `SPLIT/depth/VIDEO.npz` with `depth`, (frames, height, width) float16, metres along the
    optical axis. Raises ValueError if files of a clip with the same name but other frames are in
    the way.
    """
    video = data / clip.split / "videos" / f"{clip.video}.mp4"
    text = data / "RealEstate10K-original" / clip.split / f"{clip.sequence}.txt"
    depth_file = data / clip.split / "depth" / f"{clip.video}.npz"
    if text.is_file() and read_realestate10k_text(text).timestamps.tolist() != clip.timestamps():
        raise ValueError(
            f"{text}: holds other frames than asked for; remove it and {video}, "
            "or choose another --seed"
        )
    if text.is_file() and video.is_file() and (depth_file.is_file() or not depth):
        rendered(clip.frames)
        return False
    begun(f"preparing the room of clip {clip.number}")
    _, poses, focal_y = make_scene(clip)
    renderer = _renderer(replace(clip, number=clip.room))
    begun(f"clip {clip.number}")
    depths = _write_video(
        video, clip.rate, (renderer.render(pose, focal_y, FRAME_SIZE) for pose in poses)
    )
    if depth:
        with atomic_path(depth_file) as temporary:
            np.savez_compressed(temporary, depth=depths)
    write_text(text, _pose_text(clip, poses, focal_y))  # last: it marks the clip as whole
    return True


def _write_video(
    path: Path, rate: Fraction, frames: Iterable[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Write H.264 from (image, depth) pairs; the depths, (n, height, width) float16."""
    depths = []

    def images() -> Iterator[np.ndarray]:
        for image, depth in frames:
            depths.append(depth.astype(np.float16))
            rendered(1)
            yield image

    with atomic_path(path) as temporary:
        encode_h264(temporary, images(), FRAME_SIZE, rate)
    return np.stack(depths)


def _pose_text(clip: Clip, poses: np.ndarray, focal_y: float) -> str:
    """RealEstate10K's text of the frames that have a pose."""
    times = clip.timestamps()
    lens = focal_y * FRAME_SIZE[0] / FRAME_SIZE[1], focal_y, 0.5, 0.5
    url = f"https://made-up-rooms.invalid/watch?v={clip.video}"
    return realestate10k_text(
        url, times, np.tile(lens, (len(times), 1)), poses[:: clip.pose_every], decimals=9
    )


def video_rate(frames_per_second: float) -> Fraction:
    """A clip's rate; raises ValueError for what no video here has."""
    if not 1 <= frames_per_second <= 120:
        raise ValueError(f"--fps {frames_per_second:g}: expected 1 to 120 frames a second")
    return Fraction(frames_per_second).limit_denominator(1001)


def make_clips(clips: list[Clip], data: Path, depth: bool = False, workers: int = 1) -> int:
    """Write clips, several at a time in processes of their own; how many were not there before."""
    clips = sorted(clips, key=lambda clip: clip.room)  # a process keeps the room of its last clip
    frames = sum(clip.frames for clip in clips)
    return render(make_clip, [(clip, data, depth) for clip in clips], workers, frames, "frame")
