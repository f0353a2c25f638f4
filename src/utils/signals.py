"""Asking a long computation to end well."""

import logging
import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopSignal:
    """Becomes true once the process got SIGTERM, SIGUSR1 (a scheduler's warning) or Ctrl-C.

    A second Ctrl-C ends the process at once.
    """

    def __init__(self) -> None:
        self._received = False
        for number in STOP_SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = True
        logging.getLogger(__name__).info(
            "%s: saving and ending after this step", signal.Signals(number).name
        )

    def __bool__(self) -> bool:
        return self._received
