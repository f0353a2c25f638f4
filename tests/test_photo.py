"""The focal length of a photo, from its EXIF or assumed."""

import math

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from photonvs.cameras.photo import focal_y_of, lens_of_photo
from photonvs.cameras.spec import read_spec
from photonvs.commands.make_trajectory import main


def photo(path, size=(400, 300), **tags):
    """A photo with EXIF tags by their names."""
    image = Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8))
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif).update({Base[name].value: value for name, value in tags.items()})
    image.save(path, exif=exif)
    return path


def test_the_focal_length_on_film_refers_to_the_diagonal(tmp_path):
    lens = lens_of_photo(photo(tmp_path / "a.jpg", FocalLengthIn35mmFilm=26))
    # 26 mm before a picture with a diagonal of 43.27 mm, of which the square is 3/5.
    assert lens.focal_y == pytest.approx(26 / math.hypot(36, 24) / 0.6)
    assert lens.field_of_view == pytest.approx(53.06, abs=0.01) and "26 mm on film" in lens.source


def test_or_to_the_sensors_resolution(tmp_path):
    tags = {"FocalLength": 6.0, "FocalPlaneXResolution": 100.0, "FocalPlaneResolutionUnit": 4}
    assert lens_of_photo(photo(tmp_path / "a.jpg", **tags)).focal_y == pytest.approx(600 / 300)
    # A resolution of the picture before it was made smaller tells nothing.
    tags |= {"ExifImageWidth": 4000}
    assert "assumed" in lens_of_photo(photo(tmp_path / "b.jpg", **tags)).source


@pytest.mark.parametrize("tags", [{}, {"FocalLengthIn35mmFilm": 0}, {"FocalLength": 6.0}])
def test_else_55_degrees(tmp_path, tags):
    lens = lens_of_photo(photo(tmp_path / "a.jpg", **tags))
    assert lens.field_of_view == pytest.approx(55) and "assumed" in lens.source


def test_fields_of_view():
    assert focal_y_of(90) == pytest.approx(0.5)
    for angle in (0, 180, float("nan")):
        with pytest.raises(ValueError, match="less than 180 degrees"):
            focal_y_of(angle)


def test_the_command_says_what_it_takes(tmp_path, capsys):
    image = photo(tmp_path / "a.jpg", FocalLengthIn35mmFilm=26)
    words = ["orbit", "--image", str(image), "-o", "samples/a", "--instance-data", str(tmp_path)]
    main(words)
    assert "53 degrees (the photo's EXIF, 26 mm on film)" in capsys.readouterr().out
    spec = read_spec(tmp_path / "samples" / "a" / "sampling-spec.json")
    assert spec.focal_y == lens_of_photo(image).focal_y
    main([*words, "--field-of-view", "90", "--force"])
    assert read_spec(tmp_path / "samples" / "a" / "sampling-spec.json").focal_y == pytest.approx(
        0.5
    )
