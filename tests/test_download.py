"""Fetching videos from a web server that answers in full, in part, slowly or not at all."""

import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from repository import ROOT
from video_server import Server, make_video

from photonvs.commands.download_videos import main
from photonvs.datasets.download import batch
from photonvs.datasets.download.batch import read_urls
from photonvs.datasets.download.manifest import read_manifest
from photonvs.utils.optional import MissingPackage


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("video") / "video.mp4")


@pytest.fixture
def server(video, monkeypatch):
    pytest.importorskip("yt_dlp")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server(video)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def data(tmp_path):
    """Makes a data folder of a split `train` from URLs; returns it and the folder of videos."""

    def make(*urls):
        texts = tmp_path / "RealEstate10K-original" / "train"
        texts.mkdir(parents=True)
        for number, url in enumerate(urls):
            (texts / f"{number:04d}.txt").write_text(f"{url}\n1 2 3\n")
        return tmp_path, tmp_path / "train" / "videos"

    return make


def run(data, *options):
    main(["train", "--data", str(data), "--sleep", "0", *options])


def names(folder):
    """The files of a folder, without the hidden ones and the manifest."""
    return {path.name for path in folder.iterdir() if path.name[0] != "."} - {"manifest.jsonl"}


def test_urls_are_read_once_a_video(tmp_path):
    for name, text in {
        "a": "https://www.youtube.com/watch?v=-abc_DEF123\n0 0 0",
        "b": "https://youtu.be/-abc_DEF123",
        "c": "http://host/videos/room.mp4\n",
        "d": "",
        "e": "http://host/..",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    urls, complaints = read_urls(tmp_path)
    assert urls == {
        "-abc_DEF123": "https://www.youtube.com/watch?v=-abc_DEF123",
        "room": "http://host/videos/room.mp4",
    }
    assert [re.search(r"(\w)\.txt, line 1", complaint)[1] for complaint in complaints] == ["d", "e"]


def test_no_text_files(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"train.*expected those of RealEstate10K as data/RealEstate10K-original/SPLIT",
    ):
        main(["train", "--data", str(tmp_path)])


def test_a_split(server, data, video, capsys):
    base = server.url
    folder, videos = data(
        *(f"{base}/ok/room{number}.mp4" for number in range(4)),
        f"{base}/watch?v=-dQw4w9WgXc",
        f"{base}/ok/room1.mp4",
        f"{base}/404/lost.mp4",
        f"{base}/403/refused.mp4",
        "not a URL",
    )
    with pytest.raises(
        ValueError, match="1 of 7 videos failed but may come yet: run the same command again"
    ):
        run(folder, "--parallel", "4")
    there = {"room0", "room1", "room2", "room3", "-dQw4w9WgXc"}
    assert names(videos) == {f"{name}.mp4" for name in there}
    assert all((videos / f"{name}.mp4").read_bytes() == video for name in there)
    entries = read_manifest(videos / "manifest.jsonl")
    assert {name for name, entry in entries.items() if entry.status == "there"} == there
    assert (entries["lost"].status, entries["refused"].status) == ("gone", "failed")
    assert "404" in entries["lost"].reason
    assert "403" in entries["refused"].reason
    room = entries["room0"]
    assert (room.file, room.height, room.codec, room.bytes) == (
        "room0.mp4",
        360,
        "h264",
        len(video),
    )
    assert room.url == f"{base}/ok/room0.mp4"
    printed = capsys.readouterr().out
    assert re.search(r"7 videos:\n +5 there .*\n +1 gone .*\n +1 failed ", printed)
    assert re.search(r"1 text files left out.*0008\.txt, line 1", printed)
    assert f"Details: {videos / 'manifest.jsonl'}" in printed
    assert not [path for path in (videos / ".partial").rglob("*") if path.is_file()]

    server.requests.clear()
    with pytest.raises(ValueError, match="1 of 7"):
        run(folder)
    assert {path for path, *_ in server.requests} == {"/403/refused.mp4"}
    server.requests.clear()
    with pytest.raises(ValueError, match="1 of 7"):
        run(folder, "--retry-failed")
    assert {path for path, *_ in server.requests} == {"/403/refused.mp4", "/404/lost.mp4"}


def test_deleted_files_are_fetched_anew(server, data, capsys):
    folder, videos = data(
        f"{server.url}/ok/a.mp4", f"{server.url}/ok/b.mp4", f"{server.url}/404/c.mp4"
    )
    run(folder)  # no complaint: what is missing is gone
    for name in names(videos):
        (videos / name).unlink()
    capsys.readouterr()
    run(folder, "--limit", "1")
    assert len(names(videos)) == 1
    assert re.search(r" 1 there .*\n +1 gone .*\n +1 not asked for yet\n", capsys.readouterr().out)
    run(folder)
    assert names(videos) == {"a.mp4", "b.mp4"}


def test_limit_goes_on_where_it_stopped(server, data, capsys):
    folder, videos = data(
        f"{server.url}/403/a.mp4", *(f"{server.url}/ok/{name}.mp4" for name in "bcd")
    )
    with pytest.raises(ValueError, match="1 of 4"):
        run(folder, "--limit", "2")
    assert names(videos) == {"b.mp4"}
    assert re.search(r" 2 not asked for yet\n", capsys.readouterr().out)
    with pytest.raises(ValueError, match="1 of 4"):
        run(folder, "--limit", "2")
    assert names(videos) == {"b.mp4", "c.mp4", "d.mp4"}


def test_broken_connection_is_continued(server, data, video):
    folder, videos = data(f"{server.url}/breaks/a.mp4")
    # The first request is for the page; the second, for the video, is cut at two thirds.
    run(folder)
    assert (videos / "a.mp4").read_bytes() == video
    starts = [int(re.search(r"\d+", wanted)[0]) for _, wanted, _ in server.asked("a.mp4") if wanted]
    assert len(starts) == 1
    # With the package requests, yt-dlp loses the block that was being read.
    cut = len(video) * 2 // 3
    assert cut - 16_384 < starts[0] <= cut


def test_truncated_file_is_not_kept(server, data):
    folder, videos = data(f"{server.url}/unknown-length/a.mp4")
    with pytest.raises(ValueError, match="1 of 1"):
        run(folder)
    assert names(videos) == set()
    entry = read_manifest(videos / "manifest.jsonl")["a"]
    assert entry.status == "failed"
    assert re.search(r"cut off after 1\.\d of 2\.0 seconds", entry.reason)


def test_kill_and_go_on(server, data, video):
    folder, videos = data(f"{server.url}/ok/a.mp4", f"{server.url}/ok/b.mp4")
    server.block_delay = 0.05
    script = ROOT / "dataset-data" / "download-videos.py"
    command = [
        sys.executable,
        str(script),
        "train",
        "--data",
        str(folder),
        "--sleep",
        "0",
        "--parallel",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            wait_for(
                lambda: any(path.stat().st_size > 20_000 for path in videos.rglob("*.part")),
                process,
            )
        finally:
            process.send_signal(signal.SIGKILL)
    assert names(videos) == set()
    server.block_delay = 0
    server.requests.clear()
    run(folder)
    assert names(videos) == {"a.mp4", "b.mp4"}
    assert all((videos / name).read_bytes() == video for name in ("a.mp4", "b.mp4"))
    continued = [int(re.search(r"\d+", wanted)[0]) for _, wanted, _ in server.requests if wanted]
    assert len(continued) == 1
    assert continued[0] > 20_000


def wait_for(condition, process):
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_rate_limit(server, data, video):
    folder, _ = data(f"{server.url}/ok/a.mp4")
    begin = time.monotonic()
    run(folder, "--rate-limit", str(len(video)))
    # One second's worth, of which yt-dlp lets the first blocks pass.
    assert time.monotonic() - begin > 0.7


def test_stops_when_all_fail(server, data, monkeypatch, capsys):
    monkeypatch.setattr(batch, "FAILURES_IN_A_ROW", 3)
    folder, videos = data(*(f"{server.url}/403/{number}.mp4" for number in range(50)))
    with pytest.raises(ValueError, match="of 50 videos failed"):
        run(folder, "--parallel", "1")
    assert 3 <= len(read_manifest(videos / "manifest.jsonl")) < 50
    assert "stopped after 3 failures in a row; the last: " in capsys.readouterr().err


def test_files_that_are_there_already(server, data, video):
    folder, videos = data(f"{server.url}/ok/mine.mp4", f"{server.url}/ok/damaged.mp4")
    videos.mkdir(parents=True)
    (videos / "mine.mp4").write_bytes(video)
    (videos / "damaged.mp4").write_bytes(video[: len(video) // 2])
    run(folder)
    assert not server.asked("mine")
    assert (videos / "damaged.mp4").read_bytes() == video
    assert {entry.status for entry in read_manifest(videos / "manifest.jsonl").values()} == {
        "there"
    }


def test_cookies(server, data, tmp_path):
    folder, _ = data(f"{server.url}/ok/a.mp4")
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsecret\n"
    cookies.write_text(text)
    run(folder, "--cookies", str(cookies))
    assert {cookie for *_, cookie in server.requests} == {"session=secret"}
    assert cookies.read_text() == text
    cookies.write_text('{"session": "secret"}')
    with pytest.raises(ValueError, match=r"cookies\.txt: its cookies cannot be read \(.*Netscape"):
        run(folder, "--cookies", str(cookies))
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        run(folder, "--cookies", str(tmp_path / "missing.txt"))
    with pytest.raises(ValueError, match="browser netscape: its cookies cannot be read"):
        run(folder, "--cookies-from-browser", "netscape")


def test_without_yt_dlp(data, monkeypatch):
    folder, _ = data("http://127.0.0.1:9/a.mp4")
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(
        MissingPackage, match=r'yt-dlp is not installed: run pip install "photonvs\[download\]"$'
    ):
        run(folder)
