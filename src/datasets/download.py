"""Fetching the videos that RealEstate10K's text files name, with yt-dlp.

Of a split, `data/RealEstate10K-original/SPLIT/*.txt` are the text files (line 1: the video's URL). Videos go to
`data/SPLIT/videos/<video>.mp4`; a file of that name is complete. Unfinished ones stay in `videos/.partial/`, where the
next run continues them. `videos/manifest.jsonl` tells what became of each video.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from ..utils.files import REPOSITORY
from .poses import video_name
from .video import find_videos
from .video_fetching import Settings, VideoFetcher, entry_of_file
from .video_manifest import MANIFEST, STATUSES, Entry, open_manifest

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


def main(arguments: list[str] | None = None) -> None:
    """The command download-videos.py; raises ValueError if videos are missing that another run may get."""
    options = _parser().parse_args(arguments)
    urls, complaints = read_urls(options.data / "RealEstate10K-original" / options.split)
    folder = options.data / options.split / "videos"
    settings = Settings(
        options.parallel,
        options.sleep,
        options.rate_limit,
        options.cookies,
        options.cookies_from_browser,
    )
    entries = download_videos(urls, folder, settings, options.limit, options.retry_failed)
    print(summary(urls, entries, complaints, folder))
    failed = sum(not STATUSES[entry.status].final for entry in entries.values())
    if failed:
        raise ValueError(
            f"{failed} of {len(urls)} videos failed but may come yet: run the same command again"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0] + " Interrupted or failed: run it again."
    )
    parser.add_argument(
        "split", help="train or test: the folder's name under RealEstate10K-original"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=REPOSITORY / "dataset-data" / "data",
        metavar="DIR",
        help="data folder (default: %(default)s)",
    )
    parser.add_argument(
        "--parallel",
        type=_positive,
        default=2,
        metavar="N",
        help="downloads at a time (default: 2)",
    )
    parser.add_argument(
        "--sleep",
        type=float,
        default=5.0,
        metavar="S",
        help="seconds before each request to a site (default: 5)",
    )
    parser.add_argument(
        "--rate-limit",
        type=_positive,
        metavar="B",
        help="bytes per second of each download (default: no limit)",
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        metavar="N",
        help="ask for at most N videos this time (default: all)",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="ask also for videos known to be gone, private, …",
    )
    parser.add_argument(
        "--cookies",
        type=Path,
        metavar="FILE",
        help="cookies of a signed-in browser, in Netscape format",
    )
    parser.add_argument(
        "--cookies-from-browser",
        metavar="NAME",
        help="take cookies from firefox, chrome, …; a profile: NAME:PROFILE",
    )
    return parser


def _positive(text: str) -> int:
    if int(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above zero")
    return int(text)
