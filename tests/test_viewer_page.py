"""The page without a browser: what it shows, saves, generates and refuses."""

import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sampling_task import FIRST_STAGE, GaussianDenoiser

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.writing import write_cameras
from photonvs.cameras.paths import dolly, orbit, pan, truck
from photonvs.cameras.spec import read_spec
from photonvs.models.model import Model
from photonvs.samples import Sample
from photonvs.utils.images import LARGEST, read_frame
from photonvs.utils.pictures import png_bytes

pytest.importorskip("viser")
from viser import UploadedFile

from photonvs.viewer.page import Page
from photonvs.viewer.pictures import UNKNOWN as UNCOVERED
from photonvs.viewer.pictures import RoughColours, poster_preview
from photonvs.viewer.plan import OWN
from photonvs.viewer.run_view import BAD, GOOD, UNKNOWN, pair_colour
from photonvs.viewer.steer import Photo

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


class SlowDenoiser(GaussianDenoiser):
    """Waits before each evaluation until it may go on, and from a given one on it may not."""

    def __init__(self):
        super().__init__()
        self.may = threading.Event()
        self.may.set()
        self.evaluations, self.pauses_at = 0, None

    def score(self, *arguments):
        self.evaluations += 1
        if self.evaluations == self.pauses_at:
            self.may.clear()
        assert self.may.wait(20)
        return super().score(*arguments)


@pytest.fixture
def denoiser():
    return SlowDenoiser()


@pytest.fixture
def page(tmp_path, denoiser):
    model = Model(denoiser, FIRST_STAGE, Path("exact"), {"kind": "exact"})
    page = Page(tmp_path / "data", lambda: model, port=0)
    page.generate._steps.value = 3
    page.generate._sampler._impl.value = "ancestral"
    yield page
    denoiser.may.set()
    page.stop()


def steer(page, **plan):
    page.steer.take_photo(Photo("my photo.png", png_bytes(PIXELS)))
    page.steer.change(replace(page.steer.plan, frames=4, **plan))


def wait(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "did not happen in 20 seconds"
        time.sleep(0.01)


def idle(page):
    wait(lambda: not page.work.running)


def relative(poses):
    return np.linalg.inv(poses[0]) @ poses


@pytest.mark.parametrize("move", ["orbit", "hop", "spiral", "tilt", OWN])
def test_what_is_previewed_is_saved(page, move):
    steer(page)
    page.steer.change(replace(page.steer.plan.with_move(move), distance=3.3, field_of_view=47.0))
    if move == OWN:
        turned = page.steer.plan.keyframes[1].pose @ relative(page.steer.plan.spec().poses)[1]
        page.steer.change(page.steer.plan.inserted(1).moved(1, turned))
    shown = page.world.cameras()
    sample = page.steer.save("")
    saved = read_spec(sample.spec_file)
    np.testing.assert_allclose(shown, relative(saved.poses), rtol=0, atol=1e-9)
    assert page.world._cameras[0].fov == pytest.approx(2 * np.arctan(0.5 / saved.focal_y))
    assert sample.name == f"my-photo-{move}"


def test_names_stay_in_the_folder_of_samples(page, tmp_path):
    steer(page)
    for number, name in enumerate(("../../outside", "/etc/x", "a/b", "..", "~")):
        page.steer.change(page.steer.plan.with_option("angle", 1.0 + number))
        folder = page.steer.save(name).directory
        assert folder.parent == tmp_path / "data" / "samples"
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]
    # What a browser sends need not be one of the choices.
    for control in (page.look._samples, page.look._runs, page.look._beside):
        page.look.point_at(page.steer.sample.run(0))
        control._impl.value = "../.."
        with pytest.raises(ValueError, match="plain name"):
            page.look._show()


def test_frames_come_one_by_one_and_a_stopped_drawing_goes_on(page, denoiser):
    steer(page)
    denoiser.pauses_at = 5  # of the three of frame 2 the second one
    page.generate.begin()
    run = page.view.run
    wait(lambda: run.image(1).is_file() and not denoiser.may.is_set())
    page.generate._ask_to_stop()
    denoiser.may.set()
    idle(page)
    assert "Stopped" in page.generate.status.content and page.generate._go_on.visible
    there = [index for index in range(4) if run.image(index).is_file()]
    assert 2 <= len(there) < 4
    kept = run.image(1).read_bytes()
    page.generate.go_on()
    idle(page)
    assert "Done" in page.generate.status.content and run.video.is_file()
    assert run.image(1).read_bytes() == kept
    shown = [camera.image for camera in page.world._cameras]
    for index in range(4):
        np.testing.assert_array_equal(shown[index], read_frame(run.image(index)))
    assert page.look._runs.value == run.name, "the other tab shows it too"


def test_another_draw_has_another_number(page):
    steer(page)
    page.generate._draws.value = 2
    page.generate.begin()
    idle(page)
    page.generate.begin()
    idle(page)
    sample = Sample(page.view.run.sample.directory)
    assert [run.name for run in sample.runs()] == [f"{number:08d}" for number in range(4)]
    assert sample.run(0).image(3).read_bytes() != sample.run(1).image(3).read_bytes()
    page.look.choose_sample(sample.name)
    page.look._beside.value = "00000001"
    page.look._show()
    assert [caption for caption, _ in page.view._pictures(3)] == ["frame 3", "run 1", "the photo"]


