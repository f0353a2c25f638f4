"""Fetching the published weights from Google Drive, where the paper's repository has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.checkpoint import own_step
from ..utils.leases import lease
from ..utils.optional import import_optional
from ..utils.words import one_line
from .places import PUBLISHED_DENOISER, PUBLISHED_FIRST_STAGE
from .weights import load_denoiser, load_first_stage

DRIVE = "https://drive.google.com"
PARTIAL = ".download"  # folder beside the file, with what has come of it
PATIENCE = 60.0  # seconds without a byte
RETRIES = 5  # in a row, of one file


class Published(NamedTuple):
    """A published file."""

    drive_id: str
    place: str  # relative to the folder of instance data
    load: Callable[[Path], Any]  # raises ValueError where names, shapes or checksums are wrong

    def page(self) -> str:
        """Its page for a browser."""
        return f"{DRIVE}/file/d/{self.drive_id}/view"


FIRST_STAGE = Published(
    "1SF8BWzKk9nggX1l0BiDJnYuxhX-g9dvd", PUBLISHED_FIRST_STAGE, load_first_stage
)
DENOISER = Published(
    "1bv_NF0UWH2DVYa93NUIxRvjUXipJSBQg", f"checkpoints/{PUBLISHED_DENOISER}", load_denoiser
)


def download_weights(
    published: Published, instance_data: Path, drive: str = DRIVE, quiet: bool = False
) -> bool:
    """Fetch one of the published files and check it; False if it was there already, and right.

    What has come of a stopped download is kept, and the next one goes on from there. The file takes
    its name once its weights are those of the published network. drive: where `/uc?id=` answers.
    Raises MissingPackage without gdown. Raises ValueError where Drive refuses or the file is wrong,
    with what to do by hand.
    """
    path = instance_data / published.place
    if own_step(path) is not None:
        raise ValueError(
            f"{path}: a checkpoint of your own training, which the published file would replace; "
            "choose another --instance-data"
        )
    if path.is_file():
        _check(published, path, path)
        return False
    part = path.parent / PARTIAL / path.name
    with lease(path):
        part.parent.mkdir(parents=True, exist_ok=True)
        if not part.is_file():  # else one that was whole, but not checked
            _fetch(published, part, path, drive, quiet)
        _check(published, part, path)
        part.replace(path)
    if not any(part.parent.iterdir()):
        part.parent.rmdir()
    return True


def _fetch(published: Published, part: Path, path: Path, drive: str, quiet: bool) -> None:
    """Fetch a file whole to `part`; gdown keeps what it has beside it, and goes on from there."""
    gdown = import_optional("gdown", "weights", _by_hand(published, path))
    requests = import_optional("requests", "weights")
    address = f"{drive}/uc?id={published.drive_id}"
    try:
        gdown.download(
            url=address,
            output=str(part),
            quiet=quiet,
            use_cookies=False,
            resume=True,
            timeout=PATIENCE,
            retries=RETRIES,
        )
    except (gdown.exceptions.DownloadError, requests.RequestException) as error:
        why = one_line(error, 200)
        raise ValueError(
            f"{path.name} could not be fetched ({why}); run the command again to go on (to begin "
            f"anew, remove {part.parent} first), or {_by_hand(published, path)}"
        ) from error
    except OSError as error:
        error.filename = error.filename or str(part)
        raise


def _check(published: Published, found: Path, path: Path) -> None:
    """Raise ValueError unless a file has the published network's weights.

    A fetched one that has not is removed, so that the next download begins anew.
    """
    try:
        with found.open("rb") as file:
            if file.read(200).lstrip().startswith(b"<"):
                raise ValueError(f"{found}: a web page, not the file, so Drive may have refused")
        published.load(found)
    except ValueError as error:
        if found != path:
            found.unlink()
        raise ValueError(f"{error}; {_by_hand(published, path)}") from error


def _by_hand(published: Published, path: Path) -> str:
    return f"open {published.page()} in a browser, and put the file to {path}"
