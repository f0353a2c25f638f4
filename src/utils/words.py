"""Numbers and errors in words, as lines for people have them."""

import time


def millions(count: int) -> str:
    """A count such as 12.3 million; below 100,000 all its digits."""
    return f"{count / 1e6:.3g} million" if count >= 100_000 else str(count)


def plural(count: int, word: str) -> str:
    """1 image, 2 images."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def duration(seconds: float) -> str:
    """A time in its largest unit, such as 3 minutes."""
    units = (("day", 86400), ("hour", 3600), ("minute", 60))
    reached = ((name, size) for name, size in units if round(seconds / size * 60) >= 60)
    name, length = next(reached, ("second", 1))
    count = max(0, round(seconds / length))
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def clock(seconds: float) -> str:
    """A time as hours, minutes and seconds, such as 1 d 06:03:00."""
    days, rest = divmod(round(seconds), 86400)
    return (f"{days} d " if days else "") + time.strftime("%H:%M:%S", time.gmtime(rest))


def one_line(error: BaseException, longest: int | None = None) -> str:
    """What an error says, on one line of at most so many characters; else its type."""
    return " ".join(str(error).split())[:longest] or type(error).__name__


def first_line(error: BaseException) -> str:
    """The first line of what an error says, at most 120 characters of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
