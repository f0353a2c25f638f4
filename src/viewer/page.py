"""The page as a whole."""

from collections.abc import Callable
from pathlib import Path

from ..cameras.motion import Motion
from ..models.model import Model
from ..samples import PHOTO_BYTES
from ..utils.reading import read_bytes
from .desk import Desk
from .frames_panel import FramesPanel
from .generate import Generate
from .look import Look
from .run_view import RunView
from .server import open_server
from .steer import Photo, Steer
from .take_home import TakeHome
from .work import Work
from .world import World

BLUE = (47, 111, 237)


class Page:
    """A page that is being served, until `stop`."""

    def __init__(
        self,
        instance_data: Path,
        open_model: Callable[[], Model],
        host: str = "127.0.0.1",
        port: int = 8080,
        motion: Motion | None = None,
    ) -> None:
        """Serve the page at this address, or at the next free port.

        instance_data: where samples are read and written. open_model: called before the first frame
        is generated. motion: that of its training pairs, if its weights tell. Raises as
        `open_server`.
        """
        server = open_server(host, port)
        gui = server.gui
        gui.configure_theme(show_logo=False, show_share_button=False, brand_color=BLUE)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(360)
        self.server, self.host = server, host
        self.work = Work(open_model)
        self.desk = Desk(server, instance_data)
        self.world = World(self.desk)
        self.frames = FramesPanel(self.desk, self.world)
        self.view = RunView(self.desk, self.world, self.frames)
        tabs = gui.add_tab_group()
        with tabs.add_tab("Make a video"):
            self.steer = Steer(self.desk, self.world, self.frames, motion)
            self.generate = Generate(self.desk, self.steer, self.view, self.work)
        with tabs.add_tab("Look at samples"):
            self.look = Look(self.desk, self.view)
        self.home = TakeHome(self.desk, self.steer, self.view)
        self.generate.finished = self.look.point_at

    @property
    def url(self) -> str:
        """Where the page is."""
        host = "localhost" if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.server.get_port()}"

    def take_photo(self, photo: Path) -> None:
        """Begin with a photo on this machine; raises as `Photo`."""
        with self.desk.lock:
            self.steer.take_photo(Photo(photo.name, read_bytes(photo, "an image", PHOTO_BYTES)))

    def stop(self) -> None:
        """End drawing and serving; what is done is kept."""
        self.work.stop(wait=30)
        self.server.stop()
