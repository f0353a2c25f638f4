"""The command download-videos: the videos that RealEstate10K's text files name."""

import argparse
from pathlib import Path

from ..datasets.download.batch import download_videos, read_urls, summary
from ..datasets.download.fetching import Settings
from ..datasets.download.manifest import STATUSES
from ..utils.files import BASE


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
        default=BASE / "dataset-data" / "data",
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
