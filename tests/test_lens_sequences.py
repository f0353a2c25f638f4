"""A rendered room seen through a wide lens: scored, drawn and made into training data."""

import base64
import io
import json

import numpy as np
import pytest
from clips import ALL
from conversion import extracted, written
from lenses import WIDE, through_lens
from numbered_video import decode_all
from PIL import Image
from test_camera_files import transforms, write_colmap_text
from test_page import embedded

from photonvs.cameras.files.camera import Camera
from photonvs.commands import compute_tsed, convert_sequence, draw_epipolar
from photonvs.datasets.video import read_frames
from photonvs.evaluation.matching import SiftMatcher
from photonvs.evaluation.scoring import score_sequence
from photonvs.evaluation.tsed import tsed
from photonvs.utils.images import read_frame
from photonvs.utils.pictures import write_video

CLIP = ALL[0]
POSES = CLIP.camera_to_world[::4]  # so far apart that a lens ignored shows in the distances
SIZE = 288, 512  # of 360 x 640, since the lens sees less of the borders
FOCAL = CLIP.focal_y * 360  # pixels
PRINCIPAL = 240.0, 150.0  # pixels, of the lens; the middle is at 256, 144


@pytest.fixture(scope="module")
def pinholes():
    """What the room looks like, (n, 360, 640, 3)."""
    return read_frames(CLIP.video, CLIP.sequence.timestamps[::4])


@pytest.fixture(scope="module")
def room(pinholes, tmp_path_factory):
    """A folder with the frames through the lens, and their cameras in two formats."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "images").mkdir()
    for index, frame in enumerate(pinholes):
        seen = through_lens(frame, FOCAL, WIDE, SIZE, PRINCIPAL)
        Image.fromarray(seen).save(folder / "images" / f"frame_{index}.png")
    numbers = " ".join(map(str, (SIZE[1], SIZE[0], FOCAL, FOCAL, *PRINCIPAL, *WIDE)))
    write_colmap_text(folder / "colmap", POSES, f"OPENCV {numbers}")
    write_colmap_text(folder / "no-lens", POSES, f"PINHOLE {numbers.rsplit(maxsplit=4)[0]}")
    size = {"w": SIZE[1], "h": SIZE[0], "cx": PRINCIPAL[0], "cy": PRINCIPAL[1]}
    lens = dict(zip(("k1", "k2", "p1", "p2"), WIDE, strict=True))
    content = transforms(POSES, fl_x=FOCAL, fl_y=FOCAL, **size, **lens)
    for frame in content["frames"]:
        frame["file_path"] = frame["file_path"].replace("train/r_", "images/frame_")
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


def report_of(room, poses, *words):
    """tsed.json; matches are kept in the results, and serve all cameras."""
    results = room / "results"
    arguments = ["--images", room / "images", "--poses", room / poses, "--results", results]
    compute_tsed.main([*map(str, arguments), "--t-error", "1", "--workers", "1", *words])
    return json.loads((results / "images" / "tsed.json").read_text())


@pytest.mark.parametrize("poses", ["colmap", "transforms.json"])
def test_frames_through_a_lens_agree_with_their_cameras(room, poses, capsys):
    report = report_of(room, poses, "--no-page")
    said = capsys.readouterr().err
    assert said.count("images: lens distortion undone, at the matched points\n") == 1
    assert report["tsed"] == 1.0 and report["mean_median_sed"] < 0.3


def test_a_lens_ignored_shows(room, capsys):
    right, wrong = (report_of(room, poses, "--no-page") for poses in ("colmap", "no-lens"))
    with capsys.disabled():
        for name, report in (("undone", right), ("ignored", wrong)):
            numbers = f"TSED {report['tsed']:.2f}, median {report['mean_median_sed']:.3f} pixels"
            print(f"\nlens {name}: {numbers}", end="")
    assert right["tsed"] == 1.0
    assert wrong["tsed"] <= 0.75 and wrong["mean_median_sed"] > 3 * right["mean_median_sed"]


def test_pages_and_drawings_show_straight_lines(room, pinholes, tmp_path, monkeypatch):
    """Epipolar lines are straight where the lens is undone, so that is what is drawn."""
    report_of(room, "colmap")
    (sequence,) = embedded(room / "results" / "images" / "report.html")["sequences"]
    shown = []
    monkeypatch.setattr(
        "photonvs.evaluation.epipolar._draw_frame",
        lambda axes, grey, *rest: shown.append(grey) or axes.scatter([], [], c=[]),
    )
    figure = tmp_path / "pair.png"
    arguments = ["--images", room / "images", "--poses", room / "colmap", "--figure", figure]
    draw_epipolar.main([*map(str, arguments)])
    left, top = 320 - int(PRINCIPAL[0]), 180 - int(PRINCIPAL[1])
    straight = Image.fromarray(pinholes[0][top : top + SIZE[0], left : left + SIZE[1]])
    bent = Image.open(room / "images" / "frame_0.png")
    page = Image.open(io.BytesIO(base64.b64decode(sequence["frames"][0]["image"].split(",")[1])))
    for image in (page, Image.fromarray(shown[0])):
        assert difference(bent, straight, image) > 10, "the lens shows"
        assert difference(image, straight, image) < 4
    assert len(sequence["pairs"][0]["points"]) > 50
    assert sequence["pairs"][0]["sizes"][0] == [SIZE[1], SIZE[0]]


def difference(one, other, like):
    """The mean difference of grey values, away from the border, at the size of a third image."""
    grey = [np.asarray(image.convert("L").resize(like.size), float) for image in (one, other)]
    return np.abs(grey[0] - grey[1])[30:-30, 30:-30].mean()


def convert(room, folder, *words):
    arguments = ["train", "--name", "room", "--poses", room / "colmap", "--data", folder, *words]
    convert_sequence.main([*map(str, arguments)])
    return extracted(folder), written(folder)[0]


def assert_true(sequence, video, pinholes, folder):
    """The video's frames are those of the pinhole cameras that the sequence names."""
    _, frames = decode_all(video)
    height, width = frames.shape[1:3]
    np.testing.assert_allclose(sequence.poses, POSES[:, :3], atol=1e-6)
    np.testing.assert_allclose([sequence.principal_x, sequence.principal_y], 0.5, atol=1e-9)
    np.testing.assert_allclose(sequence.focal_x * width, sequence.focal_y * height, rtol=1e-9)
    scale = height * sequence.focal_y[0] / FOCAL  # of the pinholes' pixels
    half = np.array([width, height]) / 2 / scale
    box = (320 - half[0], 180 - half[1], 320 + half[0], 180 + half[1])
    for frame, pinhole in zip(frames, pinholes, strict=True):
        expected = Image.fromarray(pinhole).resize((width, height), Image.BICUBIC, box=box)
        assert np.abs(frame.astype(float) - np.asarray(expected)).mean() < 4
    cameras, paths = [], []
    for index, frame in enumerate(frames):
        paths.append(folder / f"{index}.png")
        Image.fromarray(frame).save(paths[-1])
        focal = float(sequence.focal_y[index]), float(sequence.focal_x[index])
        cameras.append(Camera(POSES[index], paths[-1].name, *focal))
    distances = [score.distances for score in score_sequence(paths, cameras, SiftMatcher())]
    assert tsed(distances, 1.0) == 1.0


