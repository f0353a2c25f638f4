"""Camera paths joined to one."""

import numpy as np
import pytest

from photonvs.cameras.geometry import check_poses
from photonvs.cameras.joining import join, moves_path, parse_move
from photonvs.cameras.paths import DISTANCE_LOOKED_AT, PRESETS, orbit
from photonvs.cameras.spec import read_spec
from photonvs.commands.make_trajectory import main


def steps(poses):
    """Lengths and turns (radians) from frame to frame."""
    between = np.linalg.inv(poses[:-1]) @ poses[1:]
    turns = np.arccos(np.clip((np.trace(between[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1))
    return np.linalg.norm(between[:, :3, 3], axis=1), turns


def test_one_path_of_even_steps_is_itself():
    expected = orbit(20, angle=30)
    joined = join([parse_move("orbit:30")], 20)
    np.testing.assert_allclose(joined, np.linalg.inv(expected[0]) @ expected, atol=1e-5)


def test_each_path_begins_where_the_one_before_ends():
    joined = join([parse_move(move) for move in ("dolly:1", "pan:90", "dolly:0.5")], 60)
    np.testing.assert_allclose(joined[-1, :3, 3], [0.5, 0, -1], atol=1e-4)  # forward, then right
    np.testing.assert_allclose(-joined[-1, :3, 2], [1, 0, 0], atol=1e-4)
    check_poses(joined)


def test_steps_are_even_where_turns_count_as_what_they_move():
    lengths, turns = steps(join([parse_move("truck:1"), parse_move("tilt:20")], 41))
    sizes = np.hypot(lengths, DISTANCE_LOOKED_AT * turns)
    corner = np.abs(np.diff(sizes)) > 1e-6
    assert corner.sum() <= 2, "only the step over the corner may differ"
    assert np.median(sizes) == pytest.approx(
        (1 + np.radians(20) * DISTANCE_LOOKED_AT) / 40, rel=1e-3
    )


def test_smoothing_rounds_corners_and_begins_and_ends_gently():
    moves = [parse_move("dolly:1"), parse_move("pan:60")]
    sharp, smooth = join(moves, 40), join(moves, 40, smooth=True)
    lengths, turns = steps(smooth)
    both = (lengths > 1e-4) & (turns > 1e-4)
    assert both.sum() >= 3, "at the corner it moves and turns at once"
    assert lengths[0] < 0.3 * lengths.max() and turns[-1] < 0.3 * turns.max()
    np.testing.assert_allclose(smooth[-1], sharp[-1], atol=0.05)
    check_poses(smooth)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_can_be_joined(name):
    check_poses(join([parse_move(name), parse_move("pan")], 12, smooth=True))


def test_moves_from_text():
    np.testing.assert_array_equal(parse_move("orbit:radius=3,angle=40"), orbit(200, 3, 40))
    np.testing.assert_array_equal(parse_move("orbit:40"), orbit(200, angle=40))
    for text, message in (
        ("zoom:1", "expected one of orbit"),
        ("pan:far", "found 'far', expected a number"),
        ("pan:radius=2", "expected finite numbers for angle"),
        ("dolly:inf", "expected finite numbers for distance"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_move(text)
    with pytest.raises(ValueError, match="expected at least 2 of 1"):
        join([parse_move("pan")], 1)


def test_the_command_joins_moves(tmp_path):
    for words in (["dolly:1", "pan:40"], ["join", "dolly:1", "pan:40"]):
        main(
            [*words, "--frames", "30", "--smooth", "--json", str(tmp_path / "spec.json"), "--force"]
        )
        expected = join([parse_move("dolly:1"), parse_move("pan:40")], 30, smooth=True)
        np.testing.assert_array_equal(read_spec(tmp_path / "spec.json").poses, expected)
    main(["dolly", "--distance", "1", "--json", str(tmp_path / "one.json")])
    assert read_spec(tmp_path / "one.json").poses[-1, 2, 3] == -1


def test_one_move_alone_is_the_preset_itself():
    np.testing.assert_array_equal(moves_path(["hop:radius=0.2"], 7), PRESETS["hop"](7, radius=0.2))
    np.testing.assert_array_equal(
        moves_path(["dolly:1", "pan:40"], 7), join([parse_move("dolly:1"), parse_move("pan:40")], 7)
    )


def test_an_orbit_that_rises_still_looks_at_its_middle():
    poses = orbit(5, radius=3, height=1.5)
    heights = poses[:, 1, 3]
    np.testing.assert_allclose(heights, np.linspace(0, 1.5, 5), atol=1e-11)
    places = poses[:, :3, 3]
    np.testing.assert_allclose(
        poses[:, :3, 2], places / np.linalg.norm(places, axis=1, keepdims=True), atol=1e-11
    )
    check_poses(poses)
