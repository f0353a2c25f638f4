"""The panel of single frames: a slider through the path, play, and pictures at full size."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .pictures import figures, sentence
from .world import World

if TYPE_CHECKING:
    import viser

    from .desk import Desk

SECONDS_A_FRAME = 0.1
Pictures = Callable[[int], Sequence[tuple[str, str | None]]]  # captions and addresses of a frame


class FramesPanel:
    """Which frame is chosen, and what is shown of it."""

    def __init__(self, desk: "Desk", world: World) -> None:
        self.desk, self.world = desk, world
        self.count = 0
        self.subject: object = None  # whose frames these are
        self._pictures: Pictures = lambda index: []
        self._note: Callable[[int], str] = lambda index: ""
        self._playing = threading.Event()
        gui = desk.server.gui
        panel = gui.add_panel()
        with panel.add_tab("Frames"):
            self.slider = gui.add_slider("Frame", 0, 1, 1, 0, disabled=True)
            self._play = gui.add_button("Play", icon="player-play", color="gray", disabled=True)
            self._stand = gui.add_button(
                "Look through this camera",
                icon="camera",
                color="gray",
                disabled=True,
                hint="Puts you where the chosen camera stands",
            )
            self._text = gui.add_html(sentence("Upload a photo, or choose a sample.", "soft"))
            self._images = gui.add_html("")
        panel.dock_left()
        panel.set_width(300)
        self.slider.on_update(desk.guarded(lambda event: self.choose(int(self.slider.value))))
        self._play.on_click(desk.guarded(lambda event: self._toggle()))
        self._stand.on_click(desk.guarded(self._look_through))

    @property
    def index(self) -> int:
        """The chosen frame."""
        return int(self.slider.value)

    def show(
        self, subject: object, count: int, pictures: Pictures, note: Callable[[int], str]
    ) -> None:
        """Frames of another subject.

        pictures: of a frame by its index. note: a sentence about it.
        """
        self.subject, self.count, self._pictures, self._note = subject, count, pictures, note
        self.slider.max = max(count - 1, 1)
        for control in (self.slider, self._play, self._stand):
            control.disabled = count < 1
        self.choose(min(self.index, max(count - 1, 0)))

    def choose(self, index: int) -> None:
        """Show a frame, and make its camera stand out."""
        index = max(0, min(index, self.count - 1))
        self.slider.value = index
        self.world.choose(index)
        self.refresh()

    def refresh(self) -> None:
        """Show the chosen frame anew."""
        self._images.content = figures(self._pictures(self.index))
        self._text.content = sentence(self._note(self.index), "soft")

    def _toggle(self) -> None:
        if self._playing.is_set():
            self._playing.clear()
        else:
            self._playing.set()
            threading.Thread(target=self._run, daemon=True).start()
        self._play.label = "Pause" if self._playing.is_set() else "Play"

    def _run(self) -> None:
        # Nobody looks any more: the client may be gone without having stopped it.
        while self._playing.is_set() and self.desk.server.get_clients():
            with self.desk.lock:
                self.choose((self.index + 1) % max(self.count, 1))
            time.sleep(SECONDS_A_FRAME)
        self._playing.clear()
        self._play.label = "Play"

    def _look_through(self, event: "viser.GuiEvent") -> None:
        if self.count:
            self.world.stand_at(event.client, self.index)
