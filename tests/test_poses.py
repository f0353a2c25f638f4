"""RealEstate10K's text files, and poses.npy."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from clips import ALL, Clip
from scenes import random_poses
from seeded import reference

from photonvs.cameras.geometry import from_realestate10k, to_realestate10k
from photonvs.cameras.realestate10k import VideoPoses, read_realestate10k_text, video_name
from photonvs.datasets.poses import load_poses, save_poses

URL = "https://www.youtube.com/watch?v=abcDEF-_123"
IDENTITY = "1 0 0 0.5 0 1 0 0 0 0 1 0"


def line(
    timestamp: object = 1000, intrinsics: str = "0.5 0.9 0.5 0.5 0 0", extrinsics: str = IDENTITY
) -> str:
    """A line of a text file."""
    return f"{timestamp} {intrinsics} {extrinsics}"


def text_file(path: Path, *lines: str, url: str = URL) -> Path:
    """A text file with these lines after the URL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([url, *lines]) + "\n")
    return path


def random_sequence(generator: np.random.Generator, length: int, video: str) -> VideoPoses:
    """A sequence of arbitrary numbers."""
    timestamps = np.sort(generator.integers(0, 2**40, length))
    return VideoPoses(
        video, timestamps, *generator.random((4, length)), generator.normal(size=(length, 3, 4))
    )


def assert_equal(first: VideoPoses, second: VideoPoses) -> None:
    assert first.video == second.video
    for name in ("timestamps", "focal_x", "focal_y", "principal_x", "principal_y", "poses"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_conversion_agrees_with_the_published_one(tmp_path):
    published = reference("geometry")
    for name, text in json.loads(str(published["re10k_txt"])).items():
        (tmp_path / name).write_text(text)
    for name in published["re10k_sequences"]:
        sequence = read_realestate10k_text(tmp_path / f"{name}.txt")
        expected = {
            key: published[f"poses_{name}_{key}"]
            for key in ("focal_x", "focal_y", "princ_x", "princ_y", "pose")
        }
        assert sequence.video == published[f"poses_{name}_video_code"]
        np.testing.assert_array_equal(sequence.timestamps, published[f"poses_{name}_timestamp"])
        found = (
            sequence.focal_x,
            sequence.focal_y,
            sequence.principal_x,
            sequence.principal_y,
            sequence.poses,
        )
        for (key, values), ours in zip(expected.items(), found, strict=True):
            # Float32's rounding.
            np.testing.assert_allclose(ours, values, rtol=2e-7, atol=2e-7, err_msg=key)


def test_text_file_by_hand(tmp_path):
    """A camera turned by 90 degrees about its vertical axis."""
    # World to camera: x_camera = 3 - z, y_camera = 2 + y, z_camera = 1 + x.
    rotated = "0 0 -1 3  0 1 0 2  1 0 0 1"
    sequence = read_realestate10k_text(
        text_file(tmp_path / "a.txt", line(7, extrinsics=rotated), line(9))
    )
    # The camera is where all three vanish: (x, y, z) = (-1, -2, 3), as (x, z, -y).
    centre = (-1, 3, 2)
    looking = (1, 0, 0)  # camera z rises with world x
    np.testing.assert_allclose(sequence.poses[0, :, 3], centre, atol=1e-12)
    np.testing.assert_allclose(-sequence.poses[0, :, 2], looking, atol=1e-12)
    # Upright: y down has become z up.
    np.testing.assert_allclose(sequence.poses[0, :, 1], (0, 0, 1), atol=1e-12)
    assert sequence.timestamps.tolist() == [7, 9] and sequence.timestamps.dtype == np.int64
    assert (sequence.focal_x[0], sequence.focal_y[0], sequence.principal_x[0]) == (0.5, 0.9, 0.5)


def test_long_videos_and_unordered_lines(tmp_path):
    later = 2**31 + 5  # microseconds: beyond 32 bits after 36 minutes
    sequence = read_realestate10k_text(
        text_file(tmp_path / "a.txt", line(later, "0.5 0.8 0.5 0.5 0 0"), line(3))
    )
    assert sequence.timestamps.tolist() == [3, later]
    assert sequence.focal_y.tolist() == [0.9, 0.8]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "abcDEF-_123"),
        ("https://www.youtube.com/watch?t=3&v=abcDEF-_123&list=x", "abcDEF-_123"),
        ("https://youtu.be/abcDEF-_123?t=3", "abcDEF-_123"),
        ("https://www.youtube.com/embed/abcDEF-_123", "abcDEF-_123"),
        ("http://example.org/tours/house.v2.mp4", "house.v2"),
        ("http://example.org/tours/house/", "house"),
    ],
)
def test_video_name(url, name):
    assert video_name(url) == name


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line() + " 1", "found 20 fields, expected 19"),
        (line()[:-2], "found 18 fields"),
        (line().replace("0.9", "0,9"), "0,9"),
        (line("nan"), "not finite"),
        (line("1.5"), "microseconds"),
        (line("-3"), "microseconds"),
        (line(intrinsics="0.5 0 0.5 0.5 0 0"), "focal length"),
        (
            line(intrinsics="0.5 1e-4 0.5 0.5 0 0"),
            "focal length 0.0001; expected .* at least 0.001",
        ),
        (line(intrinsics="500 900 0.5 0.5 0 0"), "focal length 500; expected .* below 20"),
        (
            line(extrinsics=IDENTITY.replace("0.5", "1e30")),
            r"number 1e\+30; expected at most 1e\+09",
        ),
        (line(extrinsics=IDENTITY.replace("0.5", "-2e9")), r"number 2e\+09; expected at most"),
        (line(extrinsics="0 " * 12), "not a rotation"),
        (line(extrinsics="-" + IDENTITY), "not a rotation"),
    ],
)
def test_malformed_line_is_named(tmp_path, bad, message):
    path = text_file(tmp_path / "a.txt", line(1), line(2), bad, line(4))
    with pytest.raises(ValueError, match=message) as error:
        read_realestate10k_text(path)
    assert f"{path}, line 4" in str(error.value)


