"""How much of a view a photo covers: closed forms, and rays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photonvs.cameras.coverage import (
    CORNERS,
    covered_share,
    poster_corners,
    poster_in_view,
    poster_to_view,
)
from photonvs.cameras.geometry import OPENCV_TO_BLENDER, intrinsic_matrix
from photonvs.cameras.paths import dolly, orbit, pan, pedestal, truck

FOCAL_Y = 0.9
WIDTH = 2.0 / FOCAL_Y  # of the poster at a distance of 2
PHOTO = orbit(2)[0]  # somewhere in the world


def share(pose, distance=2.0):
    """Of a pose seen from the photo's camera."""
    return covered_share(PHOTO @ pose, PHOTO, FOCAL_Y, distance)


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (np.eye(4), 1),
        (dolly(2, 1.0)[1], 1),
        (dolly(2, -2.0)[1], 1 / 4),  # twice as far, so half as wide and half as high
        (truck(2, WIDTH / 4)[1], 3 / 4),
        (pedestal(2, -WIDTH / 2)[1], 1 / 2),
        (truck(2, WIDTH)[1], 0),
        (pan(2, 180)[1], 0),
        (dolly(2, 3.0)[1], 0),  # behind the poster
        (dolly(2, 3.0)[1] @ pan(2, 180)[1], 0),  # and looking at its back
    ],
)
def test_closed_forms(pose, expected):
    assert share(pose) == pytest.approx(expected, abs=1e-9)


def test_what_is_far_moves_less():
    pose = truck(2, 0.5)[1]
    assert share(pose, 1.0) < share(pose, 2.0) < share(pose, 20.0)


def test_the_corners_land_where_the_homography_says():
    pose = PHOTO @ truck(2, 0.3)[1] @ pan(2, 8.0)[1]
    corners = poster_corners(PHOTO, FOCAL_Y, 2.0)
    seen = np.linalg.inv(pose @ OPENCV_TO_BLENDER) @ np.column_stack([corners, np.ones(4)]).T
    places = (intrinsic_matrix(FOCAL_Y, (1, 1)) @ seen[:3]).T
    mapped = np.column_stack([CORNERS, np.ones(4)]) @ poster_to_view(pose, PHOTO, FOCAL_Y, 2.0).T
    np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], places[:, :2] / places[:, 2:])


small = st.floats(-1.5, 1.5)


@settings(max_examples=60, deadline=None)
@given(st.tuples(small, small, small), st.floats(-180, 180), st.floats(-60, 60), st.floats(0.3, 9))
def test_as_many_rays_meet_the_poster(place, turn, raised, distance):
    radians = np.radians(raised)
    pose = pan(2, turn)[1] @ np.array(
        [
            [1, 0, 0, 0],
            [0, np.cos(radians), -np.sin(radians), 0],
            [0, np.sin(radians), np.cos(radians), 0],
            [0, 0, 0, 1],
        ]
    )
    pose[:3, 3] = place
    x, y = np.meshgrid(*[(np.arange(100) + 0.5) / 100 - 0.5] * 2)
    rays = pose[:3, :3] @ np.stack([x, -y, -FOCAL_Y * np.ones_like(x)]).reshape(3, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = (-distance - place[2]) / rays[2]
        hits = np.array(place)[:2, None] + reach * rays[:2]
    ahead = (reach > 0) & (place[2] > -distance)
    met = ahead & (np.abs(hits) <= 0.5 * distance / FOCAL_Y).all(axis=0)
    assert share(pose, distance) == pytest.approx(met.mean(), abs=0.012)
    polygon = poster_in_view(PHOTO @ pose, PHOTO, FOCAL_Y, distance)
    assert np.all((polygon > -1e-9) & (polygon < 1 + 1e-9))


@pytest.mark.parametrize("distance", [0, -1, np.nan, np.inf])
def test_the_distance_is_a_length(distance):
    with pytest.raises(ValueError, match="distance"):
        poster_corners(PHOTO, FOCAL_Y, distance)
