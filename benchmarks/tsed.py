"""Time and memory of TSED: ours, the same written with plain loops, and COLMAP's matching.

    python benchmarks/tsed.py [--frames 20] [--many 1000]

Frames are 256x256 pictures of a textured plane from known cameras. One thread each.

- Ours: features, matches and distances of neighbours, and the whole command with its page.
- Plain loops: the distances of the same matches, one by one, and the same matching, descriptor by
  descriptor.
- COLMAP (where pycolmap is installed): the paper's protocol, a database with features and the
  matches of all pairs.
- Memory: the peak of a process of its own that scores a long sequence.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.geometry import OPENCV_TO_BLENDER, fundamental_matrix, intrinsic_matrix
from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.evaluation.matching import (
    Features,
    Matcher,
    SiftMatcher,
    match_descriptors,
    open_frame,
)
from photonvs.evaluation.registry import MATCHERS, open_matcher
from photonvs.evaluation.scoring import match_distances, score_sequence

SIZE, FOCAL = 256, 0.9
TEXTURE = 2048  # pixels of the plane's texture


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "of the sequence that is timed (default: %(default)s)"
    add("--frames", type=int, default=20, metavar="N", help=text)
    text = "frames of the long sequence (default: %(default)s)"
    add("--many", type=int, default=1000, metavar="N", help=text)
    # The process whose memory is measured.
    add("--score", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.score:
        score(options.score)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images, cameras = make_frames(folder / "short", options.frames)
        time_sequence(images, cameras, folder)
        time_command(images, cameras, folder)
        make_frames(folder / "long", options.many)
        measure_memory(folder / "long", options.many)


def time_sequence(images: list[Path], cameras: list[Camera], folder: Path) -> None:
    """Seconds for a pair and for the sequence, of each way."""
    pairs = len(images) - 1
    print(
        f"{len(images)} frames of {SIZE}x{SIZE}, {pairs} neighbouring pairs, one thread; seconds, "
        "median of 3"
    )
    for name in MATCHERS:
        if name == "colmap" and find_spec("pycolmap") is None:
            continue
        anew = partial(score_anew, images, cameras, open_matcher(name), folder)
        row(f"ours, {name}: features, matches, distances", timed(anew), pairs)
    time_parts(images, cameras)
    if find_spec("pycolmap"):
        seconds = timed(lambda: colmap_exhaustive(images[0].parent, folder))
        row("COLMAP's features and exhaustive matches", seconds, pairs)


def time_parts(images: list[Path], cameras: list[Camera]) -> None:
    """Distances alone, and matching alone, ours and with plain loops."""
    matcher, size = SiftMatcher(), (SIZE, SIZE)
    features = [matcher.features(open_frame(image)) for image in images]
    pairs = list(pairwise(features))
    matches = [matcher.match(*pair) for pair in pairs]
    keypoints = np.mean([len(points) for points, _ in features])
    found = np.mean([len(both[0]) for both in matches])
    print(f"keypoints a frame: {keypoints:.0f}, matches a pair: {found:.0f}")
    neighbours = list(zip(matches, pairwise(cameras), strict=True))

    def ours() -> list[np.ndarray]:
        return [match_distances(both, *cameras, size, size) for both, cameras in neighbours]

    def loops() -> list[np.ndarray]:
        return [
            loop_distances(*both, first.pose, second.pose) for both, (first, second) in neighbours
        ]

    for one, other in zip(ours(), loops(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    row("distances alone, ours", timed(ours), len(pairs))
    row("distances alone, plain loops", timed(loops), len(pairs))
    seconds = timed(lambda: [match_features(*pair, matcher) for pair in pairs])
    row("matching alone, ours", seconds, len(pairs))
    first = [descriptors.tolist() for _, descriptors in pairs[0]]
    row(
        "matching alone, plain loops (one pair)", timed(lambda: loop_matches(*first, matcher), 1), 1
    )


def time_command(images: list[Path], cameras: list[Camera], folder: Path) -> None:
    """Seconds of compute-tsed with report.html, matches anew and known."""
    # Late: it comes with torch, which the memory that is measured shall not have in it.
    from photonvs.evaluation.sequences import Settings, folder_jobs, score_sequences

    poses = np.stack([camera.pose for camera in cameras])
    order = tuple(range(1, len(images)))
    spec = SamplingSpec(FOCAL, poses, order, (None, *((k - 1,) for k in order)))
    write_spec(folder / "sampling-spec.json", spec)
    jobs = folder_jobs([images[0].parent], [folder / "sampling-spec.json"])
    command = partial(score_sequences, jobs, Settings(SiftMatcher()), workers=1, pages=True)
    row("the command with its page, matches anew", timed(command, 1), len(images) - 1)
    row("the command with its page, matches known", timed(command), len(images) - 1)


def score_anew(images: list[Path], cameras: list[Camera], matcher: Matcher, folder: Path) -> None:
    """Score a sequence with an empty cache."""
    score_sequence(images, cameras, matcher, folder / "cache" / f"{time.monotonic_ns()}.npz")


def row(label: str, seconds: float, pairs: int) -> None:
    """A line: for one neighbouring pair, and for all of them."""
    print(f"{label:44s}{seconds / pairs:12.5f} a pair{seconds:12.4f} in all")


def timed(call: Callable[[], object], times: int = 3) -> float:
    """Median of the seconds that a call takes."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


# --- The same, written with plain loops ---


