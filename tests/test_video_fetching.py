"""What yt-dlp is asked for, and what its error messages mean. Nothing here uses a network."""

import re

import pytest

from photonvs.datasets.download.answers import PATTERNS, classify
from photonvs.datasets.download.manifest import STATUSES
from photonvs.datasets.download.settings import Settings, youtube_dl_options

HINT = (
    "Use --cookies-from-browser or --cookies for the authentication. "
    "See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ"
)
LATER = (
    "has been rate-limited by YouTube for up to an hour. "
    "It is recommended to use `-t sleep` to add a delay"
)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("private", f"Private video. Sign in if you've been granted access to this video. {HINT}"),
        (
            "private",
            "This video is private. If the owner of this video has granted you access, "
            "please sign in",
        ),
        ("gone", "Video unavailable. This video has been removed by the uploader"),
        ("gone", "This video has been removed for violating YouTube's Terms of Service"),
        (
            "gone",
            "Video unavailable. This video is no longer available because the YouTube "
            "account associated with this video "
            "has been terminated.",
        ),
        (
            "gone",
            "Video unavailable. This video is no longer available because the uploader "
            "has closed their YouTube account.",
        ),
        (
            "gone",
            "Video unavailable. This video is no longer available due to a copyright claim by ACME",
        ),
        (
            "gone",
            "Video unavailable. This video contains content from ACME, who has blocked "
            "it on copyright grounds",
        ),
        ("gone", "This video does not exist"),
        (
            "blocked",
            "Video unavailable. The uploader has not made this video available in your country",
        ),
        (
            "blocked",
            "Video unavailable. This video contains content from ZDF, who has blocked it "
            "in your country on copyright grounds",
        ),
        ("blocked", "This video is not available from your location due to geo restriction"),
        (
            "members-only",
            "Join this channel to get access to members-only content like this video, "
            "and other exclusive perks.",
        ),
        (
            "members-only",
            "This video is available to this channel\u2019s members on level: Shrimp! "
            "Join this channel.",
        ),
        ("members-only", "This video requires payment to watch."),
        ("members-only", f"This video is only available to Music Premium members. {HINT}"),
        ("needs-cookies", f"Sign in to confirm you\u2019re not a bot. {HINT}"),
        (
            "needs-cookies",
            f"Sign in to confirm your age. This video may be inappropriate for some users. {HINT}",
        ),
        (
            "rate-limited",
            "Video unavailable. This content isn't available, try again later. The "
            f"current session {LATER}",
        ),
        (
            "rate-limited",
            "Unable to download API page: HTTP Error 429: Too Many Requests (caused by "
            "<HTTPError 429>)",
        ),
        (
            "no-format",
            "Requested format is not available. Use --list-formats for a list of available formats",
        ),
        (
            "no-format",
            "The following content is not available on this app.. Watch on the latest "
            "version of YouTube.",
        ),
        ("unavailable", "Video unavailable"),
        ("unavailable", "Video unavailable. This video is not available"),
        ("unavailable", "Video unavailable. This content isn\u2019t available."),
        (
            "failed",
            "Unable to download webpage: [Errno -3] Temporary failure in name resolution "
            "(caused by TransportError())",
        ),
        ("failed", "Unable to download webpage: HTTP Error 500: Internal Server Error"),
    ],
)
def test_errors_of_youtube(status, message):
    found, reason = classify(f"ERROR: [youtube] zia8WGSmwBo: {message}")
    assert found == status
    assert message.replace("\u2019", "'").replace("  ", " ").startswith(reason)
    assert "zia8WGSmwBo" not in reason


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        ("failed", "ERROR: unable to download video data: HTTP Error 403: Forbidden", None),
        # A link that grew too old.
        ("failed", "ERROR: unable to download video data: HTTP Error 404: Not Found", None),
        (
            "gone",
            "ERROR: [youtube:truncated_id] abc: Incomplete YouTube ID abc. URL looks truncated.",
            "Incomplete YouTube",
        ),
        (
            "gone",
            "ERROR: [generic] Unable to download webpage: HTTP Error 404: Not Found "
            "(caused by <HTTPError>)",
            "Unable",
        ),
        (
            "failed",
            "ERROR: [youtube] abc: Unable to parse;\nplease report this issue on  "
            "https://github.com",
            "Unable to parse",
        ),
    ],
)
def test_other_errors(status, message, reason):
    found, text = classify(message)
    assert found == status
    assert text.startswith(reason or message.removeprefix("ERROR: "))
    assert not re.search(r"caused by|please report|\n", text)


def test_patterns_name_statuses():
    assert {status for status, _ in PATTERNS} == set(STATUSES) - {"there", "failed"}


FORMATS = {  # as YouTube has them: height, video codec, audio codec, suffix, protocol
    "136": (720, "avc1.64001f", "none", "mp4", "https"),
    "22": (720, "avc1.64001F", "mp4a.40.2", "mp4", "https"),
    "396": (360, "av01.0.01M.08", "none", "mp4", "https"),
    "243": (360, "vp9", "none", "webm", "https"),
    "18": (360, "avc1.42001E", "mp4a.40.2", "mp4", "https"),
    "230": (360, "avc1.4D401E", "none", "mp4", "m3u8_native"),
    "134": (360, "avc1.4d401e", "none", "mp4", "https"),
    "133": (240, "avc1.4d4015", "none", "mp4", "https"),
    "140": (None, "none", "mp4a.40.2", "m4a", "https"),
    "sb0": (45, "none", "none", "mhtml", "mhtml"),
}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (list(FORMATS), "134"),
        (["136", "396", "243", "18", "230", "133"], "18"),
        (["396", "243", "230", "133"], "396"),
        (["136", "396", "243", "18", "133"], "18"),
        (["136", "243", "133"], "243"),
        (["136", "133", "140"], "133"),
    ],
)
def test_choice_of_format(tmp_path, offered, chosen):
    assert choose(tmp_path, offered) == chosen


def test_neither_larger_ones_nor_hls(tmp_path):
    with pytest.raises(Exception, match="Requested format is not available") as raised:
        choose(tmp_path, ["136", "22", "230", "140", "sb0"])
    assert classify(str(raised.value))[0] == "no-format"


def choose(folder, offered):
    yt_dlp = pytest.importorskip("yt_dlp")
    keys = ("height", "vcodec", "acodec", "ext", "protocol")
    formats = [
        {"format_id": k, "url": f"http://x/{k}"} | dict(zip(keys, FORMATS[k], strict=True))
        for k in offered
    ]
    info = {
        "id": "x",
        "title": "x",
        "extractor": "youtube",
        "extractor_key": "Youtube",
        "webpage_url": "http://x",
    }
    with yt_dlp.YoutubeDL(youtube_dl_options(folder, Settings()) | {"quiet": True}) as youtube_dl:
        return youtube_dl.process_ie_result(info | {"formats": formats}, download=False)[
            "format_id"
        ]


def test_options_reach_yt_dlp(tmp_path):
    options = youtube_dl_options(
        tmp_path, Settings(sleep=3, rate_limit=50_000, browser="firefox:work")
    )
    assert options["ratelimit"] == 50_000
    assert options["sleep_interval"] == options["sleep_interval_requests"] == 3
    assert options["cookiesfrombrowser"] == ("firefox", "work", None, None)
    assert youtube_dl_options(tmp_path, Settings(browser="chrome"))["cookiesfrombrowser"][:2] == (
        "chrome",
        None,
    )
    assert [options["retry_sleep_functions"]["http"](n=n) for n in (0, 1, 9)] == [3, 6, 60]
