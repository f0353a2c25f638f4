"""Frames that are turned, smaller, cropped or squashed, and the cameras that belong to them."""

import numpy as np
import pytest
from conversion import extracted, written
from numbered_video import decode_all
from PIL import Image
from scenes import picture_of_plane, sideways_poses, write_realestate10k_text
from test_camera_files import write_colmap_text

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.fitting import fit_camera, is_upright
from photonvs.commands import compute_tsed, convert_sequence

WIDE, TALL, SQUARE = (90, 160), (160, 90), (90, 90)  # height, width
POSES = sideways_poses(4, step=0.2)
FOCAL = 0.9  # of the height


def camera(**keys):
    return Camera(np.eye(4), "a.jpg", focal_y=FOCAL, **keys)


@pytest.mark.parametrize(
    ("known", "stored", "upright", "expected"),
    [
        ({"size": (900, 1600)}, WIDE, TALL, False),  # COLMAP's and nerfstudio's cameras
        ({"size": (1600, 900)}, WIDE, TALL, True),  # of frames that another program turned
        ({"aspect": 9 / 16}, WIDE, TALL, True),
        ({"aspect": 16 / 9}, WIDE, TALL, False),
        ({"size": (900, 1600)}, WIDE, WIDE, False),  # upside down: the shape does not tell
        ({"aspect": 16 / 9}, WIDE, WIDE, True),
        ({}, WIDE, TALL, True),  # our own specification
    ],
)
def test_what_a_camera_belongs_to(known, stored, upright, expected):
    assert is_upright(camera(**known), stored, upright) == expected


def test_frames_of_the_same_shape_keep_their_camera():
    for known in ({"size": (901, 1602)}, {"aspect": 16 / 9}, {}):
        whole = camera(**known)
        assert fit_camera(whole, WIDE) is fit_camera(whole, (45, 81), "squashed") is whole


def test_cropped_frames_have_the_same_rays():
    whole = camera(size=(900, 1600), principal=(0.5125, 0.52))
    for size in (SQUARE, (90, 100), (40, 160)):
        fitted = fit_camera(whole, size, "cropped")
        height, width = size
        scale = max(height / 900, width / 1600)  # pixels for one of the whole image
        focal_y, focal_x = fitted.focal_lengths(size)
        assert focal_y * height == pytest.approx(FOCAL * 900 * scale)
        assert focal_x * width == pytest.approx(FOCAL * 900 * scale)
        off = (np.array(fitted.principal) - 0.5) * (width, height)
        np.testing.assert_allclose(off, np.array([20, 18]) * scale)
        assert fit_camera(fitted, size) is fitted


def test_squashed_frames_have_pixels_that_are_not_square():
    for known in ({"size": (900, 1600)}, {"aspect": 16 / 9}):
        fitted = fit_camera(camera(**known), SQUARE, "squashed")
        assert fitted.focal_lengths(SQUARE) == pytest.approx((FOCAL, FOCAL * 9 / 16))


def test_another_shape_is_never_guessed():
    message = "90x90 pixels, but the camera's image is {} high; expected .*--shape cropped .*squash"
    with pytest.raises(ValueError, match=message.format("1600 wide and 900")):
        fit_camera(camera(size=(900, 1600)), SQUARE)
    with pytest.raises(ValueError, match=message.format("1.778 wide and 1")):
        fit_camera(camera(aspect=16 / 9), SQUARE)


@pytest.fixture
def frames(tmp_path):
    """A function that writes a camera's views of a plane, changed, and RealEstate10K's text."""
    focal_x = FOCAL * WIDE[0] / WIDE[1]
    write_realestate10k_text(tmp_path / "poses.txt", POSES, (focal_x, FOCAL))

    def write(change, **keys):
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        for index, pose in enumerate(POSES):
            picture = Image.fromarray(picture_of_plane(pose, FOCAL, WIDE))
            change(picture).save(folder / f"frame_{index}.png", **keys)
        return folder

    return write


def score(folder, poses, *words):
    arguments = ["--images", folder, "--poses", poses, "--no-page", "--workers", "1", *words]
    compute_tsed.main([*map(str, arguments), "--t-error", "0.2"])


def convert(folder, poses, *words):
    data = folder.parent / "data"
    arguments = ["train", "--name", "a", "--images", folder, "--poses", poses, "--data", data]
    convert_sequence.main([*map(str, arguments), *words])
    return extracted(data), decode_all(written(data)[0])[1]


def centre(picture):
    left = (WIDE[1] - WIDE[0]) // 2
    return picture.crop((left, 0, left + WIDE[0], WIDE[0]))


@pytest.mark.parametrize(
    ("shape", "other", "change"),
    [
        ("squashed", "cropped", lambda picture: picture.resize(SQUARE, Image.LANCZOS)),
        ("cropped", "squashed", centre),
    ],
)
def test_square_frames_of_a_wide_camera(frames, capsys, shape, other, change):
    folder, poses = frames(change), frames(change).parent / "poses.txt"
    with pytest.raises(ValueError, match="incomplete"):
        score(folder, poses)
    assert "frame_0.png: 90x90 pixels, but the camera's image is 1.778" in capsys.readouterr().err
    score(folder, poses, "--shape", shape)
    assert "1.000" in capsys.readouterr().out
    score(folder, poses, "--shape", other)
    assert "1.000" not in capsys.readouterr().out.splitlines()[2]

    with pytest.raises(ValueError, match="images: 90x90 pixels, but the camera's image is 1.778"):
        convert(folder, poses)
    sequence, made = convert(folder, poses, "--shape", shape)
    height, width = made.shape[1:3]
    assert (height, width) == ((360, 640) if shape == "squashed" else (360, 360))
    np.testing.assert_allclose(sequence.focal_y, FOCAL)
    np.testing.assert_allclose(sequence.focal_x * width, FOCAL * 360, rtol=1e-9)
    whole = Image.fromarray(picture_of_plane(POSES[0], FOCAL, WIDE)).resize((640, 360))
    left = (640 - width) // 2
    expected = np.asarray(whole, float)[:, left : left + width]
    assert np.abs(made[0, ..., 1] - expected).mean() < 8


def test_colmaps_cameras_belong_to_the_pixels_as_stored(frames, capsys):
    """A phone held upside down: EXIF would turn the frames, and their cameras not."""
    exif = Image.Exif()
    exif[0x0112] = 3
    folder = frames(lambda picture: picture, exif=exif)
    focal = FOCAL * WIDE[0]
    model = folder.parent / "colmap"
    write_colmap_text(model, POSES, f"PINHOLE {WIDE[1]} {WIDE[0]} {focal} {focal} 80 45")
    score(folder, model)
    said = capsys.readouterr()
    assert "1.000" in said.out and "images: frames not turned by their EXIF" in said.err
    sequence, made = convert(folder, model)
    assert "4 images not turned by their EXIF" in capsys.readouterr().out
    np.testing.assert_allclose(sequence.poses, POSES[:, :3], atol=1e-6)
    expected = Image.fromarray(picture_of_plane(POSES[0], FOCAL, WIDE)).resize((640, 360))
    assert np.abs(made[0, ..., 1] - np.asarray(expected, float)).mean() < 8

    score(folder, folder.parent / "poses.txt")  # belongs to frames as viewers show them
    assert "not turned" not in capsys.readouterr().err
