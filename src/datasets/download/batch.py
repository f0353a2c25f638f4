"""Fetching the videos that a split's text files name, with yt-dlp.

A file <video>.mp4 in the folder of videos is complete. Unfinished ones stay in `.partial/`, where
the next run continues them. `manifest.jsonl` tells what became of each video.
"""

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ...cameras.realestate10k import video_name
from ...utils.progress import progress_bar
from ...utils.reading import check_file
from ..layout import Split
from ..video import find_videos
from .fetching import VideoFetcher, entry_of_file
from .manifest import MANIFEST, STATUSES, Entry, open_manifest
from .settings import Settings

# Then the network is down or the site refuses us, and to go on asking would make that worse.
FAILURES_IN_A_ROW = 20
LONGEST_URL = 2000  # characters


@dataclass(frozen=True)
class Downloads:
    """What is known of a split's videos after a run."""

    manifest: Path
    videos: int  # that the text files name
    entries: dict[str, Entry]  # by video; none for those never asked for
    complaints: list[str]  # about text files that name no video

    @property
    def failed(self) -> int:
        """How many videos are missing that another run may get."""
        return sum(not STATUSES[entry.status].final for entry in self.entries.values())

    def summary(self) -> str:
        """Counts by status, one a line, with what each means, and the manifest's path."""
        counts = Counter(entry.status for entry in self.entries.values())
        lines = [f"{self.videos} videos:"]
        for name, status in STATUSES.items():
            if counts[name]:
                lines.append(f"  {counts[name]:6} {name:13}  {status.meaning}")
        if len(self.entries) < self.videos:
            lines.append(f"  {self.videos - len(self.entries):6} not asked for yet")
        if self.complaints:
            count, example = len(self.complaints), self.complaints[0]
            lines.append(f"{count} text files left out, for example {example}")
        return "\n".join([*lines, f"Details: {self.manifest}"])


def download_videos(
    split: Split,
    settings: Settings,
    limit: int | None = None,
    retry_failed: bool = False,
) -> Downloads:
    """Fetch the videos of a split that are not there yet.

    limit: videos to ask for at most. retry_failed: ask also for those that an earlier answer
    called gone, private, …. Raises FileNotFoundError if there are no text files, and
    MissingPackage without yt-dlp. Raises ValueError for cookies that cannot be read, and while
    another process fills the folder.
    """
    urls, complaints = read_urls(split.texts)
    fetch = VideoFetcher(split.videos, settings)
    with open_manifest(split.videos) as (entries, add):
        present = find_videos(split.videos)
        for video in urls.keys() & present.keys():
            if video not in entries or entries[video].status != "there":
                add(entry_of_file(video, urls[video], present[video]))
        for video in urls.keys() - present.keys():
            if video in entries and entries[video].status == "there":
                del entries[video]  # its file was deleted since
        wanted = [video for video in urls if _is_wanted(entries.get(video), retry_failed)]
        # Those never asked for come before those that failed.
        wanted.sort(key=lambda video: video in entries)
        videos = [(video, urls[video]) for video in wanted[:limit]]
        _fetch_all(fetch, videos, add, settings.parallel)
        known = {video: entries[video] for video in urls if video in entries}
    return Downloads(split.videos / MANIFEST, len(urls), known, complaints)


def read_urls(folder: Path) -> tuple[dict[str, str], list[str]]:
    """The URL of each video that a folder's text files name, and complaints about files.

    The URLs are sorted by the video's name. Where files name one video by several URLs, the first
    file's counts. Raises FileNotFoundError if there are no files.
    """
    paths = sorted(folder.glob("[!.]*.txt"))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no text files there; expected those of RealEstate10K as "
            "data/RealEstate10K-original/SPLIT/*.txt"
        )
    urls: dict[str, str] = {}
    complaints = []
    for path in paths:
        try:
            check_file(path, "a text file of RealEstate10K")
            with path.open(encoding="utf-8", errors="replace") as file:
                url = file.readline(LONGEST_URL).strip()
            urls.setdefault(downloaded_name(url), url)
        except ValueError as error:
            complaints.append(f"{path}, line 1: {error}")
    return dict(sorted(urls.items())), complaints


def downloaded_name(url: str) -> str:
    """The name of the video at a URL, which has to lead to one video.

    Raises ValueError for others: a search would bring a stranger's video under its name.
    """
    name, parts = video_name(url), urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    folder = parts.path.rstrip("/").rpartition("/")[0]
    by_name = "v" in parse_qs(parts.query) or folder in ("/embed", "/live", "/shorts", "/v")
    if host in ("youtube.com", "youtube-nocookie.com", "music.youtube.com") and not by_name:
        raise ValueError(f"found {url[:80]!r}, expected the URL of one video")
    return name


def _is_wanted(entry: Entry | None, retry_failed: bool) -> bool:
    """Whether to ask for the video of this entry."""
    if entry is None or not STATUSES[entry.status].final:
        return True
    return retry_failed and entry.status != "there"


def _fetch_all(
    fetch: VideoFetcher, videos: list[tuple[str, str]], add: Callable[[Entry], None], parallel: int
) -> None:
    """Fetch (name, URL) pairs in threads, until too many fail in a row.

    Adds an entry for each that came to an end.
    """
    in_a_row = 0
    bar = progress_bar(len(videos), "download", "video")
    with ThreadPoolExecutor(parallel) as pool, bar:
        futures = [pool.submit(fetch, *video) for video in videos]
        try:
            for future in as_completed(futures):
                entry = future.result()
                if entry is None:  # left off
                    continue
                bar.update()
                add(entry)
                in_a_row = 0 if STATUSES[entry.status].final else in_a_row + 1
                if in_a_row == FAILURES_IN_A_ROW:
                    fetch.stop.set()
                    bar.write(
                        f"stopped after {in_a_row} failures in a row; the last: {entry.reason}",
                        file=sys.stderr,
                    )
        finally:  # after Ctrl-C, too: downloads end at their next block and keep their parts
            fetch.stop.set()
