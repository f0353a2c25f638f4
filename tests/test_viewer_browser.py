"""The page in a browser: every step from a photo to a video, as a user takes them."""

import contextlib
import io
import json
import shutil
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.cameras.spec import read_spec
from photonvs.datasets.rooms.varied.shots import Shot, pictures
from photonvs.models.model import open_model
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.viewer.page import Page
from photonvs.viewer.world import pose_of

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = "--use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --no-sandbox"
WAIT = 60.0  # seconds, at most

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photo of a made-up room."""
    _, frames = pictures(Shot("test", 0, 1, 2, 240))
    path = tmp_path_factory.mktemp("photo") / "my room.jpg"
    Image.fromarray(next(frames)).save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page, served with the shipped model; one sample is there already."""
    folder = tmp_path_factory.mktemp("data")
    sample = folder / "samples" / "walk<b>"
    write_frames(sample / "samples" / "00000000" / "images", sideways_poses(4), 0.9)
    shutil.copytree(sample / "samples" / "00000000" / "images", sample / "true-ims")
    write_sample_spec(sample, sideways_poses(4))
    (sample / "init-ims").mkdir()
    shutil.copy(sample / "true-ims" / "0000.png", sample / "init-ims")
    page = Page(folder, lambda: open_model(folder, SHIPPED_DENOISER), port=0)
    yield page
    page.stop()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(page, browser):
    """The page in a tab, loaded."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab.goto(page.url)
    tab.get_by_role("tab", name="Look at samples").wait_for()
    yield tab
    tab.close()


def until(true, what="it", seconds=WAIT):
    """Wait until a function gives neither None nor False, and return what it gives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds:g} seconds")


def field(tab, label):
    """The number beside a slider, or a text or number input."""
    row = tab.get_by_text(label, exact=True).locator("xpath=ancestor::*[.//input][1]")
    return row.locator("input:visible").last


def set_number(tab, label, value, arrived):
    """Type a number, again if what the page sent in the same moment has overwritten it."""
    for _ in range(6):
        box = field(tab, label)
        box.fill(str(value))
        box.press("Enter")
        with contextlib.suppress(AssertionError):
            return until(arrived, label, seconds=WAIT / 6)
    raise AssertionError(f"{label} did not become {value}")


def choose(tab, label, option):
    box = field(tab, label)
    box.click()
    tab.get_by_role("option", name=option, exact=True).click()


def download(tab, what):
    """The name and content of a download."""
    choose(tab, "What", what)
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Download").click()
    path = started.value.path()
    return started.value.suggested_filename, path.read_bytes()


def moved_from(page, pose):
    """The last keyframe's pose, if it is another one."""
    now = page.steer.plan.keyframes[2].pose
    return None if np.array_equal(now, pose) else now


def drag_handle(page, tab, pose):
    """Drag the handle's arrow to the right by some pixels, and return where the camera is then.

    A slow browser misses a drag that is quicker than its pictures: the next one takes more time.
    """
    until(lambda: page.world._handle and np.allclose(page.world._handle.position, pose[:3, 3]))
    length = 0.8 * page.world._handle.scale
    for pause in (0.5, 1, 2, 4):
        time.sleep(pause)  # until the browser has drawn it
        start, end = (
            pixel(page, tab, pose[:3, 3] + pose[:3, 0] * along) for along in (length, 2 * length)
        )
        tab.mouse.move(*start)
        time.sleep(pause / 2)  # until it has seen what is under the mouse
        tab.mouse.down()
        tab.mouse.move(*end, steps=8)
        time.sleep(pause / 2)
        tab.mouse.up()
        with contextlib.suppress(AssertionError):
            return until(lambda: moved_from(page, pose), "moving the camera", seconds=WAIT / 6)
    raise AssertionError("the camera did not follow its handle")


def pixel(page, tab, point):
    """Where the browser shows a point of the scene."""
    (client,) = page.server.get_clients().values()
    box = max(
        (one.bounding_box() for one in tab.locator("canvas").all()),
        key=lambda box: box["width"] * box["height"],
    )
    seen = np.linalg.inv(pose_of(client.camera)) @ [*point, 1]
    focal = box["height"] / 2 / np.tan(client.camera.fov / 2)
    x, y = seen[:2] / seen[2] * focal
    return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y


