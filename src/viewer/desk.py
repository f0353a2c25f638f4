"""What all parts of the page share: the server, one lock, uploads, and how faults are said."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.words import one_line

if TYPE_CHECKING:
    import viser


@dataclass
class Desk:
    """The page's server and folder."""

    server: "viser.ViserServer"
    instance_data: Path
    # One callback at a time, whichever client it is from.
    lock: threading.RLock = field(default_factory=threading.RLock)

    def guarded(self, function: Callable[[Any], object]) -> Callable[[Any], None]:
        """A callback for viser: one at a time, and a fault becomes a sentence on the page.

        Changes that this program makes to a control call nothing.
        """

        def call(event: Any) -> None:
            if event.client is None:
                return
            try:
                with self.lock:
                    function(event)
            except (ValueError, OSError) as error:
                self.say(one_line(error), "That did not work", good=False)

        return call

    def say(self, text: str, title: str = "photonvs", good: bool = True) -> None:
        """A note to everyone who looks at the page."""
        for client in self.server.get_clients().values():
            client.add_notification(
                title, text, color="blue" if good else "red", auto_close_seconds=6 if good else 15
            )


@contextmanager
def uploaded(name: str, content: bytes) -> Iterator[Path]:
    """A file of what a visitor sent, for the length of the block.

    name: as the visitor calls it. A ValueError of the block says that name, and not the file's.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(content)
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), Path(name).name)) from error
