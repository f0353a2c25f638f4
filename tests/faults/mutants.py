"""Damaged copies of a file: cut, flipped, overwritten, repeated, and with hostile numbers."""

import random
import re
from collections.abc import Iterator

# What text and headers may hold in place of a number.
NUMBERS = (
    b"0",
    b"-1",
    b"1e30",
    b"1e999",
    b"-1e308",
    b"nan",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b'"7"',
    b"[]",
    b"{}",
    b"2147483648",
    b"9223372036854775808",
    b"9" * 400,
    b"9" * 5000,
    b"0.5",
    b"-0",
)
# What may stand in place of a word in quotes or between blanks.
WORDS = (
    b"..",
    b"../../x",
    b"/etc/passwd",
    b"\x1b[2J",
    b"a" * 300,
    b"%s%n",
    b"",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"~root",
    b"${oc.env:HOME}",
)
BYTES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0" * 8, b"\xff" * 8, b"\xff\xff\xff\x7f")
DEEP = (b"[" * 5000, b'{"a":' * 3000, b"- " * 5000, b"(" * 5000)


def lengths(size: int, source: random.Random, count: int) -> list[int]:
    """Lengths to cut a file of this size to: both ends, powers of two, and others by chance."""
    fixed = {0, 1, 2, 7, 8, 16, 64, 128, 512, size // 2, size - 100, size - 4, size - 2, size - 1}
    chance = {source.randrange(size) for _ in range(count)}
    return sorted(length for length in fixed | chance if 0 <= length < size)


def mutants(content: bytes, source: random.Random, count: int) -> Iterator[bytes]:
    """`count` damaged copies of a file's content."""
    ways = (_flip, _flip, _overwrite, _repeat, _cut_out, _number, _number, _number, _word, _deep)
    for _ in range(count):
        damaged = content
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            damaged = source.choice(ways)(damaged, source) if damaged else damaged
        yield damaged


def _place(content: bytes, source: random.Random) -> int:
    """Half of the faults hit the beginning, where headers are."""
    near = min(len(content), 300)
    return source.randrange(near if source.random() < 0.5 else len(content))


def _flip(content: bytes, source: random.Random) -> bytes:
    place = _place(content, source)
    flipped = bytes([content[place] ^ 1 << source.randrange(8)])
    return content[:place] + flipped + content[place + 1 :]


def _overwrite(content: bytes, source: random.Random) -> bytes:
    place, new = _place(content, source), source.choice(BYTES)
    return content[:place] + new + content[place + len(new) :]


def _repeat(content: bytes, source: random.Random) -> bytes:
    start = _place(content, source)
    end = start + source.randrange(1, 200)
    return content[:end] + content[start:end] * source.randrange(1, 4) + content[end:]


def _cut_out(content: bytes, source: random.Random) -> bytes:
    start = _place(content, source)
    return content[:start] + content[start + source.randrange(1, 200) :]


def _number(content: bytes, source: random.Random) -> bytes:
    return _replace(content, source, rb"-?\d+(\.\d+)?(e-?\d+)?", NUMBERS)


def _word(content: bytes, source: random.Random) -> bytes:
    return _replace(content, source, rb"[A-Za-z_][\w./-]+", WORDS)


def _deep(content: bytes, source: random.Random) -> bytes:
    place = _place(content, source)
    return content[:place] + source.choice(DEEP) + content[place:]


def _replace(
    content: bytes, source: random.Random, pattern: bytes, new: tuple[bytes, ...]
) -> bytes:
    found = list(re.finditer(pattern, content[:20_000]))
    if not found:
        return _overwrite(content, source)
    match = source.choice(found)
    return content[: match.start()] + source.choice(new) + content[match.end() :]