@pytest.mark.parametrize("url", ["", line(), "not a URL", "https://www.youtube.com/"])
def test_missing_url_is_named(tmp_path, url):
    with pytest.raises(ValueError, match=r"a\.txt, line [12]: .*URL"):
        read_realestate10k_text(text_file(tmp_path / "a.txt", line(), url=url))


def test_what_is_saved_is_loaded(tmp_path):
    generator = np.random.default_rng(0)
    names = [f"{number:04x}" for number in generator.permutation(50)] + [
        "a-much-longer-name",
        "Z",
        "é",
    ]
    sequences = {
        name: random_sequence(generator, int(generator.integers(2, 9)), f"video {name}")
        for name in names
    }
    save_poses(tmp_path / "poses.npy", sequences)
    poses = load_poses(tmp_path / "poses.npy")
    assert list(poses) == sorted(names, key=str.encode) and len(poses) == len(names)
    for number, name in enumerate(poses):
        assert_equal(poses[name], sequences[name])
        assert_equal(poses.sequence(number), sequences[name])
    assert poses.videos() == [sequences[name].video for name in poses]
    assert poses.lengths().tolist() == [len(sequences[name]) for name in poses]
    assert "a" not in poses and "zzzz" not in poses and poses.get("0") is None


def test_poses_file_is_a_plain_array(tmp_path):
    generator = np.random.default_rng(0)
    sequences = {name: random_sequence(generator, 5, f"video {name}") for name in "cab"}
    save_poses(tmp_path / "poses.npy", sequences)
    rows = np.load(tmp_path / "poses.npy", allow_pickle=False, mmap_mode="r")
    assert rows["sequence"].tolist() == [b"a"] * 5 + [b"b"] * 5 + [b"c"] * 5
    assert rows["sequence_start"].tolist() == [0, 5, 10] + [-1] * 12
    assert rows["sequence_video"].tolist()[:4] == [b"video a", b"video b", b"video c", b""]
    np.testing.assert_array_equal(rows["pose"][5:10], sequences["b"].poses)
    assert rows["timestamp"].dtype == np.int64 and rows["pose"].dtype == np.float64


def test_poses_file_is_neither_read_nor_copied_whole(tmp_path):
    generator = np.random.default_rng(0)
    save_poses(
        tmp_path / "poses.npy",
        {f"{number}": random_sequence(generator, 2, "v") for number in range(3)},
    )
    poses = load_poses(tmp_path / "poses.npy")
    base = poses["1"].poses
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    copy = pickle.loads(pickle.dumps(poses))  # noqa: S301 what a loader's worker process gets
    assert_equal(copy["2"], poses["2"])
    assert len(pickle.dumps(poses)) < 1000


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="no sequences"):
        save_poses(tmp_path / "poses.npy", {})
    with pytest.raises(ValueError, match="sequence short: has 1 poses"):
        save_poses(
            tmp_path / "poses.npy", {"short": random_sequence(np.random.default_rng(0), 1, "v")}
        )
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npy: no such file; extract-poses"):
        load_poses(tmp_path / "none.npy")
    path = tmp_path / "poses.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(ValueError, match="not a poses.npy with the fields"):
        load_poses(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="make poses.npy again"):
        load_poses(path)
    save_poses(path, {"a": random_sequence(np.random.default_rng(0), 4, "v")})
    for size in (path.stat().st_size - 100, 0):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match="make poses.npy again"):
            load_poses(path)


def test_text_files_of_random_cameras(tmp_path):
    """Poses -> RealEstate10K's numbers with nine decimals -> poses."""
    extrinsics = random_poses(3, 20)[:, :3]
    poses = from_realestate10k(extrinsics)
    np.testing.assert_allclose(to_realestate10k(poses), extrinsics, atol=1e-12)
    rows = (
        line(number, extrinsics=" ".join(f"{value:.9f}" for value in matrix.ravel()))
        for number, matrix in enumerate(extrinsics)
    )
    sequence = read_realestate10k_text(text_file(tmp_path / "a.txt", *rows))
    np.testing.assert_allclose(sequence.poses, poses[:, :3], atol=1e-8)


@pytest.mark.parametrize("clip", ALL, ids=lambda clip: clip.text.stem)
def test_cameras_of_rendered_clips(clip: Clip):
    np.testing.assert_allclose(clip.sequence.poses, clip.camera_to_world[:, :3], atol=1e-8)
    np.testing.assert_allclose(clip.sequence.focal_y, clip.focal_y, atol=1e-8)
