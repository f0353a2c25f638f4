"""Downloads of what the page shows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..cameras.files.writing import WRITERS
from ..cameras.spec import spec_text
from ..samples import SPEC, RunFolder
from .downloads import animation, cameras_file, data_set_zip, frames_zip, mp4, run_frames
from .pictures import sentence
from .steer import heading

if TYPE_CHECKING:
    import viser

    from .desk import Desk
    from .run_view import RunView
    from .steer import Steer

# What is offered: the name of the file, and its content.
RUN_FILES: dict[str, tuple[str, Callable[[RunFolder], bytes]]] = {
    "Video (MP4)": ("video.mp4", lambda run: mp4(run_frames(run))),
    "Animation (GIF)": ("video.gif", lambda run: animation(run_frames(run), "GIF")),
    "Animation (WebP)": ("video.webp", lambda run: animation(run_frames(run), "WEBP")),
    "Data set for COLMAP and nerfstudio (ZIP)": ("data-set.zip", data_set_zip),
    "Frames and path (ZIP)": (
        "frames.zip",
        lambda run: frames_zip(run_frames(run), {SPEC: spec_text(run.spec()).encode()}),
    ),
}
PATH = "Camera path (JSON)"
CAMERAS = {f"Cameras: {writer.about}": name for name, writer in WRITERS.items()}


class TakeHome:
    """The fourth step of making a video."""

    def __init__(self, desk: "Desk", steer: "Steer", view: "RunView") -> None:
        self.steer, self.view = steer, view
        gui = desk.server.gui
        gui.add_html(heading("Take it home"))
        self._what = gui.add_dropdown("What", (*RUN_FILES, PATH, *CAMERAS))
        self._button = gui.add_button("Download", icon="download")
        self._text = gui.add_html("")
        self._button.on_click(desk.guarded(self._send))

    def _send(self, event: "viser.GuiEvent") -> None:
        what = self._what.value
        run = self.view.run if self.view.on_stage else None
        if what == PATH:
            spec = self.steer.spec if run is None else run.spec()
            if spec is None:
                raise ValueError("there is no path yet")
            name, content = SPEC, spec_text(spec).encode()
        elif run is None:
            raise ValueError("no frames yet; generate some first, or choose a sample")
        elif what in CAMERAS:
            file, content = cameras_file(run, CAMERAS[what])
            name = f"{run.sample.name}-{file}"
        else:
            file, make = RUN_FILES[what]
            name, content = f"{run.sample.name}-{file}", make(run)
        event.client.send_file_download(name, content, save_immediately=True)
        self._text.content = sentence(f"{name}, {len(content) / 1e6:.1f} MB", "soft")
