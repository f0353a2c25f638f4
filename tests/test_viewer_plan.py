"""What the page steers: plans, their cameras, and undoing."""

from dataclasses import replace

import numpy as np
import pytest

from photonvs.cameras.geometry import check_poses
from photonvs.cameras.keyframes import keyframe_path
from photonvs.cameras.motion import Motion
from photonvs.cameras.paths import PRESETS, orbit, pan
from photonvs.cameras.photo import focal_y_of
from photonvs.viewer.plan import BROUGHT, MOST_FRAMES, OWN, History, Plan, preset_options
from photonvs.viewer.steer import in_words


def at(x, turn=0.0):
    """A pose beside the photo's."""
    pose = pan(2, turn)[1]
    pose[0, 3] = x
    return pose


def own(*places, **options):
    """A plan through cameras beside the photo's."""
    plan = Plan(move=OWN, **options)
    for index, place in enumerate(places):
        plan = plan.inserted(index, at(place))
    return plan


@pytest.mark.parametrize("move", sorted(PRESETS))
def test_every_preset_can_be_steered(move):
    plan = Plan(frames=5).with_move(move)
    for name, value in preset_options(move).items():
        plan = plan.with_option(name, value / 2)
    spec = plan.spec()
    check_poses(spec.poses)
    assert len(spec.poses) == 5 and spec.given == (0,)


def test_a_plan_is_what_the_command_line_makes():
    spec = Plan(options={"angle": 20.0}, frames=7, field_of_view=60, rule="last-3").spec()
    np.testing.assert_array_equal(spec.poses, orbit(7, angle=20))
    assert spec.focal_y == focal_y_of(60) and spec.dependencies[4] == (1, 2, 3)


def test_a_path_of_ones_own_goes_through_all_cameras():
    plan = own(0.2, 0.6, frames=9)
    cameras = [one.pose for one in plan.keyframes]
    spec = plan.spec()
    np.testing.assert_array_equal(spec.poses, keyframe_path(cameras, 9, constant_speed=True))
    np.testing.assert_allclose(spec.poses[[0, -1]], [np.eye(4), at(0.6)], atol=1e-9)


def test_without_even_speed_each_camera_has_its_time():
    plan = own(0.3, 0.6, frames=5, even=False).timed(1, 3.0)
    np.testing.assert_allclose(plan.spec().poses[3, 0, 3], 0.3, atol=1e-9)  # after 3 of 4 seconds
    with pytest.raises(ValueError, match="more than 0"):
        plan.timed(1, 0.0)


def test_cameras_are_inserted_moved_deleted_and_reordered():
    def places(plan):
        return [round(float(one.pose[0, 3]), 6) for one in plan.keyframes]

    plan = own(1.0)
    between = plan.inserted(0)
    assert places(between) == [0, 0.5, 1]
    assert places(between.moved(1, at(0.2))) == [0, 0.2, 1]
    assert places(between.reordered(1, 1)) == [0, 1, 0.5]
    assert places(between.deleted(1)) == [0, 1]
    ahead = plan.inserted(1).keyframes[-1].pose
    assert ahead[0, 3] > 1 and ahead[2, 3] < 0, "to the right and forward"
    for change in (
        lambda: between.deleted(0),
        lambda: between.moved(0, at(1)),
        lambda: between.reordered(1, -1),
        lambda: between.reordered(2, 1),
    ):
        with pytest.raises(ValueError, match="photo"):
            change()


def test_a_path_that_was_brought_is_taken_as_it_is():
    plan = Plan(move=BROUGHT, brought=orbit(7, radius=5), frames=3, distance=9)
    np.testing.assert_array_equal(plan.spec().poses, orbit(7, radius=5))
    for poses in (None, orbit(MOST_FRAMES + 1), np.eye(4)[None]):
        with pytest.raises(ValueError, match="bring a file|expected 2 to"):
            replace(plan, brought=poses).spec()


def test_the_first_choice_of_an_own_path_has_a_second_camera():
    assert len(Plan().with_move(OWN).keyframes) == 2
    assert own(0.2, 0.3).with_move("orbit").with_move(OWN).keyframes[2].pose[0, 3] == 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 1},
        {"frames": MOST_FRAMES + 1},
        {"distance": -1},
        {"field_of_view": 180},
        {"options": {"radius": np.inf}},
        {"move": "teleport"},
        {"rule": "none"},
    ],
)
def test_what_cannot_be_is_said_and_not_taken(wrong):
    history = History(Plan())
    with pytest.raises(ValueError, match="expected"):
        history.change(replace(Plan(), **wrong))
    assert not history.undo() and history.plan.frames == 20


def test_undo_gives_the_former_plans_back():
    history = History(Plan())
    first = history.plan
    history.change(second := first.with_option("angle", 10.0))
    history.change(second.with_move(OWN))
    assert history.undo() and history.plan is second
    assert history.undo() and history.plan is first
    assert not history.undo()


def test_a_slider_that_is_dragged_is_one_change():
    now = [0.0]
    history = History(Plan(), clock=lambda: now[0])
    for seconds, what, angle in ((0, "angle", 1), (0.4, "angle", 2), (1.2, "angle", 3)):
        now[0] = seconds
        history.change(history.plan.with_option(what, angle), what)
    history.change(history.plan.with_option("radius", 3), "radius")
    now[0] = 9.0
    history.change(history.plan.with_option("radius", 4), "radius")
    angles = []
    while history.undo():
        angles.append((history.plan.options.get("angle"), history.plan.options.get("radius")))
    assert angles == [(3, 3), (3, None), (None, None)]


def test_a_path_beyond_what_the_model_learnt_is_said():
    spec = Plan(move="dolly", options={"distance": 1.0}, frames=5).spec()  # steps of 0.25
    plain = in_words(spec, None)
    assert "5 frames" in plain and "1.00 in all, 0.25 and 0.0 degrees" in plain
    assert in_words(spec, Motion(0.2, 0.3, 1.0, 2.0)) == plain
    assert "moves 2.5 times as far as the model learnt" in in_words(spec, Motion(0.05, 0.1, 1, 2))
