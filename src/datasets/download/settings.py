"""How sites are asked for videos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# At most 360 lines, where a site tells the heights. Of a direct link to a file, the height is
# only known afterwards. No HLS: its files keep the transport stream's clock, which starts
# anywhere, and frames are found by their time.
FORMATS = "bv*[protocol^=http][height<=360]/bv*[protocol^=http][height<=?360]"
# Earlier ones decide; mp4 first; better without audio.
FORMAT_ORDER = ["height", "vext", "vcodec:h264", "+hasaud", "proto"]
RETRIES = 10  # of a broken connection, for each video in one run
LONGEST_PAUSE = 60  # seconds, between two retries


@dataclass(frozen=True)
class Settings:
    """How sites are asked.

    The defaults stay near the 300 videos an hour that YouTube allows guests.
    """

    parallel: int = 2  # downloads at a time
    sleep: float = 5.0  # seconds before each request
    rate_limit: int | None = None  # bytes per second, of each download; None: no limit
    cookies: Path | None = None  # Netscape format; read only
    browser: str | None = None  # NAME or NAME:PROFILE, whose cookies are used


def youtube_dl_options(partial: Path, settings: Settings) -> dict[str, Any]:
    """The options of yt_dlp.YoutubeDL, for downloads into the folder `partial`.

    Files are named <video>/<format>.<suffix>.
    """
    browser, _, profile = (settings.browser or "").partition(":")

    def pause(n: int) -> float:
        return min(settings.sleep * 2**n, LONGEST_PAUSE)

    return {
        "format": FORMATS,
        "format_sort": FORMAT_ORDER,
        "outtmpl": str(partial).replace("%", "%%") + "/%(video_id)s/%(format_id)s.%(ext)s",
        "noplaylist": True,
        "playlist_items": "1",
        "fixup": "never",  # would need ffmpeg
        "updatetime": False,
        "retries": RETRIES,
        "fragment_retries": RETRIES,
        "retry_sleep_functions": {"http": pause, "fragment": pause},
        "sleep_interval_requests": settings.sleep,
        "sleep_interval": settings.sleep,
        "ratelimit": settings.rate_limit,
        "cookiesfrombrowser": (browser, profile or None, None, None) if browser else None,
        "js_runtimes": {"deno": {}, "node": {}},  # YouTube's pages need one
        "color": "never",
        "noprogress": True,
    }