def test_one_drawing_at_a_time(page, denoiser):
    steer(page)
    denoiser.may.clear()
    page.generate.begin()
    with pytest.raises(ValueError, match="already"):
        page.generate.begin()
    # Meanwhile another path is steered, and frames that come do not disturb it.
    page.steer.change(page.steer.plan.with_move("dolly"))
    shown = [camera.image for camera in page.world._cameras]
    denoiser.may.set()
    idle(page)
    assert all(one is camera.image for one, camera in zip(shown, page.world._cameras, strict=True))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (FileNotFoundError("no weights x.pth in checkpoints"), "no weights x.pth"),
        (ValueError("the device's memory is not enough"), "memory is not enough"),
        (RuntimeError("CUDA error:\n launch failure"), "generating failed: CUDA error: launch"),
    ],
)
def test_faults_are_sentences_on_the_page(tmp_path, fault, said):
    def fail():
        raise fault

    page = Page(tmp_path, fail, port=0)
    steer(page)
    page.generate.begin()
    idle(page)
    assert said in page.generate.status.content and page.generate._begin.visible
    page.stop()


def test_a_file_of_cameras_is_brought_along(page, tmp_path):
    steer(page)
    cameras = [Camera(pose, f"{k}.png", 0.8, size=(64, 64)) for k, pose in enumerate(orbit(5))]
    write_cameras(cameras, "transforms", tmp_path / "transforms.json")
    content = (tmp_path / "transforms.json").read_bytes()
    page.steer._bring._impl.value = UploadedFile("../transforms.json", content)
    page.steer._take_cameras()
    saved = read_spec(page.steer.save("").spec_file)
    np.testing.assert_allclose(relative(saved.poses), relative(orbit(5)), atol=1e-9)
    np.testing.assert_allclose(page.world.cameras(), relative(saved.poses), atol=1e-9)
    assert saved.focal_y == pytest.approx(0.8)
    page.steer._bring._impl.value = UploadedFile("a.json", b"{")
    with pytest.raises(ValueError, match="^a.json: "):
        page.steer._take_cameras()


def test_undo_shows_the_former_path(page):
    steer(page)
    before = page.world.cameras()
    page.steer.change(page.steer.plan.with_option("angle", 90.0))
    assert not np.allclose(page.world.cameras(), before)
    page.steer._take_back()
    np.testing.assert_array_equal(page.world.cameras(), before)
    assert page.steer._options["angle"].value == 30


def test_what_is_no_photo_is_refused():
    bomb = io.BytesIO()
    Image.new("1", (LARGEST // 1000 + 1, 1000)).save(bomb, "PNG")
    for name, content, said in (
        ("a.exe", png_bytes(PIXELS), "a.exe: expected a picture"),
        ("a.png", b"<html>", "a.png: cannot be read"),
        ("a.png", png_bytes(PIXELS)[:100], "a.png: cannot be read"),
        ("../b.png", bomb.getvalue(), "b.png: .* million"),
    ):
        with pytest.raises(ValueError, match=f"^{said}"):
            Photo(name, content)


@pytest.mark.parametrize("size", [64, 96])
def test_the_preview_shows_the_poster_where_it_lands(size):
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, :32] = 255
    here = np.eye(4)
    np.testing.assert_array_equal(poster_preview(photo, here, here, 0.9, 2.0, 64), photo)
    # A quarter of the poster's width to the right.
    view = poster_preview(photo, truck(2, 0.25 * 2 / 0.9)[1], here, 0.9, 2.0, size)
    share = [(view == colour).all(axis=2).mean() for colour in (255, 0, UNCOVERED)]
    np.testing.assert_allclose(share, [0.25, 0.5, 0.25], atol=2 / size)
    behind = poster_preview(photo, dolly(2, 3.0)[1], here, 0.9, 2.0, size)
    assert (behind == UNCOVERED).all()
    # A turn by more than a right angle: what is behind the camera does not show.
    assert (poster_preview(photo, pan(2, 120)[1], here, 0.9, 2.0, size) == UNCOVERED).all()


def test_rough_colours_of_linear_latents_are_exact():
    """A mixture of channels that a linear map can undo."""
    image = np.random.default_rng(0).integers(60, 200, (8, 8, 3), dtype=np.uint8)
    mixing = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -0.5], [0.3, 0.0, 1.0], [0.2, 0.1, 0.4]])
    latent = (mixing @ torch.from_numpy(image).float().flatten(0, 1).T / 100 - 1).reshape(4, 8, 8)
    np.testing.assert_array_equal(RoughColours(latent, image)(latent), image)


def test_colours_of_pairs():
    def pair(median, consistent=True):
        return {"median_sed": median, "consistent": consistent}

    assert pair_colour(pair(0.0), 1.0) == GOOD and pair_colour(pair(5.0, False), 1.0) == BAD
    assert pair_colour(pair(None, None), 1.0) == UNKNOWN == pair_colour(pair(None, False), 1.0)
