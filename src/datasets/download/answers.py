"""What the error messages of yt-dlp and of sites mean."""

import re

# First match wins. The wordings are those of YouTube and of yt-dlp
# (yt_dlp/extractor/youtube/_video.py; its public issues 2804, 11426, 11981, 16556, 17616).
# yt-dlp adds "--cookies" to all that says "sign in", so private videos come before.
PATTERNS = [
    ("private", r"private video|video is private"),
    (
        "members-only",
        r"members-only|channel's members|premium members|requires payment"
        r"|available for purchase",
    ),
    ("rate-limited", r"rate-limited|http error 429|too many requests|try again later"),
    (
        "needs-cookies",
        r"not a bot|captcha|confirm your age|age.restricted|inappropriate for some"
        r"|http error 401|--cookies",
    ),
    ("blocked", r"in your (country|region|location)|from your location|geo.?restrict"),
    (
        "gone",
        r"been (removed|deleted|terminated)|no longer available|account .*(closed|terminated)"
        r"|does not exist",
    ),
    (
        "gone",
        r"webpage: http error (404|410)|on copyright grounds|recording is not available"
        r"|looks truncated",
    ),
    (
        "no-format",
        r"requested format is not available|not available on this app|only images"
        r"|no video formats",
    ),
    (
        "unavailable",
        r"video unavailable|video is (unavailable|not available)|content isn't available"
        r"|drm protected",
    ),
]
# What yt-dlp puts around a message: the extractor and the video's name, and where to report it.
DECORATION = r"^\[[\w:+]+\] (\S+: )?|; please report this issue on .*| \(caused by .*"


def classify(message: str) -> tuple[str, str]:
    """The status that an error message of yt-dlp means, and the reason.

    The status is a key of `manifest.STATUSES`. The reason is the message on one line, without
    decoration.
    """
    line = " ".join(message.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    reason = re.sub(DECORATION, "", line.removeprefix("ERROR: "))
    for status, pattern in PATTERNS:
        if re.search(pattern, reason, re.IGNORECASE):
            return status, reason
    return "failed", reason
