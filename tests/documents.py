"""The documents' blocks of commands, and the photonvs commands in any text."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repository import ROOT

from photonvs.commands import COMMANDS

README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "instance-data" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str  # relative to the repository
    language: str
    text: str

    @property
    def first_line(self) -> str:
        """By which a document's blocks are told apart."""
        return self.text.splitlines()[0]

    @property
    def is_left_out(self) -> bool:
        """Whether the first line is a comment, which says what the block needs."""
        return self.first_line.startswith("#")

    @property
    def lines(self) -> list[str]:
        """The lines, each command on one, with single spaces."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [" ".join(line.split()) for line in lines if line.strip()]


def blocks(document: Path, *languages: str) -> list[Block]:
    """The document's blocks of these languages, in order."""
    name = document.relative_to(ROOT).as_posix()
    found = (Block(name, *match.groups()) for match in FENCED.finditer(document.read_text()))
    return [block for block in found if block.language in languages]


def photonvs_commands(document: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of each photonvs command in the document's sh blocks and inline code."""
    for block in blocks(document, "sh"):
        variables: dict[str, str] = {}
        for line in block.lines:
            yield from _command_of(line, variables)
    for code in re.findall(r"`([^`]+)`", FENCED.sub("", document.read_text())):
        # A command's name alone speaks of it, and PATH --help stands for several.
        if code.startswith("photonvs ") and " -" in code and "--help" not in code:
            yield from _command_of(code, {})


def _command_of(line: str, variables: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The photonvs command of a line of shell, if it has one; assignments go to `variables`."""
    for name, value in variables.items():
        line = line.replace(f"${name}", value)
    words = shlex.split(line, comments=True)
    if len(words) == 1 and (assignment := re.fullmatch(r"([A-Z]+)=(.*)", words[0], re.DOTALL)):
        variables[assignment[1]] = assignment[2]
    for place, word in enumerate(words[:-1]):
        if word == "photonvs" and words[place + 1] in COMMANDS:
            yield words[place + 1], words[place + 2 :]
            return
    for place, word in enumerate(words):
        if word.endswith(".py") and Path(word).stem in COMMANDS:
            yield Path(word).stem, words[place + 1 :]
            return
