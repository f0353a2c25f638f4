"""Matchers on pictures whose true correspondence is known, and the cache."""

import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import clip_of
from PIL import Image
from scenes import picture_of_plane, sideways_poses

from photonvs.cameras.files.camera import Camera
from photonvs.evaluation.matching import (
    ColmapMatcher,
    Matcher,
    Matches,
    SiftMatcher,
    match_descriptors,
    open_frame,
)
from photonvs.evaluation.registry import MATCHERS, open_matcher
from photonvs.evaluation.tsed import symmetric_epipolar_distance, tsed

needs_pycolmap = pytest.mark.skipif(find_spec("pycolmap") is None, reason="needs pycolmap")
MATCHER_CLASSES = [
    pytest.param(SiftMatcher, id="sift"),
    pytest.param(ColmapMatcher, id="colmap", marks=needs_pycolmap),
]


def blob(x: float, y: float, size: int = 64) -> np.ndarray:
    """A bright spot at (x, y) pixels from the image's corner; pixel k covers k to k + 1."""
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    return (40 + 170 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3**2))).astype(
        np.uint8
    )


def write(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), image)
    return path


def neighbours(matcher: Matcher, images: list[Path]) -> list[Matches]:
    """The matches of each two neighbouring images."""
    frames = [open_frame(image) for image in images]
    return [matcher.match_frames(*both) for both in pairwise(frames)]


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
@pytest.mark.parametrize("centre", [(20.3, 30.7), (32.0, 32.0), (41.75, 25.1)])
def test_keypoints_have_their_origin_at_the_images_corner(matcher_class, centre, tmp_path):
    frame = open_frame(write(tmp_path / "blob.png", blob(*centre)))
    points, descriptors = matcher_class().features(frame)
    nearest = np.linalg.norm(points - np.array(centre), axis=1).min()
    assert nearest < 0.03  # half a pixel or a quarter off would show
    np.testing.assert_allclose(
        np.linalg.norm(descriptors, axis=1), 1, atol=0.01
    )  # COLMAP's are rounded to 1 / 512


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
def test_matches_of_a_shifted_picture_are_shifted(matcher_class, tmp_path):
    picture = picture_of_plane(sideways_poses(1)[0], 1.0, (130, 150))
    images = [
        write(tmp_path / "a.png", picture[:120, :140]),
        write(tmp_path / "b.png", picture[7:127, 5:145]),
    ]
    ((points_1, points_2),) = neighbours(matcher_class(), images)
    assert len(points_1) == len(points_2) > 100
    moved = points_1 - points_2 - [5, 7]
    assert np.median(np.linalg.norm(moved, axis=1)) < 0.02
    assert np.mean(np.linalg.norm(moved, axis=1) < 0.5) > 0.95


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
def test_the_same_picture_gives_the_same_features_however_it_is_stored(matcher_class, tmp_path):
    picture = picture_of_plane(sideways_poses(1)[0], 1.0, (96, 120))
    expected = matcher_class().features(open_frame(write(tmp_path / "plain.png", picture)))
    write(tmp_path / "deep.png", picture.astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 3
    Image.fromarray(picture[::-1, ::-1]).save(tmp_path / "turned.png", exif=turned)
    for name in ("deep.png", "turned.png"):
        found = matcher_class().features(open_frame(tmp_path / name))
        for values, others in zip(found, expected, strict=True):
            np.testing.assert_array_equal(values, others)
    stored = Camera(np.eye(4), "turned.png", 0.9, size=(96, 120))
    as_stored, _ = matcher_class().features(open_frame(tmp_path / "turned.png", stored))
    nearest = [np.linalg.norm([120, 96] - expected[0] - point, axis=1).min() for point in as_stored]
    assert len(nearest) > 50 and np.median(nearest) < 0.05


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
def test_a_true_sequence_is_consistent_and_one_with_false_cameras_is_not(matcher_class, tmp_path):
    poses, focal_y = sideways_poses(3), 0.9
    images = [
        write(tmp_path / f"{k}.png", picture_of_plane(pose, focal_y, (128, 128)))
        for k, pose in enumerate(poses)
    ]
    matches = neighbours(matcher_class(), images)
    true = [
        symmetric_epipolar_distance(*matches[k], poses[k], poses[k + 1], focal_y, 128)
        for k in range(2)
    ]
    assert tsed(true, t_error=0.3) == 1
    wrong = poses.copy()
    wrong[:, 1, 3] += 0.2 * np.arange(3) ** 2
    false = [
        symmetric_epipolar_distance(*matches[k], wrong[k], wrong[k + 1], focal_y, 128)
        for k in range(2)
    ]
    assert tsed(false, t_error=1) == 0


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
def test_frames_without_texture_have_no_matches(matcher_class, tmp_path):
    picture = picture_of_plane(sideways_poses(1)[0], 1.0, (96, 96))
    images = [
        write(tmp_path / "a.png", picture),
        write(tmp_path / "b.png", np.full((96, 96), 90, np.uint8)),
    ]
    ((points_1, points_2),) = neighbours(matcher_class(), images)
    assert points_1.shape == points_2.shape == (0, 2)


def test_colmap_matches_are_those_in_its_database(tmp_path):
    """The paper's protocol in full: edge threshold 30, one pinhole camera, exhaustive matching."""
    colmap = pytest.importorskip("pycolmap")
    poses = sideways_poses(2)
    images = [
        write(tmp_path / f"{k}.png", picture_of_plane(poses[k], 0.9, (96, 96))) for k in range(2)
    ]
    database_path = str(tmp_path / "database.db")
    extraction = colmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
    extraction.sift.edge_threshold = 30
    names = [image.name for image in images]
    single = {"camera_mode": colmap.CameraMode.SINGLE, "camera_model": "PINHOLE"}
    colmap.extract_features(
        database_path,
        str(tmp_path),
        names,
        extraction_options=extraction,
        device=colmap.Device.cpu,
        **single,
    )
    matching_options = colmap.FeatureMatchingOptions(use_gpu=False, num_threads=1)
    matching_options.sift.cpu_brute_force_matcher = True
    colmap.match_exhaustive(database_path, matching_options, device=colmap.Device.cpu)
    with colmap.Database.open(database_path) as database:
        ids = {image.name: image.image_id for image in database.read_all_images()}
        rows = database.read_matches(ids["0.png"], ids["1.png"])
        expected = [
            database.read_keypoints(ids[name])[rows[:, k], :2] for k, name in enumerate(names)
        ]
    ((points_1, points_2),) = neighbours(ColmapMatcher(), images)
    assert len(rows) > 50
    table, expected_table = (np.hstack(both) for both in ((points_1, points_2), expected))
    np.testing.assert_array_equal(
        table[np.lexsort(table.T)], expected_table[np.lexsort(expected_table.T)]
    )


def unit(*angles: float) -> np.ndarray:
    """Descriptors on a circle, one for each angle in radians."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_ratio_distance_and_mutual_check():
    assert match_descriptors(unit(0.1), unit(0.0, 1.0)).tolist() == [[0, 0]]
    assert (
        match_descriptors(unit(0.45), unit(0.0, 1.0)).tolist() == []
    )  # 0.45 to 0.55: above the ratio
    assert match_descriptors(unit(0.0), unit(0.69)).tolist() == [
        [0, 0]
    ]  # the second best is at a right angle
    assert match_descriptors(unit(0.0), unit(0.71)).tolist() == []  # farther than 0.7
    assert match_descriptors(unit(0.0, 0.3), unit(0.05), max_ratio=1).tolist() == [
        [0, 0]
    ]  # 1 -> 0 is not mutual
    assert match_descriptors(unit(), unit(0.3)).shape == (0, 2)


def test_unreadable_images_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.png: no such file; expected an image"):
        open_frame(tmp_path / "none.png")
    whole = write(tmp_path / "whole.png", picture_of_plane(sideways_poses(1)[0], 1.0, (96, 96)))
    assert open_frame(whole).grey.shape == open_frame(whole).size == (96, 96)
    for name, content in (
        ("cut.png", whole.read_bytes()[:2000]),
        ("text.png", b"no image"),
        ("empty.png", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: cannot be read as an image"):
            open_frame(tmp_path / name)


def test_a_missing_pycolmap_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(ValueError, match=r"pip install pycolmap==3\.13\.0, or take --matcher sift"):
        ColmapMatcher().settings()


def test_settings_name_matcher_and_version():
    settings = SiftMatcher().settings()
    assert settings["matcher"] == "sift" and settings["version"] == f"opencv {cv2.__version__}"
    assert settings["edge_threshold"] == 30 and settings["max_ratio"] == 0.8
    assert {name: open_matcher(name).name for name in MATCHERS} == {name: name for name in MATCHERS}


ROOMS = ("rm-Bedroom2", "rm_Hallway3", "rm_Kitchen1")


@pytest.mark.parametrize("matcher_class", MATCHER_CLASSES)
@pytest.mark.parametrize("name", ROOMS)
def test_rendered_rooms_with_true_and_with_false_cameras(name, matcher_class, tmp_path):
    from photonvs.datasets.video import crop_and_resize, read_frames

    clip, count = clip_of(name), 5
    frames = crop_and_resize(read_frames(clip.video, clip.sequence.timestamps[:count]))
    images = [write(tmp_path / f"{k}.png", frame[:, :, ::-1]) for k, frame in enumerate(frames)]
    matches = neighbours(matcher_class(), images)
    true = distances_with(matches, clip.camera_to_world, clip.focal_y)
    assert tsed(true, t_error=1) == 1
    for other in set(ROOMS) - {name}:
        false = distances_with(matches, clip_of(other).camera_to_world, clip.focal_y)
        assert tsed(false, t_error=1) <= 0.25, f"with the cameras of {other}"


def distances_with(matches: list, poses: np.ndarray, focal_y: float) -> list[np.ndarray]:
    return [
        symmetric_epipolar_distance(*both, poses[k], poses[k + 1], focal_y, 256)
        for k, both in enumerate(matches)
    ]
