"""download-weights, against a server of our own that answers as Google Drive does."""

import re
import shutil
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import torch
from small_weights import VQGAN

from photonvs.commands.download_weights import main
from photonvs.models import build_first_stage, load_denoiser, load_first_stage, published
from photonvs.models.published import Published, download_weights
from photonvs.utils import optional
from photonvs.utils.checkpoint import FORMAT, save_checkpoint

FORM = """<html><body><form id="download-form" action="https://drive.usercontent.google.com/download"
 method="get"><input type="hidden" name="id" value="{id}"><input type="hidden" name="confirm"
 value="t"></form></body></html>""".replace("\n", "")
REFUSAL = '<html><p class="uc-error-subcaption">Too many users have viewed this file.</p></html>'


class Drive(ThreadingHTTPServer):
    """Serves `content`; keeps the places where each request wanted to begin."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content, self.begins = content, []
        self.page, self.sends = "", len(content)  # instead of the file; bytes of a connection
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        drive, asked = self.server, urlsplit(self.path)
        assert parse_qs(asked.query)["id"] == [FILE.drive_id]
        if drive.page and "confirm" not in parse_qs(asked.query):
            self.answer(drive.page.format(id=FILE.drive_id).encode(), 200, "text/html")
            return
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        begin = int(found[1]) if found else 0
        drive.begins.append(begin)
        self.answer(drive.content[begin:], 206 if found else 200, "application/octet-stream", begin)

    def answer(self, content: bytes, status: int, kind: str, begin: int = 0) -> None:
        whole = begin + len(content)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"one"')
        if kind != "text/html":
            self.send_header("Content-Disposition", 'attachment; filename="x"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        self.end_headers()
        self.wfile.write(content[: self.server.sends])

    def log_message(self, *_: object) -> None:
        pass


FILE = Published("an-id", "weights/it.ckpt", load_first_stage)


@pytest.fixture
def drive(tmp_path):
    state = {"state_dict": build_first_stage(VQGAN).state_dict()}
    state["state_dict"]["loss.large"] = torch.rand(700_000)  # more than gdown writes at once
    torch.save(state | {"config": {"first_stage": asdict(VQGAN)}}, tmp_path / "whole.ckpt")
    with Drive((tmp_path / "whole.ckpt").read_bytes()) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_file_takes_its_name_when_its_weights_are_right(drive, tmp_path):
    assert download_weights(FILE, tmp_path / "i", drive.url, quiet=True)
    assert (tmp_path / "i" / FILE.place).read_bytes() == drive.content
    assert left(tmp_path / "i") == [FILE.place]
    assert not download_weights(FILE, tmp_path / "i", drive.url)
    assert drive.begins == [0]


def test_a_broken_download_goes_on_where_it_stopped(drive, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "RETRIES", 0)
    drive.sends, sizes = 1_200_000, [0]
    for _ in range(2):
        message = "it.ckpt could not be fetched .*; run the command again to go on"
        with pytest.raises(ValueError, match=message):
            download_weights(FILE, tmp_path / "i", drive.url, quiet=True)
        assert not (tmp_path / "i" / FILE.place).exists()
        (part,) = (tmp_path / "i").rglob("*.part")
        sizes.append(part.stat().st_size)
        assert sizes[-1] > sizes[-2] + 1_000_000
    drive.sends = len(drive.content)
    assert download_weights(FILE, tmp_path / "i", drive.url, quiet=True)
    assert (tmp_path / "i" / FILE.place).read_bytes() == drive.content
    assert set(drive.begins) == set(sizes)
    assert left(tmp_path / "i") == [FILE.place]


@pytest.fixture
def google(drive, monkeypatch):
    """Requests to Google's addresses reach our server."""
    send = requests.adapters.HTTPAdapter.send

    def redirected(adapter, request, **options):
        parts = urlsplit(request.url)
        assert parts.netloc in ("drive.google.com", "drive.usercontent.google.com")
        request.url = f"{drive.url}{parts.path}?{parts.query}"
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirected)
    return drive


def test_the_warning_before_large_files_is_confirmed(google, tmp_path):
    google.page = FORM
    assert download_weights(FILE, tmp_path / "i", quiet=True)
    assert (tmp_path / "i" / FILE.place).read_bytes() == google.content


def test_a_refusal_says_what_to_do_by_hand(google, tmp_path):
    google.page = REFUSAL
    with pytest.raises(ValueError, match="Too many users have viewed this file") as caught:
        download_weights(FILE, tmp_path / "i", quiet=True)
    said = str(caught.value)
    assert "open https://drive.google.com/file/d/an-id/view in a browser" in said
    assert f"put the file to {tmp_path / 'i' / FILE.place}" in said and "\n" not in said


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"PK\x03\x04 cut", "other weights"])
def test_a_wrong_file_never_takes_the_name(drive, tmp_path, content):
    if content == "other weights":
        torch.save({"state_dict": {"conv.weight": torch.zeros(3)}}, tmp_path / "other")
        content = (tmp_path / "other").read_bytes()
    right, drive.content = drive.content, content
    with pytest.raises(ValueError, match="open https://drive.google.com/file/d/an-id/view"):
        download_weights(FILE, tmp_path / "i", drive.url, quiet=True)
    assert left(tmp_path / "i") == []
    drive.content = right
    assert download_weights(FILE, tmp_path / "i", drive.url, quiet=True)


def test_a_file_put_there_by_hand_is_checked(drive, tmp_path):
    path = tmp_path / "i" / FILE.place
    path.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "whole.ckpt", path)
    assert not download_weights(FILE, tmp_path / "i", drive.url)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="a damaged one"):
        download_weights(FILE, tmp_path / "i", drive.url)
    assert path.exists() and drive.begins == []


def test_a_checkpoint_of_ones_own_is_not_replaced(drive, tmp_path):
    path = tmp_path / "i" / FILE.place
    path.parent.mkdir(parents=True)
    save_checkpoint(path, {"format": FORMAT, "total_iterations": 5})
    with pytest.raises(ValueError, match="a checkpoint of your own training"):
        download_weights(FILE, tmp_path / "i", drive.url)


def test_the_command_fetches_what_it_can(google, tmp_path, monkeypatch, capsys):
    wrong = FILE._replace(place="other.pth", load=load_denoiser)
    monkeypatch.setattr(published, "FIRST_STAGE", wrong)
    monkeypatch.setattr(published, "DENOISER", FILE)
    with pytest.raises(ValueError, match="other.pth: no denoiser; .* put the file to"):
        main(["--instance-data", str(tmp_path / "i")])
    assert "it.ckpt: fetched, its weights are complete" in capsys.readouterr().out
    assert left(tmp_path / "i") == [FILE.place]


def test_without_gdown_the_way_by_hand_is_told(tmp_path, monkeypatch):
    def absent(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr(optional, "import_module", absent)
    with pytest.raises(ValueError, match=r'photonvs\[weights\]", or open https://drive.google'):
        download_weights(FILE, tmp_path / "i")
