"""From one photo to a video in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from sampling_task import CONFIG, FIRST_STAGE, GaussianDenoiser

from photonvs.cameras.paths import dolly, orbit
from photonvs.cameras.photo import DEFAULT_FIELD_OF_VIEW, focal_y_of
from photonvs.cameras.spec import SamplingSpec, write_spec
from photonvs.commands.run import main
from photonvs.models import build_denoiser, save_weights
from photonvs.models.model import Model
from photonvs.sampling.method import Method
from photonvs.sampling.photo import run_photo, sample_name

METHOD = Method(sampler="ancestral", steps=2)


@pytest.fixture
def photo(tmp_path):
    """A picture without EXIF, in a folder of its own."""
    path = tmp_path / "pictures" / "my room (1).png"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def make(photo, *path, **options):
    model = Model(GaussianDenoiser(), FIRST_STAGE, Path("exact"), {"kind": "exact"})
    folder = photo.parent.parent / "data"
    options = {"frames": 3, "method": METHOD, "instance_data": folder} | options
    return run_photo(photo, model, path or ("orbit",), **options)


def test_a_photo_becomes_a_video(photo):
    done = make(photo)
    (run,) = done.runs
    assert done.sample.directory == photo.parent.parent / "data/samples/my-room-1-orbit"
    assert run.complete() and run.place.video.is_file()
    np.testing.assert_array_equal(run.place.spec().poses, orbit(3))
    assert done.lens.field_of_view == pytest.approx(DEFAULT_FIELD_OF_VIEW)
    assert (done.sample.given_folder / "0000.png").read_bytes() == photo.read_bytes()


def test_the_same_again_is_done_already_and_another_path_has_a_folder_of_its_own(photo):
    first, again = make(photo), make(photo)
    assert again.sample == first.sample and not again.runs[0].made
    other = make(photo, distance=3.0)
    assert other.sample.name == "my-room-1-orbit-2" and other.runs[0].made
    Image.new("RGB", (20, 20), "red").save(photo)
    assert make(photo).sample.name == "my-room-1-orbit-3", "another photo of the same name"


def test_lengths_grow_with_the_distance_and_turns_do_not(photo):
    near, far = make(photo, "orbit").spec.poses, make(photo, "orbit", distance=5.0).spec.poses
    np.testing.assert_allclose(far[:, :3, 3], 2.5 * near[:, :3, 3])
    np.testing.assert_array_equal(far[:, :3, :3], near[:, :3, :3])
    for distance in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="distance"):
            make(photo, distance=distance)


def test_a_file_of_cameras_is_taken_as_it_is(photo, tmp_path):
    path = tmp_path / "own path.json"
    write_spec(path, SamplingSpec(1.25, dolly(4), (1, 2, 3), (None, (0,), (1,), (2,))))
    done = make(photo, str(path), distance=7.0)
    np.testing.assert_array_equal(done.spec.poses, dolly(4))
    assert done.spec.focal_y == 1.25 and done.sample.name == "my-room-1-own-path"
    for path_that_is_none in ("none.json", "orbitt"):
        with pytest.raises(FileNotFoundError, match=r"no such file of cameras, nor one of orbit"):
            make(photo, path_that_is_none)
    assert make(photo, str(path), field_of_view=60.0).spec.focal_y == focal_y_of(60)


def test_the_command_says_what_it_assumed(photo, tmp_path, capsys):
    weights = tmp_path / "tiny.safetensors"
    save_weights(weights, build_denoiser(CONFIG).eval())
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.FocalLengthIn35mmFilm] = 26
    photo = photo.with_suffix(".jpg")
    Image.new("RGB", (30, 20), "red").save(photo, exif=exif)
    options = f"--path dolly:0.2 pan:4 --frames 3 -s 2 --runs 2 --instance-data {tmp_path}".split()
    main([str(photo), *options, "--checkpoint", str(weights), "-o", "samples/x"])
    said = capsys.readouterr().out
    assert "(the photo's EXIF, 26 mm on film)" in said and "2 units away" in said
    for run in ("00000000", "00000001"):
        video = tmp_path / "samples/x/samples" / run / "video.mp4"
        assert video.is_file() and f"video: {video}\n" in said
    with pytest.raises(FileNotFoundError, match="no such image"):
        main([str(tmp_path / "none.jpg")])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Küche 2", "Küche-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "photo"),
        ("a" * 200, "a" * 60),
    ],
)
def test_names_stay_in_their_folder(text, name):
    assert sample_name(text) == name
