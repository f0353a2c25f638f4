"""The part of a camera's frames that training takes."""

from pathlib import Path

import numpy as np
import pytest
from conversion import converter, extracted, written
from numbered_video import decode_all
from PIL import Image
from scenes import random_poses

from photonvs.cameras.files.camera import Camera
from photonvs.datasets.convert.framing import frame_cameras
from photonvs.datasets.pairs import PairDataset

HERE = Path("frames")


def camera(size, focal, point, distortion=()):
    """Pixels of an image of `size` (height, width)."""
    height, width = size
    principal = point[0] / width, point[1] / height
    lens = {"principal": principal, "distortion": distortion}
    return Camera(np.eye(4), "a", focal / height, focal / width, **lens)


@pytest.mark.parametrize(
    ("size", "points", "box", "said"),
    [
        ((360, 640), [(320, 180)], (640, 360), ""),
        ((360, 640), [(326, 182)], (640, 360), ""),  # training takes it for central
        ((360, 640), [(300, 180)], (600, 360), "; of 640x360 pixels, 600x360 about (300, 180)"),
        ((360, 640), [(320, 160)], (640, 320), "; of 640x360 pixels, 640x320 about (320, 160)"),
        ((640, 360), [(180, 320)], (360, 360), "; of 360x640 pixels, 360x360 about (180, 320)"),
        ((640, 360), [(150, 300)], (300, 300), "; of 360x640 pixels, 300x300 about (150, 300)"),
        # Two cameras have boxes of one size, each about its own point.
        ((360, 640), [(300, 180), (350, 180)], (580, 360), "; of 640x360 pixels, 580x360"),
    ],
)
def test_boxes_are_about_the_principal_point(size, points, box, said):
    framing = frame_cameras([camera(size, 400, point) for point in points], size, HERE)
    assert framing.notes.startswith(said) and bool(framing.notes) == bool(said)
    assert not framing.undone and framing.target[0] == 360 and framing.target[1] % 2 == 0
    for point, kept, cut in zip(points, framing.cameras, framing.boxes, strict=True):
        width, height = cut[2] - cut[0], cut[3] - cut[1]
        assert (width, height) == pytest.approx(box, abs=2)
        middle = point if said else (size[1] / 2, size[0] / 2)
        assert ((cut[0] + cut[2]) / 2, (cut[1] + cut[3]) / 2) == pytest.approx(middle)
        assert kept.focal_lengths(framing.target) == pytest.approx((400 / height, 400 / width))
        off = np.array(point) - middle
        assert (np.array(kept.principal) - 0.5) * (width, height) == pytest.approx(off)
        assert width / height == pytest.approx(framing.target[1] / 360), "pixels stay square"


def test_too_little_is_refused():
    for point in ((80, 180), (320, 85), (-30, 180)):
        with pytest.raises(ValueError, match="frames: of 640x360 pixels only .* could be used"):
            frame_cameras([camera((360, 640), 400, point)], (360, 640), HERE)


def test_nothing_that_a_lens_did_not_see_is_kept():
    """Pincushion: the undone frame has black borders, which the box leaves out."""
    size, lens = (180, 320), camera((180, 320), 200, (160, 90), (0.2, 0.05, 0.0, 0.0))
    framing = frame_cameras([lens], size, HERE)
    picture = framing.picture(np.full((*size, 3), 255, np.uint8), 0)
    assert picture.shape[:2] == framing.target and picture.min() > 250
    left, top, right, bottom = framing.boxes[0]
    assert right - left > 220 and bottom - top > 120, "and hardly more is lost"


def test_portrait_frames_and_others_train(tmp_path, capsys):
    """A phone's frames, whose principal point is off the centre, up to the training pairs."""
    run = converter(tmp_path, random_poses(2, 4))
    folder = tmp_path / "tall"
    folder.mkdir()
    for index in range(4):
        frame = np.zeros((160, 90, 3), np.uint8)
        frame[70:74, 38:42] = 255  # about the principal point
        Image.fromarray(frame).save(folder / f"r_{index}.png")
    content = (tmp_path / "transforms.json").read_text()
    focal = 100
    content = content.replace('"w": 86', '"w": 90').replace('"h": 48', '"h": 160')
    for key in ("fl_x", "fl_y"):
        content = content.replace(f'"{key}": 43.2', f'"{key}": {focal}')
    (tmp_path / "tall.json").write_text(content.replace("{", '{"cx": 40, "cy": 72, ', 1))
    data = run(images="tall", file="tall.json")
    assert "written as 360x360; of 90x160 pixels, 80x80 about (40, 72)" in capsys.readouterr().out
    sequence = extracted(data)
    np.testing.assert_allclose([sequence.focal_x, sequence.focal_y], focal / 80, rtol=1e-9)
    np.testing.assert_allclose([sequence.principal_x, sequence.principal_y], 0.5, atol=1e-9)
    bright = decode_all(written(data)[0])[1][0, ..., 1] > 128
    rows, columns = np.nonzero(bright)
    assert (rows.mean(), columns.mean()) == pytest.approx((179.5, 179.5), abs=0.5)
    pairs = PairDataset(data / "train" / "poses.npy", data / "train" / "videos", 32)
    assert pairs[0]["target_image"].shape == (3, 32, 32) and not pairs[0]["replaced"]
    assert pairs[0]["focal_y"] == pytest.approx(focal / 80)
