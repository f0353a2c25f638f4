"""Another square of a photo, seen as a camera turned towards it would see it."""

import numpy as np
import pytest
from PIL import Image

from photonvs.cameras.crop import PLACES, crop_photo, place_of
from photonvs.cameras.spec import read_spec
from photonvs.commands.make_trajectory import main
from photonvs.utils.images import read_frame, read_square

FOCAL = 0.96  # fraction of the shorter side


def scene(ray):
    """A smooth colour for each direction (..., 3): x right, y down, z forward."""
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    waves = np.sin(9 * ray @ np.array([[1, 0.3, 0], [0.2, 1, 0.5], [0, 0.4, 1]]).T)
    return np.rint(127 + 100 * waves).astype(np.uint8)


def taken(height, width, focal, turn=None):
    """What a camera sees of the scene; focal: pixels. turn: its axes as columns."""
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(x - width / 2) / focal, (y - height / 2) / focal, np.ones_like(x)], axis=-1)
    return scene(rays if turn is None else rays @ turn.T)


def looking_at(x, y):
    """The axes of a camera that looks at the tangents x, y with a level x axis."""
    forward = np.array([x, y, 1]) / np.linalg.norm([x, y, 1])
    right = np.array([forward[2], 0, -forward[0]]) / np.hypot(forward[0], forward[2])
    return np.stack([right, np.cross(forward, right), forward], axis=1)


@pytest.mark.parametrize(
    ("size", "place", "offset"),  # of the square's middle, in shorter sides
    [
        ((300, 400), (0.0, 0.5), (-1 / 6, 0)),
        ((300, 400), (1.0, 0.0), (1 / 6, 0)),  # only along the longer side is there room
        ((400, 300), (0.5, 1.0), (0, 1 / 6)),
        ((300, 400), (0.6, 0.5), (2 / 15, 0)),
        ((300, 400), (0.5, 0.5), (0, 0)),
    ],
)
def test_the_picture_is_what_a_turned_camera_takes(size, place, offset):
    side = min(size)
    crop = crop_photo(taken(*size, FOCAL * side), FOCAL, place)
    turn = looking_at(offset[0] / FOCAL, offset[1] / FOCAL)
    pixels = crop.image.shape[0]
    expected = taken(pixels, pixels, crop.focal_y * pixels, turn)
    assert np.abs(crop.image.astype(int) - expected).max() <= 4  # black corners would be 127 off
    assert crop.turned == pytest.approx(np.degrees(np.arctan(np.hypot(*offset) / FOCAL)), abs=1e-5)
    # As wide as the photo allows, which is not much less than its square.
    assert FOCAL * (1 - 1e-9) <= crop.focal_y < 1.35 * FOCAL


def test_the_middle_stays_as_it_is():
    photo = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    crop = crop_photo(photo, FOCAL, PLACES["centre"])
    assert np.array_equal(crop.image, photo[:, 10:70]) and crop.focal_y == pytest.approx(FOCAL)


def test_places():
    assert place_of("left") == (0, 0.5) and place_of("0.25,0.75") == (0.25, 0.75)
    for wrong in ("middle", "1,2", "0.5", "nan,0", "0.1,0.2,0.3"):
        with pytest.raises(ValueError, match="expected centre, left, .* such as 0.3,0.5"):
            place_of(wrong)


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(taken(90, 120, FOCAL * 90)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def write(photo, *words):
    """The sample's folder."""
    words = ["pan", "--image", str(photo), "-o", "samples/a", "--force", *words]
    main([*words, "--instance-data", str(photo.parent)])
    return photo.parent / "samples" / "a"


def test_the_command_writes_the_part_and_its_lens(photo, capsys):
    sample = write(photo, "--focal-y", str(FOCAL), "--crop", "right")
    expected = crop_photo(read_frame(photo), FOCAL, PLACES["right"])
    assert read_spec(sample / "sampling-spec.json").focal_y == expected.focal_y
    (given,) = (sample / "init-ims").iterdir()
    assert np.array_equal(read_square(given, len(expected.image)), expected.image)
    assert (
        "the square at right, as a camera sees it that is turned by 10" in capsys.readouterr().out
    )


def test_without_it_the_photo_stays_and_the_command_says_which_part_counts(photo, capsys):
    for words in ((), ("--crop", "centre")):
        sample = write(photo, *words)
        assert (sample / "init-ims" / "0000.png").read_bytes() == photo.read_bytes()
        said = capsys.readouterr().out
        assert "photo of 120 x 90: its centre square is used; --crop left or right" in said


@pytest.mark.parametrize("words", [["--crop", "left"], ["--crop", "left", "--image", "a", "b"]])
def test_it_needs_one_photo(words, capsys):
    with pytest.raises(SystemExit):
        main(["pan", "--json", "x", "-o", "samples/a", *words])
    assert "--crop: needs one photo" in capsys.readouterr().err
