"""What is printed: names from files cannot steer the terminal."""

import re
from typing import TextIO

# All but plain ASCII; the printable ones among them stay.
_UNUSUAL = re.compile(r"[^\n\t\r -~]")
_UNUSUAL_IN_LINES = re.compile(r"[^\n\t -~]")


def printable(text: str, keep_returns: bool = False) -> str:
    """The text with control characters written out, such as \\x1b; line ends and tabs stay.

    Among them are those that turn the direction of writing, and bytes that are no character.
    keep_returns: leave carriage returns, by which a progress bar begins its line anew.
    """
    unusual = _UNUSUAL if keep_returns else _UNUSUAL_IN_LINES
    return unusual.sub(lambda match: _written_out(match[0]), text)


def _written_out(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class PrintableStream:
    """A text stream that writes `printable` text; everything else is the stream's own."""

    def __init__(self, stream: TextIO, keep_returns: bool = False) -> None:
        self._stream, self._keep_returns = stream, keep_returns

    def write(self, text: str) -> int:
        """Write the text, with control characters written out."""
        return self._stream.write(printable(text, self._keep_returns))

    def writelines(self, lines: list[str]) -> None:
        """Write all lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
