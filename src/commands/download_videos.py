"""The command download-videos: the videos that RealEstate10K's text files name."""

import argparse
from pathlib import Path

from ..datasets.download.settings import Settings
from ..datasets.layout import Split
from .options import add_data


def main(arguments: list[str] | None = None) -> None:
    """Fetch a split's videos; raises ValueError if some are missing that another run may get."""
    options = parse(arguments)
    from ..datasets.download.batch import download_videos

    settings = Settings(
        options.parallel,
        options.sleep,
        options.rate_limit,
        options.cookies,
        options.cookies_from_browser,
    )
    split = Split(options.data, options.split)
    downloads = download_videos(split, settings, options.limit, options.retry_failed)
    print(downloads.summary())
    if downloads.failed:
        raise ValueError(
            f"{downloads.failed} of {downloads.videos} videos failed but may come yet: "
            "run the same command again"
        )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Fetch the videos that RealEstate10K's text files name. "
        "Started again, the command goes on where it was stopped."
    )
    add = parser.add_argument
    text = "train or test: the folder's name under RealEstate10K-original"
    add("split", metavar="SPLIT", help=text)
    text = "downloads at a time (default: %(default)s)"
    add("--parallel", type=_positive, default=Settings.parallel, metavar="N", help=text)
    text = "seconds before each request to a site (default: %(default)g)"
    add("--sleep", type=float, default=Settings.sleep, metavar="S", help=text)
    text = "bytes per second of each download (default: no limit)"
    add("--rate-limit", type=_positive, metavar="B", help=text)
    text = "ask for at most N videos this time (default: all)"
    add("--limit", type=_positive, metavar="N", help=text)
    text = "ask also for videos known to be gone, private, …"
    add("--retry-failed", action="store_true", help=text)
    text = "cookies of a signed-in browser, in Netscape format"
    add("--cookies", type=Path, metavar="FILE", help=text)
    text = "take cookies from firefox, chrome, …; a profile: NAME:PROFILE"
    add("--cookies-from-browser", metavar="NAME", help=text)
    add_data(parser)
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if int(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above zero")
    return int(text)
