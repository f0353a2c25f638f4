"""Steering: a photo, a path by presets or through the user's own cameras, a preview."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..cameras.coverage import covered_share, poster_corners
from ..cameras.files.path import path_of_file
from ..cameras.geometry import field_of_view_of
from ..cameras.motion import Motion, path_sizes, warning
from ..cameras.photo import DEFAULT_FIELD_OF_VIEW, Lens, focal_y_of, lens_of_photo
from ..cameras.spec import SamplingSpec
from ..samples import GIVEN_IMAGES, Sample
from ..sampling.photo import free_folder, sample_name
from ..utils.images import IMAGE_SUFFIXES, read_square
from .desk import uploaded
from .own_path import OwnPath
from .pictures import data_uri, poster_preview, sentence
from .plan import BROUGHT, MOST_FRAMES, OWN, History, Plan, preset_options

if TYPE_CHECKING:
    import viser

    from .desk import Desk
    from .frames_panel import FramesPanel
    from .world import World

VIEW_SIZE = 320  # pixels of a single preview
PHOTO_SIZE = 512  # pixels of the photo on the page
MOVES = {
    "around it": "orbit",
    "forward": "dolly",
    "sideways": "truck",
    "upward": "pedestal",
    "turn to the side": "pan",
    "look up": "tilt",
    "a circle": "spin",
    "an arc over it": "hop",
    "a spiral forward": "spiral",
    "my own path": OWN,
    "as in a file": BROUGHT,
}
# Label, smallest, largest and step of each option of a preset.
OPTIONS = {
    "radius": ("Radius", 0.05, 4.0, 0.05),
    "distance": ("Way to go", -3.0, 3.0, 0.05),
    "angle": ("Angle (degrees)", -360.0, 360.0, 1.0),
    "height": ("Rise by", -2.0, 2.0, 0.05),
}
DISTANCE_HINT = (
    "How far away is what the photo shows? In metres for the shipped model. It sets the scale: the "
    "camera's moves grow with it."
)


class Photo:
    """The given photo."""

    def __init__(self, name: str, content: bytes) -> None:
        """Raises ValueError for what is no picture of a known kind, or too large a one."""
        self.name, self.content = Path(name).name, content
        self.suffix = Path(name).suffix.lower()
        if self.suffix not in IMAGE_SUFFIXES:
            raise ValueError(f"{self.name}: expected a picture, one of {' '.join(IMAGE_SUFFIXES)}")
        with uploaded(name, content) as path:
            self.square = read_square(path, PHOTO_SIZE)
            self.lens: Lens = lens_of_photo(path)


class Steer:
    """The first two steps of making a video."""

    def __init__(
        self, desk: "Desk", world: "World", frames: "FramesPanel", motion: Motion | None
    ) -> None:
        """motion: that of the model's training pairs, if its weights tell."""
        self.desk, self.world, self.frames, self.motion = desk, world, frames, motion
        self.photo: Photo | None = None
        self.history = History(Plan())
        self.spec: SamplingSpec | None = None  # what is previewed
        self.sample: Sample | None = None  # where the previewed path was saved
        gui = desk.server.gui
        gui.add_html(heading("1 · Your photo"))
        self.upload = gui.add_upload_button("Upload a photo", icon="photo", mime_type="image/*")
        self._about = gui.add_html(sentence("Any size; its centre square is used.", "soft"))
        hint = "Across the photo's centre square. A phone's main camera has about 50 to 60."
        self._view = gui.add_slider("Field of view", 10, 120, 0.1, DEFAULT_FIELD_OF_VIEW, hint=hint)
        gui.add_html(heading("2 · The camera's path"))
        self._move = gui.add_dropdown("The camera goes", tuple(MOVES))
        self._options = {
            name: gui.add_slider(label, low, high, step, high)
            for name, (label, low, high, step) in OPTIONS.items()
        }
        self.own = OwnPath(self)
        # viser always shows upload buttons, but not those in a folder that is hidden.
        self._file = gui.add_folder("Cameras of another program", visible=False)
        with self._file:
            self._bring = gui.add_upload_button(
                "Bring a file of cameras",
                icon="file-import",
                color="gray",
                hint="Of nerfstudio, RealEstate10K, or matrices",
            )
        self._frames = gui.add_slider("Frames", 2, min(120, MOST_FRAMES), 1, 20)
        self._distance = gui.add_slider(
            "Distance to what you look at", 0.2, 10, 0.1, 2, hint=DISTANCE_HINT
        )
        self._undo = gui.add_button("Undo", icon="arrow-back-up", color="gray")
        self._summary = gui.add_html("")
        self._listen()
        self.show_controls()

    @property
    def plan(self) -> Plan:
        """As the user steers it now."""
        return self.history.plan

    def _listen(self) -> None:
        guarded = self.desk.guarded
        self.upload.on_upload(guarded(self._take_upload))
        self._bring.on_upload(guarded(lambda _: self._take_cameras()))
        self._move.on_update(guarded(lambda _: self._take_move(MOVES[self._move.value])))
        for name, slider in self._options.items():
            slider.on_update(guarded(lambda _, name=name: self._take_option(name)))
        for slider, name in (
            (self._frames, "frames"),
            (self._distance, "distance"),
            (self._view, "field_of_view"),
        ):
            slider.on_update(
                guarded(lambda _, slider=slider, name=name: self._take_value(name, slider.value))
            )
        self._undo.on_click(guarded(lambda _: self._take_back()))

    def _take_cameras(self) -> None:
        """A file of cameras becomes the path; its lens counts if it has one."""
        file = self._bring.value
        with uploaded(file.name, file.content) as path:
            found = path_of_file(path)
        plan = replace(self.plan, move=BROUGHT, brought=found.poses)
        if found.focal_y is not None:
            plan = replace(plan, field_of_view=field_of_view_of(found.focal_y))
        self.change(plan)

    def _take_move(self, move: str) -> None:
        self._file.visible = move == BROUGHT
        if move == BROUGHT and self.plan.brought is None:
            self.desk.say("Now bring a file of cameras.")
            return
        plan = self.plan.with_move(move)
        self.own.chosen = len(plan.keyframes) - 1
        self.change(plan)

    def _take_option(self, name: str) -> None:
        value = float(self._options[name].value)
        if {**preset_options(self.plan.move), **self.plan.options}.get(name) != value:
            self.change(self.plan.with_option(name, value), name)

    def _take_value(self, name: str, value: float) -> None:
        # While a slider is dragged, calls queue up. The first one takes its newest value, and the
        # others find it taken.
        if getattr(self.plan, name) != value:
            self.change(replace(self.plan, **{name: value}), name)

    def _take_upload(self, event: "viser.GuiEvent") -> None:
        file = self.upload.value
        self.take_photo(Photo(file.name, file.content))

    def take_photo(self, photo: Photo) -> None:
        """Begin with another photo."""
        self.photo = photo
        lens = photo.lens
        self.history = History(replace(self.plan, field_of_view=round(lens.field_of_view, 1)))
        about = f"{photo.name}. Field of view {lens.field_of_view:.0f} degrees, {lens.source}."
        self._about.content = sentence(about)
        self.show_controls()
        self.preview()
        focal_y = focal_y_of(self.plan.field_of_view)
        self.world.step_back(poster_corners(np.eye(4), focal_y, self.plan.distance))

    def change(self, plan: Plan, what: str = "") -> None:
        """Take another plan, and show it; `what` as in `History.change`, raises as that."""
        try:
            self.history.change(plan, what)
        finally:
            self.show_controls()
        self.preview()

    def _take_back(self) -> None:
        if not self.history.undo():
            raise ValueError("there is nothing to undo")
        self.show_controls()
        self.preview()

    def show_controls(self) -> None:
        """The controls say what the plan is."""
        plan = self.plan
        self._move.value = next(text for text, name in MOVES.items() if name == plan.move)
        known = preset_options(plan.move)
        for name, slider in self._options.items():
            slider.visible = name in known
            slider.value = {**known, **plan.options}.get(name, slider.value)
        self._file.visible = plan.move == BROUGHT
        self._frames.visible = plan.move != BROUGHT
        self._frames.value, self._distance.value = plan.frames, plan.distance
        self._view.value = plan.field_of_view
        self.own.show(plan)

    def preview(self) -> None:
        """The path in the scene, its cameras carrying what the photo shows of each view."""
        self.sample = None
        if self.photo is None:
            self._summary.content = sentence("First upload a photo.", "soft")
            return
        plan = self.plan
        if plan.move == OWN and len(plan.keyframes) < 2:
            self.spec = None
            self._summary.content = sentence("Now add a second camera.", "soft")
            still = replace(plan, move="dolly", options={"distance": 0.0}, frames=2)
            self._show(still.spec())
            return
        self.spec = plan.spec()
        self._summary.content = sentence(in_words(self.spec, self.motion), "soft")
        self._show(self.spec)

    def _show(self, spec: SamplingSpec) -> None:
        photo, distance = self.photo.square, self.plan.distance
        radians = np.radians(self.plan.field_of_view)
        origin = spec.poses[0]
        views = {
            index: poster_preview(photo, pose, origin, spec.focal_y, distance)
            for index, pose in enumerate(spec.poses)
        }
        self.world.show_path(spec.poses, radians, views, spec.given, self.frames.choose)
        self.world.show_poster(photo, distance / spec.focal_y, distance)
        self.own.show_cameras(radians)
        shares = [covered_share(pose, origin, spec.focal_y, distance) for pose in spec.poses]

        def note(index: int) -> str:
            if index in spec.given:
                return "This is your photo."
            share = f"The photo covers {shares[index]:.0%} of this view."
            return f"{share} The rest is invented, and what moves is drawn anew."

        def pictures(index: int) -> list[tuple[str, str | None]]:
            pose = spec.poses[index]
            view = poster_preview(photo, pose, origin, spec.focal_y, distance, VIEW_SIZE)
            name = f"frame {index}, before generating"
            return [("your photo", data_uri(photo)), (name, data_uri(view))]

        self.frames.show(self, len(spec.poses), pictures, note)

    def save(self, name: str) -> Sample:
        """Write the previewed path and the photo as a sample; the folder gets a free name.

        name: as the user wrote it; "": after the photo. Raises ValueError without photo or path.
        """
        if self.photo is None:
            raise ValueError("first upload a photo")
        if self.spec is None:
            raise ValueError("a path of your own needs a second camera; add one")
        if self.sample is None:
            name = sample_name(name or f"{Path(self.photo.name).stem}-{self.plan.move}")
            images = {GIVEN_IMAGES / f"0000{self.photo.suffix}": self.photo.content}
            folder = free_folder(self.desk.instance_data / "samples" / name, self.spec, images)
            sample = Sample(folder)
            sample.write(self.spec, images)
            self.sample = sample
        return self.sample


def in_words(spec: SamplingSpec, motion: Motion | None) -> str:
    """How far a path goes, and whether that is more than the model learnt."""
    length, step, turn = path_sizes(spec.poses)
    text = f"{len(spec.poses)} frames. The camera travels {length:.2f} in all, "
    text += f"{step:.2f} and {turn:.1f} degrees at most from frame to frame."
    return f"{text} {warning(motion, spec)}".rstrip() if motion else text


def heading(text: str) -> str:
    """HTML of a step's title."""
    return f'<div style="padding:10px 12px 2px;font-weight:600;font-size:14px">{text}</div>'
