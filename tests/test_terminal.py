"""Names from files cannot steer the terminal or leave the user's folders."""

import io
import subprocess
import sys

import numpy as np
import pytest

from photonvs.cameras.files.camera import Camera
from photonvs.cameras.files.matching import match_images
from photonvs.cameras.realestate10k import VideoPoses, video_name
from photonvs.datasets.download.batch import downloaded_name
from photonvs.datasets.poses import load_poses, save_poses
from photonvs.utils.identifiers import check_identifier
from photonvs.utils.pictures import write_png
from photonvs.utils.terminal import PrintableStream, printable


def test_control_characters_are_written_out():
    assert printable("a\x1b[2Jb\r\x07c\x9bd\u202ee\udcfff") == (
        "a\\x1b[2Jb\\r\\x07c\\x9bd\\u202ee\\udcfff"
    )
    assert printable("é 漢 █ …\n\tx") == "é 漢 █ …\n\tx"
    stream = io.StringIO()
    print("50%\r\x1b]0;owned\x07", file=PrintableStream(stream, keep_returns=True))
    assert stream.getvalue() == "50%\r\\x1b]0;owned\\x07\n"


@pytest.mark.parametrize("output", ["stdout", "stderr"])
def test_a_commands_output_is_printable(tmp_path, output):
    name = "x\x1b[31m.png"
    write_png(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    argument = f"{name}/x" if output == "stderr" else "."
    code = (
        "import sys\nfrom pathlib import Path\nfrom photonvs.commands import run_main\n"
        f"def main():\n    print(*Path('.').iterdir())\n    Path({argument!r}).stat()\n"
        "run_main(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path)
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"x\\x1b[31m.png" in getattr(done, output)


@pytest.mark.parametrize("name", ["a1b2", "rm_Kitchen1", "-dQw4w9WgXc", "clip.v2", "日本"])
def test_plain_names_pass(name):
    assert check_identifier(name, "video") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", ".hidden", "a\0b", "a\nb", "é" * 99, 7]
)
def test_other_names_do_not(name):
    with pytest.raises(ValueError, match="sequence .*expected a plain name"):
        check_identifier(name, "sequence")


def test_an_id_of_a_poses_file_stays_in_its_folder(tmp_path, sequence):
    save_poses(tmp_path / "poses.npy", {"../../x": sequence})
    with pytest.raises(ValueError, match=r"poses\.npy: sequence '\.\./\.\./x': expected"):
        list(load_poses(tmp_path / "poses.npy"))


@pytest.fixture
def sequence():
    ones, poses = np.ones(2), np.eye(4)[None, :3].repeat(2, 0)
    return VideoPoses("v", np.arange(2), ones, ones, ones / 2, ones / 2, poses)


@pytest.mark.parametrize("name", ["../private/x.png", "{root}/private/x.png"])
def test_an_image_name_reads_nothing_outside_the_folder(tmp_path, name):
    for place in ("images/0.png", "private/x.png"):
        write_png(tmp_path / place, np.zeros((4, 4, 3), np.uint8))
    cameras = [Camera(np.eye(4), "0.png"), Camera(np.eye(4), name.format(root=tmp_path))]
    paths = match_images(cameras, tmp_path / "images").images
    assert paths == [tmp_path / "images/0.png", tmp_path / "images/x.png"]


@pytest.mark.parametrize(
    "url",
    [
        "ytsearch1://cats/x",
        "file:///etc/passwd",
        "https://www.youtube.com/watch?v=..",
        "https://www.youtube.com/results?search_query=cats",
        "https://youtube.com/@somebody",
        "https://m.youtube.com/playlist?list=x",
    ],
)
def test_no_search_and_no_file_reaches_the_downloader(url):
    with pytest.raises(ValueError, match="expected"):
        downloaded_name(url)


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://www.youtube.com/watch?v=-dQw4w9WgXc", "-dQw4w9WgXc"),
        ("https://youtu.be/dQw4w9WgXcQ", "dQw4w9WgXcQ"),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "dQw4w9WgXcQ"),
        ("http://somewhere.invalid:8000/videos/clip.v2.mp4", "clip.v2"),
    ],
)
def test_urls_of_one_video_do(url, name):
    assert downloaded_name(url) == video_name(url) == name
