"""Downloads of a run, and the page of many samples."""

import io
import re
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from sampling_task import sample

from photonvs.cameras.files.matching import match_images
from photonvs.cameras.files.reading import read_cameras
from photonvs.cameras.files.writing import WRITERS
from photonvs.commands.gallery import main
from photonvs.utils.files import atomic_path
from photonvs.utils.images import read_frame
from photonvs.viewer.downloads import (
    animation,
    cameras_file,
    data_set_zip,
    frames_zip,
    mp4,
    run_frames,
)


@pytest.fixture
def run(make_task):
    (run,) = sample(make_task("a<b>"))
    return run.place


def test_each_kind_of_file_holds_all_frames(run):
    frames = run_frames(run)
    assert len(frames) == 5
    for kind in ("GIF", "WEBP"):
        with Image.open(io.BytesIO(animation(frames, kind, 20))) as image:
            assert image.format == kind and image.n_frames == 5 and image.info["loop"] == 0
            image.seek(4)
            image.load()
            assert image.info["duration"] == 50
    with av.open(io.BytesIO(mp4(frames))) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5
    with zipfile.ZipFile(io.BytesIO(frames_zip(frames, {"x.json": b"{}"}))) as archive:
        image = Image.open(io.BytesIO(archive.read("images/0004.png")))
        np.testing.assert_array_equal(np.array(image), read_frame(run.image(4)))
        assert archive.read("x.json") == b"{}"


def test_a_data_set_has_the_cameras_of_its_images(run, tmp_path):
    with zipfile.ZipFile(io.BytesIO(data_set_zip(run))) as archive:
        archive.extractall(tmp_path / "set")
    folder, poses = tmp_path / "set", run.spec().poses
    images = sorted((folder / "images").iterdir())
    assert [path.name for path in images] == [f"{index:04d}.png" for index in range(5)]
    for place in ("sparse/0", "transforms.json"):
        cameras = read_cameras(folder / place)
        assert all(camera.focal_y == pytest.approx(0.9) for camera in cameras)
        read = np.stack([camera.pose for camera in cameras])
        expected = np.linalg.inv(poses[0]) @ poses
        np.testing.assert_allclose(np.linalg.inv(read[0]) @ read, expected, atol=1e-9)
        _, found, left, _ = match_images(cameras, folder / "images")
        assert found == images and not left


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_cameras_go_home_in_every_format(run, name):
    file, content = cameras_file(run, name)
    assert content and Path(file).suffix in (".zip", ".json", ".txt", ".npy")


def test_frames_that_are_missing_are_left_out(run):
    run.image(3).unlink()
    assert len(run_frames(run)) == 4
    for path in run.images.iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="no frames yet"):
        run_frames(run)


def test_a_gallery_is_one_file_of_all_runs(run, make_task, tmp_path, capsys):
    sample(run.sample.directory, runs=[1])
    make_task("empty")
    with atomic_path(run.results.tsed) as temporary:
        temporary.write_text('{"tsed": 0.875, "t_error": 1.0}')
    main(["--instance-data", str(tmp_path), "--title", "Rooms & <more>"])
    out, err = capsys.readouterr()
    page = tmp_path / "gallery.html"
    assert out == f"{page}\n" and err == "left out: empty: no runs yet\n"
    text = page.read_text()
    assert text.count("<article") == 2 and text.count("data:image/webp") == 2
    assert "Rooms &amp; &lt;more&gt;" in text and "a&lt;b&gt;/00000001" in text
    assert "TSED 0.88 at 1 px" in text and "ancestral, steps 4, seed 0" in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text) and "http" not in text


def test_a_gallery_of_nothing_says_why(make_task, tmp_path):
    make_task()
    with pytest.raises(ValueError, match="no frames to show; room: no runs yet"):
        main(["--instance-data", str(tmp_path)])
