"""Video clips of made-up furnished rooms with exact cameras, in RealEstate10K's format: `make-rooms.py`.

For trying, teaching and testing: a room follows from the split, the seed and its number alone, a clip's smooth path through it
from these and the clip's number. World: z up, metres, the room's floor centred on the origin.
"""

import argparse
import base64
import hashlib
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from ..cameras import to_realestate10k
from ..utils.files import REPOSITORY, atomic_path
from .rooms_render import Renderer, blocked
from .rooms_scene import Room, furnish

FRAME_SIZE = 360, 640  # height, width
CLEARANCE = 0.35  # metres between the camera and what stands in the room, seen from above
LOOK_FREE = 1.7  # metres that the camera sees ahead at least
MAX_TURN = np.radians(20)  # a second; real clips seldom turn faster
ROOM_ATTEMPTS = 300  # to find a path through a room, before another room is tried
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

    @property
    def room(self) -> int:
        """The room's number."""
        return self.number % self.rooms if self.rooms else self.number

    def room_digest(self) -> bytes:
        """32 bytes that differ between splits, seeds and rooms; the room's random numbers come from it."""
        return hashlib.sha256(f"{self.split}/{self.seed}/{self.room}".encode()).digest()

    def digest(self) -> bytes:
        """32 bytes that differ between rooms and between the clips in one; identifiers and the path come from it."""
        path = self.number // self.rooms if self.rooms else 0
        return hashlib.sha256(f"{self.split}/{self.seed}/{self.room}/{path}".encode()).digest()

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


# --- The camera's path ---


def clearance(room: Room, points: np.ndarray) -> np.ndarray:
    """Distance (n,) seen from above of points (n, 2) to the walls and to what stands between ankle and lamp; 0 inside."""
    distance = (room.size[:2] / 2 - np.abs(points)).min(-1)
    for box in room.boxes:
        if box.centre[2] + box.size[2] / 2 > 0.1 and box.centre[2] - box.size[2] / 2 < 2.15:
            beyond = np.abs((points - box.centre[:2]) @ box.rotation()[:2, :2]) - box.size[:2] / 2
            distance = np.minimum(distance, np.linalg.norm(np.maximum(beyond, 0), axis=-1))
    return np.maximum(distance, 0)