def relative(poses):
    return np.linalg.inv(poses[0]) @ poses


def test_a_sample_is_looked_at_and_measured(page, tab):
    tab.get_by_role("tab", name="Look at samples").click()
    choose(tab, "Sample", "walk<b>")
    until(lambda: page.view.run and page.frames.count == 4)
    tab.get_by_alt_text("true", exact=True).wait_for()
    set_number(tab, "Frame", 2, tab.get_by_alt_text("frame 2", exact=True).is_visible)
    tab.get_by_role("button", name="Measure consistency").click()
    tab.get_by_text("3 of 3 pairs of neighbours are consistent").wait_for()
    tab.get_by_role("button", name="Show the worst pair").click()
    tab.get_by_text("A point of one frame must lie on its line").wait_for()
    tab.get_by_role("button", name="Close").click()
    name, content = download(tab, "Animation (GIF)")
    assert name == "walk<b>-video.gif".replace("<", "_").replace(">", "_") or name.endswith(".gif")
    assert Image.open(io.BytesIO(content)).n_frames == 4


def test_from_a_photo_to_a_video(page, tab, photo):
    tab.get_by_role("tab", name="Make a video").click()
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Upload a photo").click()
    chooser.value.set_files(photo)
    tab.get_by_text("my room.jpg. Field of view 55 degrees").wait_for()
    choose(tab, "The camera goes", "my own path")
    until(lambda: len(page.steer.plan.keyframes) == 2)
    tab.get_by_role("button", name="Add a camera", exact=True).click()
    until(lambda: len(page.steer.plan.keyframes) == 3)
    before = page.steer.plan.keyframes[2].pose
    after = drag_handle(page, tab, before)
    assert after[0, 3] > before[0, 3] + 0.02
    np.testing.assert_allclose(after[1:], before[1:], atol=1e-6)
    tab.get_by_role("button", name="Undo").click()
    until(lambda: np.array_equal(page.steer.plan.keyframes[2].pose, before), "undoing")
    set_number(tab, "Frames", 6, lambda: page.steer.plan.frames == 6)
    set_number(tab, "Distance to what you look at", 3, lambda: page.steer.plan.distance == 3)
    tab.get_by_text("Choices", exact=True).click()
    set_number(tab, "Steps", 12, lambda: page.generate._steps.value == 12)
    previewed = page.world.cameras()
    assert len(previewed) == 6

    tab.get_by_role("button", name="Generate").click()
    run = until(lambda: page.generate.task).sample.run(0)
    until(lambda: run.image(1).is_file(), "the first frame")
    # Not click(): it waits for a button that stands still, and the progress above it moves it.
    tab.get_by_role("button", name="Stop").dispatch_event("click")
    tab.get_by_text("Stopped.").wait_for()
    assert not run.image(5).is_file()
    saved = read_spec(run.sample.spec_file)
    np.testing.assert_allclose(relative(saved.poses), previewed, rtol=0, atol=1e-9)

    tab.get_by_role("button", name="Go on").click()
    tab.get_by_text("Done. All is in samples/my-room-own").wait_for()
    assert run.video.is_file()
    tab.get_by_alt_text("frame 5", exact=True).wait_for()
    assert all(camera.image is not None for camera in page.world._cameras)

    name, content = download(tab, "Frames and path (ZIP)")
    assert name == "my-room-own-frames.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("images/0005.png") == run.image(5).read_bytes()
        spec = json.loads(archive.read("sampling-spec.json"))
    np.testing.assert_array_equal(spec["poses"], saved.poses)
    assert download(tab, "Video (MP4)")[1][4:8] == b"ftyp"


def test_a_second_visitor_with_a_phone_sees_the_same(page, browser):
    tab = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    tab.goto(page.url)
    tab.get_by_text("my room.jpg. Field of view 55 degrees").wait_for()
    tab.get_by_text("Done. All is in samples/my-room-own").wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.close()
    until(lambda: len(page.server.get_clients()) == 1, "leaving")