def test_training_data_of_images_have_no_distortion(room, pinholes, tmp_path, capsys):
    sequence, video = convert(room, tmp_path / "data", "--images", room / "images")
    said = capsys.readouterr().out
    assert "; lens distortion undone; of 512x288 pixels, " in said and "about (240, 150)" in said
    assert_true(sequence, video, pinholes, tmp_path)


def test_training_data_of_a_video_have_no_distortion(room, pinholes, tmp_path, capsys):
    frames = [read_frame(room / "images" / f"frame_{index}.png") for index in range(len(POSES))]
    write_video(tmp_path / "walk.mp4", frames, 5)
    numbered = ("--video", tmp_path / "walk.mp4", "--fps", "5", "--first-number", "0")
    sequence, video = convert(room, tmp_path / "data", *numbered)
    assert "their frames anew as " in capsys.readouterr().out
    assert_true(sequence, video, pinholes, tmp_path)


def test_a_tiny_term_leaves_everything_as_it_is(room, capsys):
    """As undistorters leave it: neither refused, nor another score."""
    numbers = " ".join(map(str, (*SIZE[::-1], FOCAL, *PRINCIPAL, 1e-9)))
    write_colmap_text(room / "tiny", POSES, f"SIMPLE_RADIAL {numbers}")
    tiny, without = (report_of(room, poses, "--no-page") for poses in ("tiny", "no-lens"))
    assert tiny["pairs"] == without["pairs"]
    assert "undone" not in capsys.readouterr().err
