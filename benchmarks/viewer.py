"""The page in the browser: how fast it opens, and what it costs to generate through it.

    python benchmarks/viewer.py [--frames 8] [--repeats 3]

- Opening: from the browser's call to the last control, with a browser that is running.
- Generating: frames of the shipped model by `sample_trajectory`, as the commands call it, and
  through the page. The two take turns, once with nobody looking and once with a browser. This
  browser draws by software on the same processors, which slows wall time; one with a GPU does not.
  Processor time is that of the process that generates. Waiting threads must sleep, as they do in
  the commands: OMP_WAIT_POLICY=PASSIVE, which make sets.

Needs the extra `view`, playwright and Chromium.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from photonvs.datasets.rooms.varied.shots import Shot, pictures
from photonvs.models.model import Model, open_model
from photonvs.models.places import SHIPPED_DENOISER
from photonvs.samples import Sample
from photonvs.sampling.trajectory import sample_trajectory

FLAGS = "--use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --no-sandbox"
PORT = 8931


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "of the path, the photo included (default: %(default)s)"
    parser.add_argument("--frames", type=int, default=8, metavar="N", help=text)
    text = "how often each is timed (default: %(default)s)"
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help=text)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not (find_spec("viser") and find_spec("playwright") and chromium):
        print("viewer: left out, as viser, playwright or Chromium is not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chromium, options.frames, options.repeats)


def measure(folder: Path, chromium: str, frames: int, repeats: int) -> None:
    """Open the page several times, then generate in turns."""
    from playwright.sync_api import sync_playwright

    from photonvs.viewer.page import Page

    _, rendered = pictures(Shot("test", 0, 1, 2, 240))
    Image.fromarray(next(rendered)).save(folder / "room.jpg")
    model = open_model(folder, SHIPPED_DENOISER)
    page = Page(folder, lambda: model, port=PORT)
    page.take_photo(folder / "room.jpg")
    page.steer.change(page.steer.plan.with_option("angle", 10.0))
    page.steer._take_value("frames", frames)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS.split())
        opening = [open_page(browser, page.url) for _ in range(repeats + 1)]
        said = ", ".join(f"{seconds:.2f}" for seconds in opening)
        print(f"opening the page: {statistics.median(opening):.2f} s (each: {said})")
        compare(page, model, repeats, "nobody looking")
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(page.url)
        tab.get_by_text("Download", exact=True).wait_for()
        compare(page, model, repeats, "a browser looking")
        browser.close()
    page.stop()


def open_page(browser: object, url: str) -> float:
    """Seconds until all controls are there."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    begun = time.perf_counter()
    tab.goto(url)
    tab.get_by_text("Download", exact=True).wait_for()
    seconds = time.perf_counter() - begun
    tab.close()
    return seconds


def compare(page: object, model: Model, repeats: int, title: str) -> None:
    """Generate the page's path in turns: without it, and through it."""

    def plainly() -> None:
        sample = Sample(page.desk.instance_data / "samples" / "plain")
        sample.write(page.steer.spec, {Path("init-ims/0000.jpg"): page.steer.photo.content}, True)
        arguments = [sample.directory], model.denoiser, model.first_stage
        sample_trajectory(
            *arguments, runs=[sample.free_run_number()], weights=model.identity, progress=False
        )

    def through_the_page() -> None:
        page.generate.begin()
        while page.work.running:
            time.sleep(0.05)

    ways = {"sample_trajectory": plainly, "through the page": through_the_page}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    plainly()  # the first run of a process is slower
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(timed(way))
    for place, kind in enumerate(("wall", "processor")):
        medians = {
            name: statistics.median(pair[place] for pair in found) for name, found in times.items()
        }
        plain, through = medians.values()
        print(
            f"{title}, {kind} time: {plain:.2f} s by sample_trajectory, "
            f"{through:.2f} s through the page, "
            f"{through / plain - 1:+.1%}"
        )


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the process."""
    begun = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


if __name__ == "__main__":
    main()
