"""A run of a sample in the scene and in the panel of frames, also while it is being made."""

import io
import threading
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..cameras.files.reading import read_cameras
from ..cameras.geometry import field_of_view_of
from ..cameras.spec import SamplingSpec
from ..evaluation.comparisons import has_present_path
from ..evaluation.epipolar import draw_pair
from ..evaluation.page import embedded
from ..evaluation.registry import open_matcher
from ..samples import RunFolder
from ..utils.images import numbered_images, read_frame
from ..utils.json_files import read_json
from .pictures import data_uri, sentence

if TYPE_CHECKING:
    import viser

    from .desk import Desk
    from .frames_panel import FramesPanel
    from .world import Colour, World

GOOD, MIDDLE, BAD, UNKNOWN = (26, 152, 80), (250, 200, 60), (215, 48, 39), (150, 158, 170)
SHOWN_SIZE = 256  # pixels: smaller frames are enlarged


class RunView:
    """Shows one run, and another beside it."""

    def __init__(self, desk: "Desk", world: "World", frames: "FramesPanel") -> None:
        self.desk, self.world, self.frames = desk, world, frames
        self.run: RunFolder | None = None
        self.beside: RunFolder | None = None
        self.report: dict | None = None  # of tsed.json
        self._spec: SamplingSpec | None = None
        self._drawing = threading.Lock()  # matplotlib wants a single thread

    def show(self, run: RunFolder, beside: RunFolder | None = None) -> None:
        """A run with its path; what is there of its frames is read."""
        self.run, self.beside, self._spec = run, beside, run.spec()
        report = run.results.tsed
        self.report = read_json(report) if report.is_file() else None
        spec = self._spec
        count = range(len(spec.poses))
        images = {
            index: read_frame(run.image(index)) for index in count if run.image(index).is_file()
        }
        radians = np.radians(field_of_view_of(spec.focal_y))
        self.world.show_handle(None)
        self.world.show_path(spec.poses, radians, images, spec.given, self.frames.choose)
        if self.report and len(self.report["pairs"]) == len(spec.poses) - 1:
            colours = [pair_colour(pair, self.report["t_error"]) for pair in self.report["pairs"]]
            self.world.show_pairs(colours, self.show_pair)
        self.frames.show(self, len(spec.poses), self._pictures, self._note)

    @property
    def on_stage(self) -> bool:
        """Whether the page shows this run now, and not a path being steered."""
        return self.frames.subject is self

    def add(self, run: RunFolder, index: int, image: np.ndarray) -> None:
        """A frame that has just been made; the panel goes along."""
        if self.on_stage and run == self.run:
            self.world.set_image(index, image)
            self.frames.choose(index)

    def _pictures(self, index: int) -> list[tuple[str, str | None]]:
        run, given = self.run, self._spec.given
        photos = numbered_images(run.sample.given_folder).get(given[0])
        name = "given, as the model sees it" if index in given else f"frame {index}"
        shown = [(name, _large(run, index))]
        if self.beside:
            shown.append((f"run {int(self.beside.name)}", _large(self.beside, index)))
        if has_present_path(run):
            true = run.sample.true_images()
            if true:
                shown.append(("true", embedded(true[index]) if index in true else None))
            if photos:
                shown.append(("the photo", embedded(photos[0], square=True)))
        return shown

    def _note(self, index: int) -> str:
        if self.report and index < len(self.report["pairs"]):
            return f"With the next frame: {pair_words(self.report['pairs'][index])}."
        return ""

    def show_pair(self, index: int, client: "viser.ClientHandle") -> None:
        """The epipolar lines of two neighbouring frames, in a window of the page."""
        run = self.run
        cameras = read_cameras(run.spec_file)
        pair = run.image(index), run.image(index + 1)
        matcher = open_matcher(self.report["matcher"] if self.report else "sift")
        with self._drawing:
            figure = draw_pair(pair, (cameras[index], cameras[index + 1]), matcher)
            figure.set_size_inches(8, 4.6)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=110)
        image = np.array(Image.open(buffer).convert("RGB"))
        with client.gui.add_modal(f"Frames {index} and {index + 1}") as window:
            text = "A point of one frame must lie on its line, of the same colour, in the other."
            client.gui.add_html(sentence(text, "soft"))
            client.gui.add_image(image)
            client.gui.add_button("Close").on_click(lambda _: window.close())


def _large(run: RunFolder, index: int) -> str | None:
    path = run.image(index)
    return data_uri(read_frame(path), SHOWN_SIZE) if path.is_file() else None


def pair_colour(pair: dict, t_error: float) -> "Colour":
    """From green by yellow to red as the median distance grows to twice T_error."""
    if pair["consistent"] is None or pair["median_sed"] is None:
        return UNKNOWN
    share = min(pair["median_sed"] / (2 * t_error), 1.0)
    ends = (GOOD, MIDDLE, 2 * share) if share < 0.5 else (MIDDLE, BAD, 2 * share - 1)
    start, end, part = ends
    mixed = np.array(start) + part * (np.array(end) - np.array(start))
    red, green, blue = mixed.round().astype(int).tolist()
    return red, green, blue


def pair_words(pair: dict) -> str:
    """What TSED says of a pair of frames."""
    verdict = {True: "consistent", False: "not consistent", None: "not scored"}[pair["consistent"]]
    if pair["median_sed"] is None:
        return verdict
    return f"{verdict}, {pair['matches']} matches, off by {pair['median_sed']:.2f} pixels (median)"
