"""Pinned protocols: the rule that chooses, the file, and that other poses are noticed."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from photonvs.cameras.geometry import from_realestate10k
from photonvs.cameras.realestate10k import VideoPoses
from photonvs.commands.make_protocol import main
from photonvs.datasets.poses import load_poses, save_poses
from photonvs.datasets.rooms.clips import Clip, make_scene
from photonvs.evaluation.protocol import (
    PROTOCOLS,
    Protocol,
    choose_sequences,
    find_protocol,
    path_of,
    read_protocol,
    write_protocol,
)


def sequence(
    length: int, video: str = "video", step: float = 0.1, focal_y: float = 0.9
) -> VideoPoses:
    extrinsics = np.tile(np.eye(4)[:3], (length, 1, 1))
    extrinsics[:, 0, 3] = -step * np.arange(length)
    ones = np.ones(length)
    poses = from_realestate10k(extrinsics)[:, :3]
    return VideoPoses(
        video, 40_000 * np.arange(length), 0.5 * ones, focal_y * ones, 0.5 * ones, 0.5 * ones, poses
    )


@pytest.fixture
def poses(tmp_path):
    """Eight sequences of 20 to 27 poses."""
    save_poses(tmp_path / "poses.npy", {f"id{k}": sequence(20 + k, f"video{k}") for k in range(8)})
    return load_poses(tmp_path / "poses.npy")


def test_the_rule(poses):
    chosen = choose_sequences(poses, 3, frames=5, every=5)  # 21 poses
    by_hash = sorted(
        [f"id{k}" for k in range(1, 8)], key=lambda name: hashlib.sha256(name.encode()).hexdigest()
    )
    assert [one.id for one in chosen] == by_hash[:3]
    for one in chosen:
        assert one.timestamps == (0, 200_000, 400_000, 600_000, 800_000) and one.focal_y == 0.9
        assert one.path_length == pytest.approx(2.0) and one.video == one.id.replace("id", "video")
    longer = choose_sequences(poses, 5, frames=5, every=5)
    assert longer[:3] == chosen, "a longer protocol holds a shorter one"
    others = choose_sequences(
        poses, 3, 5, 5, videos={f"video{k}" for k in range(8)} - {chosen[0].video}
    )
    assert [one.id for one in others] == by_hash[1:4], "without a video the others stay"


def test_a_rule_that_leaves_nothing(poses):
    with pytest.raises(ValueError, match="no sequence with 201 poses"):
        choose_sequences(poses, 3)
    with pytest.raises(ValueError, match="expected at least 1, 2 and 1"):
        choose_sequences(poses, 0)


def test_a_pinned_path_is_that_of_the_poses(poses):
    (pinned,) = choose_sequences(poses, 1, frames=3, every=4)
    path = path_of(pinned, poses)
    np.testing.assert_allclose(path.poses[:, :3], poses[pinned.id].poses[[0, 4, 8]])
    assert path.focal_y == 0.9 and path.timestamps.tolist() == [0, 160_000, 320_000]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (sequence(30, step=0.101), "path_length is 0.808 in .*, 0.8 in the protocol"),
        (sequence(30, focal_y=0.8), "focal_y is 0.8"),
        (sequence(5), ".*has no poses at some of the protocol's timestamps"),
        (None, "not in"),
    ],
)
def test_other_poses_are_noticed(poses, tmp_path, other, message):
    (pinned,) = choose_sequences(poses, 1, frames=3, every=4)
    save_poses(
        tmp_path / "other.npy", {"unrelated": sequence(9)} | ({pinned.id: other} if other else {})
    )
    with pytest.raises(ValueError, match=f"sequence {pinned.id}: {message}"):
        path_of(pinned, load_poses(tmp_path / "other.npy"))


def test_the_file_gives_back_the_protocol(poses, tmp_path):
    protocol = Protocol(
        choose_sequences(poses, 3, 5, 5),
        "a rule",
        "all",
        True,
        3,
        2,
        "original",
        "colmap",
        1.0,
        12,
        2,
        ("psnr", "fid"),
        ("make-rooms test", "extract-poses test"),
    )
    write_protocol(tmp_path / "p.yaml", protocol)
    assert read_protocol(tmp_path / "p.yaml") == protocol


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format: 1", "format: 2", "expected a protocol of format 1"),
        ("seed: 0", "sed: 0", "unknown ['sed']"),
        ("runs: 1", "runs: 0", "runs and short_term at least 1"),
        ("runs: 1", "runs: one", "'str'"),
        ("matcher: sift", "matcher: eye", "matcher 'eye': expected one of colmap, sift"),
        ("condition: previous", "condition: next", "condition 'next'"),
        ("first_frame: reconstruction", "first_frame: none", "expected reconstruction or original"),
        ("id: id", "name: id", "missing ['id']"),
        ("psnr", "pnsr", "metrics ['pnsr'"),
        ("timestamps: [0, ", "timestamps: [9999999, ", "increasing"),
        ("sequences:", "sequences: 3\nrest:", "sequences: found 3, expected a list"),
        ("format: 1", "format: [", "while parsing"),
    ],
)
def test_mistakes_in_the_file_are_named(poses, tmp_path, old, new, message):
    path = tmp_path / "p.yaml"
    write_protocol(path, Protocol(choose_sequences(poses, 1, 5, 5)))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError) as raised:
        read_protocol(path)
    assert (
        str(raised.value).startswith(f"{path}: ")
        and message in str(raised.value)
        and "\n" not in str(raised.value)
    )


def test_protocols_that_come_with_the_package():
    names = [path.stem for path in PROTOCOLS.glob("*.yaml")]
    assert names
    for name in names:
        protocol = read_protocol(find_protocol(name))
        assert all(len(one.timestamps) == 21 for one in protocol.sequences)
    with pytest.raises(
        FileNotFoundError,
        match=f"none: no such protocol; expected a file, or one of {', '.join(sorted(names))}",
    ):
        find_protocol("none")


@pytest.mark.slow
def test_the_rooms_protocol_is_that_of_the_rooms():
    """Its sequences are the first clips of the split test as they are made today."""
    pinned = {one.id: one for one in read_protocol(find_protocol("rooms")).sequences}
    for number in range(len(pinned)):
        clip = Clip("test", 0, number, 201, Fraction(30))
        _, poses, focal_y = make_scene(clip)
        one = pinned.pop(clip.sequence)
        assert one.video == clip.video and one.timestamps == tuple(clip.timestamps()[::10])
        steps = np.linalg.norm(np.diff(poses[::10, :3, 3], axis=0), axis=1)
        assert one.path_length == pytest.approx(
            steps.sum(), rel=1e-5
        ) and one.focal_y == pytest.approx(focal_y, rel=1e-6)
    assert not pinned


def test_the_command(poses, tmp_path, capsys):
    words = [
        str(tmp_path / "p.yaml"),
        "--poses",
        str(tmp_path / "poses.npy"),
        "--frames",
        "5",
        "--every",
        "5",
    ]
    main([*words, "--sequences", "20", "--metrics", "psnr", "--first-frame", "original"])
    assert "only 7 sequences are long enough" in capsys.readouterr().out
    protocol = read_protocol(tmp_path / "p.yaml")
    assert (
        len(protocol.sequences) == 7
        and protocol.metrics == ("psnr",)
        and protocol.first_frame == "original"
    )
    assert "of the 8 sequences those with at least 21 poses" in protocol.rule
    with pytest.raises(ValueError, match="exists; results refer to it"):
        main(words)
