"""Fetching one video with yt-dlp: what is asked for, what the answers mean, and whether the file is complete."""

import io
import os
import re
import shutil
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import av
from tqdm import tqdm

from .manifest import STATUSES, Entry

# At most 360 lines, where a site tells the heights; of a direct link to a file the height is only known afterwards.
# No HLS: its files keep the transport stream's clock, which starts anywhere, and frames are found by their time.
FORMATS = "bv*[protocol^=http][height<=360]/bv*[protocol^=http][height<=?360]"
FORMAT_ORDER = [
    "height",
    "vext",
    "vcodec:h264",
    "+hasaud",
    "proto",
]  # earlier ones decide; mp4 first; better without audio
RETRIES = 10  # of a broken connection, for each video in one run
MISSING_END = (
    1.0  # seconds; a file whose last frame ends this long before its stated end is truncated
)
REASON_LENGTH = 300  # characters

# First match wins. The wordings are those of YouTube and of yt-dlp (yt_dlp/extractor/youtube/_video.py; its public issues
# 2804, 11426, 11981, 16556, 17616). yt-dlp adds "--cookies" to all that says "sign in", so private videos come before.
PATTERNS = [
    ("private", r"private video|video is private"),
    (
        "members-only",
        r"members-only|channel's members|premium members|requires payment|available for purchase",
    ),
    ("rate-limited", r"rate-limited|http error 429|too many requests|try again later"),
    (
        "needs-cookies",
        r"not a bot|captcha|confirm your age|age.restricted|inappropriate for some|http error 401|--cookies",
    ),
    ("blocked", r"in your (country|region|location)|from your location|geo.?restrict"),
    (
        "gone",
        r"been (removed|deleted|terminated)|no longer available|account .*(closed|terminated)|does not exist",
    ),
    (
        "gone",
        r"webpage: http error (404|410)|on copyright grounds|recording is not available|looks truncated",
    ),
    (
        "no-format",
        r"requested format is not available|not available on this app|only images|no video formats",
    ),
    (
        "unavailable",
        r"video unavailable|video is (unavailable|not available)|content isn't available|drm protected",
    ),
]


@dataclass(frozen=True)
class Settings:
    """How sites are asked. The defaults stay near the 300 videos an hour that YouTube lets a guest have."""

    parallel: int = 2  # downloads at a time
    sleep: float = 5.0  # seconds before each request
    rate_limit: int | None = None  # bytes per second, of each download; null: no limit
    cookies: Path | None = None  # Netscape format; read only
    browser: str | None = None  # NAME or NAME:PROFILE, whose cookies are used


def classify(message: str) -> tuple[str, str]:
    """The status that an error message of yt-dlp means, and the reason: the message on one line, without decoration."""
    message = " ".join(
        message.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()
    ).removeprefix("ERROR: ")
    reason = re.sub(
        r"^\[[\w:+]+\] (\S+: )?|; please report this issue on .*| \(caused by .*", "", message
    )
    matches = (status for status, pattern in PATTERNS if re.search(pattern, reason, re.IGNORECASE))
    return next(matches, "failed"), reason[:REASON_LENGTH]