def loop_distances(
    points_1: np.ndarray, points_2: np.ndarray, pose_1: np.ndarray, pose_2: np.ndarray
) -> np.ndarray:
    """Symmetric epipolar distances, match by match and number by number."""
    intrinsics = intrinsic_matrix(FOCAL, (SIZE, SIZE))
    matrix = fundamental_matrix(pose_1, pose_2, intrinsics, intrinsics).tolist()
    distances = []
    for (x1, y1), (x2, y2) in zip(points_1.tolist(), points_2.tolist(), strict=True):
        first, second = (x1, y1, 1.0), (x2, y2, 1.0)
        line_2 = [sum(matrix[k][j] * first[j] for j in range(3)) for k in range(3)]
        line_1 = [sum(matrix[j][k] * second[j] for j in range(3)) for k in range(3)]
        error = abs(sum(line_2[k] * second[k] for k in range(3)))
        distances.append((error / math.hypot(*line_2[:2]) + error / math.hypot(*line_1[:2])) / 2)
    return np.array(distances)


def loop_matches(
    first: list[list[float]], second: list[list[float]], matcher: SiftMatcher
) -> list[tuple[int, int]]:
    """Mutual best matches by ratio and angle, descriptor by descriptor."""
    table = [
        [sum(x * y for x, y in zip(one, other, strict=True)) for other in second] for one in first
    ]

    def best(cosines: list[float]) -> int:
        order = sorted(range(len(cosines)), key=cosines.__getitem__, reverse=True)[:2]
        angles = [math.acos(min(max(cosines[k], -1), 1)) for k in order]
        near = angles[0] <= matcher.max_distance
        return order[0] if near and angles[0] < matcher.max_ratio * angles[1] else -1

    forward = [best(row) for row in table]
    backward = [best([row[k] for row in table]) for k in range(len(second))]
    return [(k, other) for k, other in enumerate(forward) if other >= 0 and backward[other] == k]


def match_features(first: Features, second: Features, matcher: Matcher) -> np.ndarray:
    """Our matching of two frames' descriptors."""
    return match_descriptors(first[1], second[1], matcher.max_ratio, matcher.max_distance)


def colmap_exhaustive(images: Path, folder: Path) -> None:
    """The paper's protocol: features with edge threshold 30, and the matches of all pairs."""
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.ERROR
    database = str(folder / f"{time.monotonic_ns()}.db")
    extraction = pycolmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
    extraction.sift.edge_threshold = 30
    single = {"camera_mode": pycolmap.CameraMode.SINGLE, "camera_model": "PINHOLE"}
    names = [path.name for path in sorted(images.glob("*.png"))]
    pycolmap.extract_features(
        database,
        str(images),
        names,
        extraction_options=extraction,
        device=pycolmap.Device.cpu,
        **single,
    )
    pycolmap.match_exhaustive(
        database,
        pycolmap.FeatureMatchingOptions(use_gpu=False, num_threads=1),
        device=pycolmap.Device.cpu,
    )


# --- Memory ---


def measure_memory(folder: Path, count: int) -> None:
    """Peak memory and time of a process that scores a long sequence."""
    line = [sys.executable, __file__, "--score", str(folder)]
    done = subprocess.run(
        line, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    print(f"{count} frames: {done.stdout.strip()}")


def score(folder: Path) -> None:
    """Score the frames of a folder and print the process's peak memory."""
    before = peak()
    images = sorted(folder.glob("*.png"))
    start = time.perf_counter()
    scores = score_sequence(images, cameras_of(images), SiftMatcher(), folder / "matches.npz")
    matches = sum(score.matches for score in scores)
    print(
        f"{time.perf_counter() - start:.0f} s, {matches} matches, memory {peak():.0f} MB at most, "
        f"{before:.0f} MB before"
    )


def peak() -> float:
    """The process's largest memory so far, MB (Linux).

    getrusage's number would start at the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


# --- Frames ---


def make_frames(folder: Path, count: int) -> tuple[list[Path], list[Camera]]:
    """What cameras see that circle over a plane with a texture."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(0, 255, (TEXTURE, TEXTURE)).astype(np.float32)
    texture = sum(cv2.GaussianBlur(noise, (0, 0), width) * width for width in (4, 8, 16))
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    side = 10 / TEXTURE  # the plane is 10 wide
    texture_to_plane = np.array([[side, 0, -5], [0, side, -5], [0, 0, 1]])
    images = [folder / f"{index:05d}.png" for index in range(count)]
    cameras = cameras_of(images)
    for image, camera in zip(images, cameras, strict=True):
        plane_to_camera = np.linalg.inv(camera.pose @ OPENCV_TO_BLENDER)[:3][:, [0, 1, 3]]
        mapping = intrinsic_matrix(FOCAL, (SIZE, SIZE)) @ plane_to_camera @ texture_to_plane
        cv2.imwrite(
            str(image), cv2.warpPerspective(texture, mapping, (SIZE, SIZE), flags=cv2.INTER_AREA)
        )
    return images, cameras


def cameras_of(images: list[Path]) -> list[Camera]:
    """Cameras two units above the plane, circling and turning a little."""
    cameras = []
    for index, image in enumerate(images):
        angle, turn = 0.05 * index, 0.01 * index
        pose = np.eye(4)
        pose[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        pose[:3, 3] = 2 * math.cos(angle), 2 * math.sin(angle), 2
        cameras.append(Camera(pose, image.name, FOCAL))
    return cameras


if __name__ == "__main__":
    main()
