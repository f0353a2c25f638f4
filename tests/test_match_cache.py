"""Matches are kept in a file, and used until an image or a setting changes."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
from scenes import picture_of_plane, sideways_poses

from photonvs.cameras.files.camera import Camera
from photonvs.evaluation.matching import (
    Matcher,
    Matches,
    SiftMatcher,
)
from photonvs.evaluation.scoring import score_sequence

asked: list[str] = []


class CountingMatcher(SiftMatcher):
    """SIFT that notes the frames and the pairs that it is asked for."""

    def features(self, frame):
        asked.append(frame.path.name)
        return super().features(frame)

    def match(self, features, others):
        asked.append("pair")
        return super().match(features, others)


def write_picture(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), image)
    return path


def scored(matcher: Matcher, images: list[Path], cache: Path | None) -> list[Matches]:
    """The matches of a sequence; what the matcher did is in `asked`."""
    asked.clear()
    cameras = [Camera(pose, str(k), 0.9) for k, pose in enumerate(sideways_poses(len(images)))]
    return [score.points for score in score_sequence(images, cameras, matcher, cache)]


def test_cache_is_used_until_an_image_or_a_setting_changes(tmp_path):
    poses = sideways_poses(4)
    images = [
        write_picture(tmp_path / f"{k}.png", picture_of_plane(poses[k], 0.9, (96, 96)))
        for k in range(4)
    ]
    cache = tmp_path / "evaluation" / "matches.npz"
    everything = ["0.png", "1.png", "pair", "2.png", "pair", "3.png", "pair"]
    first = scored(CountingMatcher(), images, cache)
    assert asked == everything
    again = scored(CountingMatcher(), images, cache)
    assert asked == [], "no feature is needed where the pairs are known"
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    write_picture(images[3], picture_of_plane(poses[3], 0.9, (96, 96), seed=1))
    scored(CountingMatcher(), images, cache)
    assert asked == ["2.png", "3.png", "pair"]
    scored(CountingMatcher(edge_threshold=10), images, cache)
    assert asked == everything
    cache.write_bytes(cache.read_bytes()[:200])
    scored(CountingMatcher(), images, cache)
    assert asked == everything
    assert [path.name for path in cache.parent.iterdir()] == ["matches.npz"]
    scored(CountingMatcher(), images, None)
    assert asked == everything, "without a file nothing is kept"


def test_a_cache_of_an_earlier_version_is_read(tmp_path):
    """Its format: an array (2, n, 2) a pair, by a hash of settings and images."""
    poses = sideways_poses(2)
    images = [
        write_picture(tmp_path / f"{k}.png", picture_of_plane(poses[k], 0.9, (96, 96)))
        for k in range(2)
    ]
    settings = json.dumps(CountingMatcher().settings(), sort_keys=True)
    digests = [hashlib.sha256(image.read_bytes()).hexdigest() for image in images]
    key = hashlib.sha256(f"{settings} {digests[0]} {digests[1]}".encode()).hexdigest()
    points = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.savez_compressed(tmp_path / "matches.npz", **{key: points})
    (found,) = scored(CountingMatcher(), images, tmp_path / "matches.npz")
    np.testing.assert_array_equal(found, points)
    assert asked == []