class VideoFetcher:
    """Fetches a video; each thread that calls it has a YoutubeDL of its own. After `stop` it leaves off, and returns None."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.stop = threading.Event()
        self._yt_dlp = _import_yt_dlp()
        self._folder, self._partial = folder, folder / ".partial"
        self._cookies = settings.cookies.read_text(encoding="utf-8") if settings.cookies else None
        self._options = youtube_dl_options(self._partial, settings)
        self._options |= {"logger": _Log(), "progress_hooks": [self._leave_off]}
        self._thread = threading.local()
        self._read_cookies(settings)

    def __call__(self, video: str, url: str) -> Entry | None:
        if self.stop.is_set():
            return None
        if not hasattr(self._thread, "youtube_dl"):
            self._thread.youtube_dl = self._new_youtube_dl()
        try:
            info = self._thread.youtube_dl.extract_info(url, extra_info={"video_id": video})
            entry = self._keep(video, url, info)
        except self._yt_dlp.utils.DownloadCancelled:
            return None
        except self._yt_dlp.utils.DownloadError as error:
            entry = _entry(video, url, *classify(str(error)))
        except Exception as error:  # a defect in the reading of one page must not end a night's run
            entry = _entry(video, url, "failed", f"{type(error).__name__}: {error}"[:REASON_LENGTH])
        if STATUSES[entry.status].final:
            shutil.rmtree(self._partial / video, ignore_errors=True)
        return entry

    def _keep(self, video: str, url: str, info: dict[str, Any]) -> Entry:
        """Check a finished download and give it its final name."""
        if not info.get("requested_downloads"):
            return _entry(video, url, "failed", "the URL does not lead to one video")
        path = Path(info["requested_downloads"][0]["filepath"])
        entry = entry_of_file(video, url, path)
        if entry.file is None:
            path.unlink()  # the site calls it complete, so it cannot be continued
            return entry
        with path.open("rb") as written:
            os.fsync(written.fileno())
        path.replace(self._folder / entry.file)
        return entry

    def _new_youtube_dl(self) -> Any:
        # From a copy in memory, since yt-dlp writes cookies back where it read them: threads would damage the user's file.
        cookies = {} if self._cookies is None else {"cookiefile": io.StringIO(self._cookies)}
        return self._yt_dlp.YoutubeDL(self._options | cookies)

    def _read_cookies(self, settings: Settings) -> None:
        """Read the cookies once, so that a mistake in them shows before the first download."""
        try:
            _ = self._new_youtube_dl().cookiejar
        except self._yt_dlp.utils.YoutubeDLError as error:
            source = settings.cookies or f"browser {settings.browser}"
            raise ValueError(
                f"{source}: its cookies cannot be read ({classify(str(error))[1]})"
            ) from error

    def _leave_off(self, progress: dict[str, Any]) -> None:
        if self.stop.is_set() and progress["status"] == "downloading":
            raise self._yt_dlp.utils.DownloadCancelled


class _Log:
    """Takes yt-dlp's messages. Shows each different warning once; errors come as exceptions."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def debug(self, message: str) -> None:
        """Progress, which our own bar shows."""

    def error(self, message: str) -> None:
        """Comes as an exception, too."""

    def warning(self, message: str) -> None:
        """Show it, without the video's name, unless another video had it already."""
        text = classify(message)[1]
        if text not in self._shown:
            self._shown.add(text)
            tqdm.write(f"yt-dlp: {text}", file=sys.stderr)


def youtube_dl_options(partial: Path, settings: Settings) -> dict[str, Any]:
    """The options of yt_dlp.YoutubeDL for downloads into the folder `partial`, as <video>/<format>.<suffix>."""
    browser, _, profile = (settings.browser or "").partition(":")
    pause = {kind: lambda n: min(settings.sleep * 2**n, 60) for kind in ("http", "fragment")}
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
        "retry_sleep_functions": pause,
        "sleep_interval_requests": settings.sleep,
        "sleep_interval": settings.sleep,
        "ratelimit": settings.rate_limit,
        "cookiesfrombrowser": (browser, profile or None, None, None) if browser else None,
        "js_runtimes": {"deno": {}, "node": {}},  # YouTube's pages need one
        "color": "never",
        "noprogress": True,
    }


def _import_yt_dlp() -> ModuleType:
    try:
        import yt_dlp
    except ImportError as error:
        raise ValueError(
            'yt-dlp is not installed, which downloads need: pip install "photonvs[download]"'
        ) from error
    return yt_dlp


def _entry(video: str, url: str, status: str, reason: str = "", **file: str | int) -> Entry:
    return Entry(
        video, url, status, datetime.now(UTC).isoformat(timespec="seconds"), reason, **file
    )


def entry_of_file(video: str, url: str, path: Path) -> Entry:
    """The entry for a file on disk: there, or failed if it is not a complete video. Reads it whole, but decodes nothing."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            height, codec, stated_end = (
                stream.height,
                stream.codec_context.name,
                (container.duration or 0) / av.time_base,
            )
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            end = max(
                float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in packets
            )
    except (av.FFmpegError, IndexError, ValueError) as error:
        return _entry(
            video,
            url,
            "failed",
            f"the file is not a video that can be read: {error}"[:REASON_LENGTH],
        )
    if any(packet.is_corrupt for packet in packets) or end < stated_end - MISSING_END:
        return _entry(
            video,
            url,
            "failed",
            f"the file is damaged, or cut off after {end:.1f} of {stated_end:.1f} seconds",
        )
    about = {
        "file": f"{video}{path.suffix}",
        "height": height,
        "codec": codec,
        "bytes": path.stat().st_size,
    }
    return _entry(video, url, "there", **about)
