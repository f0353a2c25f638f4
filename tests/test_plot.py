"""The picture of a camera path."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from photonvs.cameras import paths as presets
from photonvs.cameras import plot
from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.spec import SamplingSpec


def spec_of(poses: np.ndarray, given=(0,)) -> SamplingSpec:
    return SamplingSpec(0.5, poses, *conditioning(len(poses), "previous", given))  # 90 degrees


@pytest.mark.parametrize("side", plot.SIDES)
def test_a_camera_is_as_wide_as_its_field_of_view(side):
    centre, *ends = plot._triangles(side, presets.truck(3), 2.0, 0.5)[1]
    first, second = (end - centre for end in ends)
    assert first @ second == pytest.approx(0)  # a right angle
    np.testing.assert_allclose(np.linalg.norm([first, second], axis=1), 2 * np.sqrt(2))
    forward = np.array([0, 2.0]) if side.title.endswith("above") else np.array([2.0, 0])
    np.testing.assert_allclose((first + second) / 2, forward, atol=1e-12)


def test_both_axes_have_one_scale_and_numbers_keep_apart():
    poses = presets.spiral(60, radius=1)
    axes, side = Figure().subplots(), plot.SIDES[0]
    plot._draw_side(axes, side, plot._triangles(side, poses, 0.1, 0.5), [0, 30], 2.0)
    widths = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    assert widths == pytest.approx((4, 4)) and axes.get_box_aspect() == 1
    places = np.array([text.get_position() for text in axes.texts])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 10 * np.eye(len(places))
    assert apart.min() > plot.LABEL_DISTANCE * 4
    assert {"0", "30"} <= {text.get_text() for text in axes.texts}  # given frames come first


def test_the_picture_says_lens_and_unit(tmp_path):
    plot.plot_path(tmp_path / "path.svg", spec_of(presets.pan(12)))
    said = " ".join(re.findall("<!-- (.*?) -->", (tmp_path / "path.svg").read_text()))
    for words in ("field of view 90 degrees", "a metre for the shipped model", "given: 0"):
        assert words in said
