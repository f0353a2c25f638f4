"""What became of each video that was to be fetched.

A JSON Lines file: one line an answer, and a video's last line holds.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ...utils.files import naming, write_text
from ...utils.identifiers import check_identifier
from ...utils.json_files import parse_json
from ...utils.leases import lease
from ...utils.reading import MEGABYTE, read_text

MANIFEST = "manifest.jsonl"
MANIFEST_BYTES = 256 * MEGABYTE  # half a million answers


@dataclass(frozen=True)
class Status:
    """What an answer means. A `final` one is not asked for again, unless the user wants it."""

    meaning: str
    final: bool


STATUSES = {
    "there": Status("complete", True),
    "gone": Status("removed from the site", True),
    "private": Status("hidden by the owner", True),
    "members-only": Status("for paying viewers", True),
    "blocked": Status("not shown in this country; elsewhere, use --retry-failed", True),
    "unavailable": Status(
        "no reason given; if many: update yt-dlp and deno, then use --retry-failed", True
    ),
    "needs-cookies": Status(
        "the site wants a sign-in: use --cookies or --cookies-from-browser", False
    ),
    "rate-limited": Status(
        "too many requests: wait an hour, then use a larger --sleep and a smaller --parallel",
        False,
    ),
    "no-format": Status(
        "nothing small enough offered: update yt-dlp, and install deno if it is missing", False
    ),
    "failed": Status("trouble with the network or the site", False),
}


@dataclass(frozen=True)
class Entry:
    """A line of the manifest. The last four describe the file of a video that is there."""

    video: str
    url: str
    status: str  # a key of STATUSES
    when: str  # UTC, ISO 8601
    reason: str = ""  # in the site's or yt-dlp's words
    file: str | None = None  # in the manifest's folder
    height: int | None = None  # pixels
    codec: str | None = None  # as FFmpeg calls it: h264, vp9, av1
    bytes: int | None = None


def read_manifest(path: Path) -> dict[str, Entry]:
    """What is known of each video, by its name. A file that is not there is an empty manifest.

    A last line that a killed process left unfinished is ignored. Raises ValueError naming the
    line for any other damage.
    """
    text = ""
    if path.is_file():
        text = read_text(path, "a manifest", MANIFEST_BYTES, errors="replace")
    lines = text.split("\n")
    entries = {}
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                entry = Entry(**parse_json(line, "the line"))
                check_identifier(entry.video, "video")
                STATUSES[entry.status]  # KeyError for a status that does not exist
                entries[entry.video] = entry
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines):
                raise ValueError(
                    f"{path}, line {number}: not an entry of a manifest ({error}); delete that line"
                ) from error
    return entries


@contextmanager
def open_manifest(folder: Path) -> Iterator[tuple[dict[str, Entry], Callable[[Entry], None]]]:
    """The manifest of a folder, made if need be.

    Yields its entries, and a function that adds one to them and to the file. Raises ValueError if
    another process has it open.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MANIFEST
    with lease(path):
        entries = read_manifest(path)
        # Without lines that no longer hold, and without an unfinished one.
        write_text(path, "".join(map(_line, entries.values())))

        def add(entry: Entry) -> None:
            entries[entry.video] = entry
            with naming(path), path.open("a", encoding="utf-8") as file:
                file.write(_line(entry))

        yield entries, add


def _line(entry: Entry) -> str:
    known = {name: value for name, value in asdict(entry).items() if value is not None}
    return json.dumps(known) + "\n"