def _direction(yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of a gaze; yaw from x towards y, pitch upwards, radians."""
    return np.stack(
        [np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], axis=-1
    )


def _sees(room: Room, position: np.ndarray, yaw: float) -> bool:
    """Whether nothing is near in front of a camera, in the middle and to both sides."""
    rays = LOOK_FREE * _direction(yaw + np.radians([-25.0, 0, 25]), np.zeros(3))
    inside = (np.abs((position + rays)[:, :2]) < room.size[:2] / 2).all()
    return bool(
        inside
        and not blocked(position.astype(np.float32), rays.astype(np.float32), room.boxes).any()
    )


def _before_doorway(doorway: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A place (2,) in front of the opening, and the heading through it."""
    side = rng.choice([-1.0, 1.0])
    place = doorway + np.array([side * rng.uniform(0.7, 1.5), rng.uniform(-0.08, 0.08)])
    return place, np.pi if side > 0 else 0.0


def _control_points(room: Room, count: int, rng: np.random.Generator) -> np.ndarray | None:
    """(count, 5) of x, y, z, yaw, pitch, a second apart; None where no way through the room was found."""
    heading, look = (
        rng.uniform(-np.pi, np.pi),
        rng.choice([0, 0, 0, 0.5, -0.5, 1]) * np.pi,
    )  # ahead, sideways, back
    place = rng.uniform(-0.5, 0.5, 2) * room.size[:2]
    crosses = room.doorway is not None and rng.random() < 0.5
    if crosses:
        (place, heading), look = _before_doorway(room.doorway, rng), 0.0
    position = np.array([*place, rng.uniform(1.25, 1.75)])
    points = [np.array([*position, heading + look, rng.uniform(-0.3, -0.08)])]
    speed, failures = rng.uniform(0.3, 0.6), 0
    if clearance(room, position[None, :2])[0] < CLEARANCE or not (
        crosses or _sees(room, position, points[0][3])
    ):
        return None
    while len(points) < count:
        if failures > 40:
            return None
        # Straight through the opening, whose posts are near; turning begins behind it.
        straight = crosses and (position[0] - room.doorway[0]) * np.cos(heading) < 0.5
        turn = 0.0 if straight else rng.normal(0, 0.25 + 0.03 * failures)
        step = speed * _direction(heading + turn, 0.0)
        ahead = position + step + (0, 0, rng.normal(0, 0.05))
        yaw = points[-1][3] + (
            0.0 if straight else np.clip(turn + rng.normal(0, 0.15), -MAX_TURN, MAX_TURN)
        )
        between = np.linspace(position, ahead, 8)
        free = clearance(room, between[:, :2]).min() > CLEARANCE and (
            straight or _sees(room, ahead, yaw)
        )
        if 1.2 < ahead[2] < 1.8 and free:
            position, heading = ahead, heading + turn
            points.append(
                np.array([*position, yaw, np.clip(points[-1][4] + rng.normal(0, 0.05), -0.35, 0.0)])
            )
            failures = 0
        else:
            failures += 1
    return np.stack(points)


def _spline(controls: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Uniform cubic B-spline (n, 5) through the neighbourhood of control points, at times in [0, len(controls) - 3]."""
    start = np.minimum(times.astype(int), len(controls) - 4)
    t = (times - start)[:, None]
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return sum(weight * controls[start + k] for k, weight in enumerate(weights)) / 6


def camera_path(
    room: Room, frames: int, rate: float, rng: np.random.Generator, attempts: int = ROOM_ATTEMPTS
) -> np.ndarray | None:
    """Poses (frames, 4, 4) of a smooth walk, never nearer to anything than 0.3 m; None where so many attempts found none."""
    seconds = (frames - 1) / rate
    for _ in range(attempts):
        controls = _control_points(room, int(seconds) + 4, rng)
        if controls is None:
            continue
        values = _spline(controls, np.arange(frames) / rate)
        position, yaw, pitch = values[:, :3], values[:, 3], values[:, 4]
        if clearance(room, position[:, :2]).min() < 0.3:
            continue
        forward = _direction(yaw, pitch)
        right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros(frames)], axis=-1)
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, :3, :] = np.stack([right, np.cross(right, forward), -forward, position], axis=-1)
        return poses
    return None


# --- Clips ---


def make_scene(clip: Clip) -> tuple[Room, np.ndarray, float]:
    """The clip's room, its camera poses (frames, 4, 4) and its focal length (fraction of the height).

    Raises ValueError if no path that long was found in the room.
    """
    room = make_room(clip)
    rng = np.random.default_rng(list(clip.digest()))
    focal_y = float(rng.uniform(0.85, 1.1))
    poses = camera_path(room, clip.frames, float(clip.rate), rng, CLIP_ATTEMPTS)
    if poses is None:
        raise ValueError(
            f"clip {clip.number}: found no path of {clip.frames} frames in room {clip.room}; choose fewer --frames or "
            "another --seed"
        )
    return room, poses, focal_y


def make_room(clip: Clip) -> Room:
    """The clip's room: the first one of its random numbers in which a camera can walk for WALK seconds."""
    rng = np.random.default_rng(list(clip.room_digest()))
    while True:
        room = furnish(rng)
        if camera_path(room, WALK + 1, 1.0, rng) is not None:
            return room


@lru_cache(maxsize=1)
def _renderer(room_clip: Clip) -> Renderer:
    """The lit room of a clip; the clips of one room come one after the other and share it."""
    return Renderer(make_room(room_clip), int.from_bytes(room_clip.room_digest()[17:25]))


def make_clip(clip: Clip, data: Path, depth: bool = False) -> bool:
    """Write a clip's video, pose text and, if wanted, depth; False if they were there already.

    Depth: `SPLIT/depth/VIDEO.npz` with `depth`, (frames, height, width) float16, metres along the optical axis.
    Raises ValueError if files of a clip with the same name but other frames are in the way.
    """
    video = data / clip.split / "videos" / f"{clip.video}.mp4"
    text = data / "RealEstate10K-original" / clip.split / f"{clip.sequence}.txt"
    depth_file = data / clip.split / "depth" / f"{clip.video}.npz"
    if (
        text.is_file()
        and [int(line.split()[0]) for line in text.read_text().splitlines()[1:]]
        != clip.timestamps()
    ):
        raise ValueError(
            f"{text}: holds other frames than asked for; remove it and {video}, or choose another --seed"
        )
    if text.is_file() and video.is_file() and (depth_file.is_file() or not depth):
        return False
    _, poses, focal_y = make_scene(clip)
    renderer = _renderer(replace(clip, number=clip.room))
    depths = _write_video(
        video, clip.rate, (renderer.render(pose, focal_y, FRAME_SIZE) for pose in poses)
    )
    if depth:
        with atomic_path(depth_file) as temporary:
            np.savez_compressed(temporary, depth=depths)
    with atomic_path(text) as temporary:  # last: it marks the clip as whole
        temporary.write_text(_pose_text(clip, poses, focal_y))
    return True


def _write_video(
    path: Path, rate: Fraction, frames: Iterable[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Write H.264 from (image, depth) pairs; the depths, (n, height, width) float16."""
    depths = []
    with atomic_path(path) as temporary, av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "threads": "1"})
        stream.height, stream.width = FRAME_SIZE
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(
            1, round(rate)
        )  # a key frame a second, so that single frames are quick to reach
        for image, depth in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            depths.append(depth.astype(np.float16))
        container.mux(stream.encode())
    return np.stack(depths)


def _pose_text(clip: Clip, poses: np.ndarray, focal_y: float) -> str:
    """RealEstate10K's text: the address, then timestamp, intrinsics, two zeros and the extrinsics of a frame a line."""
    focal_x = focal_y * FRAME_SIZE[0] / FRAME_SIZE[1]
    lines = [f"https://made-up-rooms.invalid/watch?v={clip.video}"]
    for timestamp, extrinsics in zip(
        clip.timestamps(), to_realestate10k(poses[:: clip.pose_every]), strict=True
    ):
        numbers = (focal_x, focal_y, 0.5, 0.5, 0, 0, *extrinsics.ravel())
        lines.append(" ".join([str(timestamp), *(f"{number:.9f}" for number in numbers)]))
    return "\n".join(lines) + "\n"


def make_clips(clips: list[Clip], data: Path, depth: bool = False, workers: int = 1) -> int:
    """Write clips, several at a time in processes of their own; how many were not there before."""
    progress = tqdm(total=len(clips), unit="clip")
    made = 0
    with (
        progress,
        ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), cv2.setNumThreads, (1,)
        ) as pool,
    ):
        futures = [pool.submit(make_clip, clip, data, depth) for clip in clips]
        try:
            for future in as_completed(futures):
                made += future.result()
                progress.update()
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, don't render the rest first
    return made


def main(arguments: list[str] | None = None) -> None:
    """The command `make-rooms.py`."""
    parser = argparse.ArgumentParser(
        description="Make video clips of random furnished rooms, with poses as in RealEstate10K."
    )
    parser.add_argument(
        "split", choices=["train", "test"], help="their rooms differ for the same seed"
    )
    parser.add_argument(
        "--clips",
        type=int,
        default=8,
        help="clips to make (default: 8); those that are there are kept",
    )
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="number of the first clip (default: 0)"
    )
    parser.add_argument(
        "--rooms",
        type=int,
        help="rooms that the clips take turns in (default: each clip has its own)",
    )
    parser.add_argument("--frames", type=int, default=60, help="frames of a clip (default: 60)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default: 30)")
    parser.add_argument(
        "--pose-every",
        type=int,
        default=1,
        metavar="FRAMES",
        help="frames from pose to pose (default: 1)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed, other rooms (default: 0)"
    )
    parser.add_argument(
        "--depth",
        action="store_true",
        help="also write every frame's depth, metres, to SPLIT/depth/*.npz",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)"
    )
    folder = REPOSITORY / "dataset-data" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        default=folder,
        metavar="DIR",
        help="default: the repository's dataset-data/data",
    )
    options = parser.parse_args(arguments)
    for name, least in (
        ("clips", 1),
        ("first", 0),
        ("rooms", 1),
        ("frames", 2),
        ("pose_every", 1),
        ("workers", 1),
    ):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    if not 1 <= options.fps <= 120:
        raise ValueError(f"--fps {options.fps:g}: expected 1 to 120 frames a second")
    rate = Fraction(options.fps).limit_denominator(1001)
    shared = options.frames, rate, options.pose_every, options.rooms
    numbers = range(options.first, options.first + options.clips)
    clips = [Clip(options.split, options.seed, number, *shared) for number in numbers]
    clips.sort(key=lambda clip: clip.room)
    made = make_clips(clips, options.data, options.depth, min(options.workers, options.clips))
    print(f"{options.data}: {made} clips made, {len(clips) - made} were there")
