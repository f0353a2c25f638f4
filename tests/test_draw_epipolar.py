"""The command draw-epipolar: its lines are the epipolar lines, its picture is written."""

import numpy as np
import pytest
from PIL import Image
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.cameras.files.camera import Camera
from photonvs.commands.draw_epipolar import main
from photonvs.evaluation.epipolar import _lines_of, _segment
from photonvs.evaluation.scoring import score_pair


@pytest.fixture
def sample(tmp_path):
    poses = sideways_poses(3)
    poses[2, :3, 3] = poses[1, :3, 3]
    write_sample_spec(tmp_path / "samples" / "plane", poses)
    write_frames(tmp_path / "samples" / "plane" / "samples" / "00000000" / "images", poses, 0.9)
    return tmp_path


def test_a_picture_is_written(sample, capsys):
    main(["-o", "samples/plane", "--instance-data", str(sample)])
    path = sample / "samples" / "plane" / "evaluation" / "00000000" / "epipolar-0000-0001.png"
    assert capsys.readouterr().out.strip() == str(path)
    colors = np.array(Image.open(path).convert("RGB")).astype(int)
    green = (colors[..., 1] > colors[..., 0] + 60) & (colors[..., 1] > colors[..., 2] + 40)
    assert green.mean() > 0.005  # true cameras: points and lines in the colour of small distances


def test_anyones_frames(sample):
    images = sample / "samples" / "plane" / "samples" / "00000000" / "images"
    figure = sample / "pair.png"
    poses = sample / "samples" / "plane" / "sampling-spec.json"
    main(
        [
            "--images",
            str(images),
            "--poses",
            str(poses),
            "--frames",
            "1",
            "0",
            "--figure",
            str(figure),
        ]
    )
    assert Image.open(figure).width > 1000


def test_mistakes_are_named(sample, capsys):
    with pytest.raises(ValueError, match="both cameras are at the same place"):
        main(["-o", "samples/plane", "--instance-data", str(sample), "--frames", "1", "2"])
    with pytest.raises(
        ValueError, match=r"frames 0 and 3: expected two different ones from 0 to 2"
    ):
        main(["-o", "samples/plane", "--instance-data", str(sample), "--frames", "0", "3"])
    with pytest.raises(SystemExit):
        main(["--images", "a"])
    assert "--images and --poses" in capsys.readouterr().err


def test_drawn_lines_are_those_that_distances_are_measured_from():
    poses = sideways_poses(2)
    cameras = [
        Camera(pose, str(index), focal_y=1.1, focal_x=0.8, principal=(0.45, 0.6))
        for index, pose in enumerate(poses)
    ]
    generator = np.random.default_rng(0)
    matches = generator.uniform(0, 100, (20, 2)), generator.uniform(0, 100, (20, 2))
    score = score_pair((0, 1), matches, cameras, ((120, 90), (120, 90)))
    lines_1, lines_2 = _lines_of(score)
    distances = []
    for points, lines in zip(matches, (lines_1, lines_2), strict=True):
        segments = np.stack([_segment(line, 90, 120) for line in lines])  # (n, 2, 2)
        along, towards = segments[:, 1] - segments[:, 0], points - segments[:, 0]
        cross = along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0]
        distances.append(np.abs(cross) / np.linalg.norm(along, axis=1))
    np.testing.assert_allclose(np.mean(distances, axis=0), score.distances, rtol=1e-8)
