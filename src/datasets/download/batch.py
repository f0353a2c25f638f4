"""Fetching the videos that RealEstate10K's text files name, with yt-dlp.

Of a split, `data/RealEstate10K-original/SPLIT/*.txt` are the text files (line 1: the video's URL). Videos go to
`data/SPLIT/videos/<video>.mp4`; a file of that name is complete. Unfinished ones stay in `videos/.partial/`, where the
next run continues them. `videos/manifest.jsonl` tells what became of each video.
"""

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from ...cameras.realestate10k import video_name
from ..video import find_videos
from .fetching import Settings, VideoFetcher, entry_of_file
from .manifest import MANIFEST, STATUSES, Entry, open_manifest

FAILURES_IN_A_ROW = (
    20  # then the network is down or the site refuses us, and asking on would only make that worse
)


def read_urls(folder: str | Path) -> tuple[dict[str, str], list[str]]:
    """The URL of each video that a folder's text files name, by the video's name, sorted; and complaints about files.

    Where files name one video by several URLs, the first file's counts. Raises FileNotFoundError if there are no files.
    """
    paths = sorted(Path(folder).glob("*.txt"))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no text files there; expected those of RealEstate10K as data/RealEstate10K-original/SPLIT/*.txt"
        )
    urls: dict[str, str] = {}
    complaints = []
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as file:
            url = file.readline().strip()
        try:
            name = video_name(url)
            if name.startswith(".") or not name.isprintable():
                raise ValueError(f"{name!r} cannot be a file's name")
            urls.setdefault(name, url)
        except ValueError as error:
            complaints.append(f"{path}, line 1: {error}")
    return dict(sorted(urls.items())), complaints


def download_videos(
    urls: dict[str, str],
    folder: Path,
    settings: Settings,
    limit: int | None = None,
    retry_failed: bool = False,
) -> dict[str, Entry]:
    """Fetch the videos (name -> URL) that are not in the folder yet; returns what is known of them, by name.

    limit: videos to ask for at most. retry_failed: ask also for those that an earlier answer called gone, private, ….
    Raises ValueError without yt-dlp, for cookies that cannot be read, or while another process fills the folder.
    """
    fetch = VideoFetcher(folder, settings)
    with open_manifest(folder) as (entries, add):
        present = find_videos(folder)
        for video in urls.keys() & present.keys():
            if video not in entries or entries[video].status != "there":
                add(entry_of_file(video, urls[video], present[video]))
        for video in urls.keys() - present.keys():
            if video in entries and entries[video].status == "there":
                del entries[video]  # its file was deleted since
        wanted = [video for video in urls if _is_wanted(entries.get(video), retry_failed)]
        wanted.sort(
            key=lambda video: video in entries
        )  # those never asked for before those that failed
        _fetch_all(
            fetch, [(video, urls[video]) for video in wanted[:limit]], add, settings.parallel
        )
        return {video: entries[video] for video in urls if video in entries}


def _is_wanted(entry: Entry | None, retry_failed: bool) -> bool:
    return (
        entry is None
        or not STATUSES[entry.status].final
        or (retry_failed and entry.status != "there")
    )


def _fetch_all(
    fetch: VideoFetcher, videos: list[tuple[str, str]], add: Callable[[Entry], None], parallel: int
) -> None:
    """Fetch (name, URL) pairs in threads, until too many fail in a row. Adds an entry for each that came to an end."""
    in_a_row = 0
    with ThreadPoolExecutor(parallel) as pool, tqdm(total=len(videos), unit="video") as bar:
        futures = [pool.submit(fetch, *video) for video in videos]
        try:
            for future in as_completed(futures):
                entry = future.result()
                bar.update(entry is not None)
                if entry is None:
                    continue
                add(entry)
                in_a_row = 0 if STATUSES[entry.status].final else in_a_row + 1
                if in_a_row == FAILURES_IN_A_ROW:
                    fetch.stop.set()
                    tqdm.write(
                        f"stopped after {in_a_row} failures in a row; the last: {entry.reason}",
                        file=sys.stderr,
                    )
        finally:  # after Ctrl-C, too: downloads end at their next block and keep their parts
            fetch.stop.set()


def summary(
    urls: dict[str, str], entries: dict[str, Entry], complaints: list[str], folder: Path
) -> str:
    """Counts by status, one a line, what each status means, and the manifest's path."""
    counts = Counter(entries[video].status for video in urls if video in entries)
    lines = [f"{len(urls)} videos:"]
    lines += [
        f"  {counts[name]:6} {name:13}  {status.meaning}"
        for name, status in STATUSES.items()
        if counts[name]
    ]
    if len(entries) < len(urls):
        lines.append(f"  {len(urls) - len(entries):6} not asked for yet")
    if complaints:
        lines.append(f"{len(complaints)} text files left out, for example {complaints[0]}")
    return "\n".join([*lines, f"Details: {folder / MANIFEST}"])
