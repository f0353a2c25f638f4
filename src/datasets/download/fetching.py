"""Fetching one video with yt-dlp, and whether a file is a complete video."""

import io
import os
import shutil
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
from tqdm import tqdm

from ...utils.optional import import_optional
from ...utils.reading import check_file, read_text
from .answers import classify
from .manifest import STATUSES, Entry
from .settings import Settings, youtube_dl_options

# Seconds. A file whose last frame ends this long before its stated end is truncated.
MISSING_END = 1.0
REASON_LENGTH = 300  # characters, in the manifest


class VideoFetcher:
    """Fetches a video when it is called. Each thread that calls it has a YoutubeDL of its own.

    After `stop` is set it leaves off and returns None. Raises MissingPackage without yt-dlp, and
    ValueError for cookies that cannot be read.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.stop = threading.Event()
        self._yt_dlp = import_optional("yt_dlp", "download")
        self._folder, self._partial = folder, folder / ".partial"
        self._cookies = read_text(settings.cookies, "cookies") if settings.cookies else None
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
            entry = _entry(video, url, "failed", f"{type(error).__name__}: {error}")
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
        # yt-dlp writes cookies back to where it read them, so threads would damage the user's file.
        # A copy in memory takes its place.
        cookies = {} if self._cookies is None else {"cookiefile": io.StringIO(self._cookies)}
        return self._yt_dlp.YoutubeDL(self._options | cookies)

    def _read_cookies(self, settings: Settings) -> None:
        """Read the cookies once, so that a mistake in them shows before the first download."""
        try:
            _ = self._new_youtube_dl().cookiejar
        except self._yt_dlp.utils.YoutubeDLError as error:
            source = settings.cookies or f"browser {settings.browser}"
            _, reason = classify(str(error))
            raise ValueError(f"{source}: its cookies cannot be read ({reason})") from error

    def _leave_off(self, progress: dict[str, Any]) -> None:
        """Called by yt-dlp after each block."""
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
        """Show it without the video's name, unless another video had it already."""
        _, text = classify(message)
        if text not in self._shown:
            self._shown.add(text)
            tqdm.write(f"yt-dlp: {text}", file=sys.stderr)


def entry_of_file(video: str, url: str, path: Path) -> Entry:
    """The entry for a file on disk: there, or failed if it is not a complete video.

    Reads the file whole, but decodes nothing.
    """
    try:
        check_file(path, "a video")
        with av.open(str(path), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            height, codec = stream.height, stream.codec_context.name
            stated_end = (container.duration or 0) / av.time_base
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            end = max(float(_end(packet)) for packet in packets)
    except (av.FFmpegError, IndexError, ValueError) as error:
        reason = f"the file is not a video that can be read: {error}"
        return _entry(video, url, "failed", reason)
    if any(packet.is_corrupt for packet in packets) or end < stated_end - MISSING_END:
        reason = f"the file is damaged, or cut off after {end:.1f} of {stated_end:.1f} seconds"
        return _entry(video, url, "failed", reason)
    return _entry(
        video,
        url,
        "there",
        file=f"{video}{path.suffix}",
        height=height,
        codec=codec,
        bytes=path.stat().st_size,
    )


def _end(packet: av.Packet) -> Any:
    """Seconds at which a packet's frame ends."""
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def _entry(video: str, url: str, status: str, reason: str = "", **file: str | int) -> Entry:
    """The entry for an answer that came now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Entry(video, url, status, now, reason[:REASON_LENGTH], **file)
