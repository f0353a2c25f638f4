"""Names from files that become names of files."""

MOST_BYTES = 150  # of a file's name, with room for a suffix and what is put in front


def check_identifier(name: object, what: str) -> str:
    """The name of a sequence or a video, as a part of paths.

    what: for the message, such as "sequence". A name with a folder in it would lead out of the
    folder that the user named. Raises ValueError for that, and for what no file's name should have.
    """
    text = name if isinstance(name, str) else ""
    plain = text.isprintable() and not text.startswith(".") and not set(text) & set("/\\")
    if not text or not plain or len(text.encode()) > MOST_BYTES:
        raise ValueError(
            f"{what} {name!r:.80}: expected a plain name, without folders, control characters or a "
            f"dot in front, of at most {MOST_BYTES} bytes"
        )
    return text
