"""The wheel, installed away from the repository: commands, and the shipped weights' frames."""

import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from documents import README, blocks
from environments import add_tested_packages
from PIL import Image
from repository import ROOT
from test_readme import PROMISES

from photonvs.commands import COMMANDS
from photonvs.utils.images import read_frame
from photonvs.utils.pictures import write_png

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; it must end well. PYTHONPATH would let other packages in."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The folder of programs of an environment with the wheel and the tested dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tree / "src", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, tree]
    run(*pip, *build, cwd=folder)
    (wheel,) = folder.glob("photonvs-*.whl")
    venv.create(folder / "environment")
    programs = folder / "environment" / "bin"
    run(*pip, "--python", programs / "python", "install", "--no-deps", wheel, cwd=folder)
    add_tested_packages(folder / "environment")
    return programs


def test_the_package_is_the_wheels(programs, tmp_path):
    place = run(
        programs / "python", "-c", "import photonvs; print(photonvs.__file__)", cwd=tmp_path
    )
    assert Path(place.strip()).is_relative_to(programs.parent)


def test_every_command_says_what_it_does(programs, tmp_path):
    text = run(programs / "python", "-m", "photonvs", "--help", cwd=tmp_path)
    for name in COMMANDS:
        assert f"\n  {name} " in text
        text_of_it = run(programs / "python", "-m", "photonvs", name, "--help", cwd=tmp_path)
        assert text_of_it.startswith(f"usage: photonvs {name} ")


def test_a_photo_becomes_frames_in_the_current_folder(programs, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    write_png(tmp_path / "photo.png", photo)
    photonvs = programs / "photonvs"
    path = ["make-trajectory", "pan", "--frames", "2", "--image", "photo.png", "-o", "samples/pan"]
    run(photonvs, *path, cwd=tmp_path)
    sample = tmp_path / "instance-data" / "samples" / "pan"
    assert (sample / "sampling-spec.json").is_file()
    draw = ["sample-trajectory", "-o", "samples/pan", "--steps", "2", "--device", "cpu"]
    run(photonvs, *draw, cwd=tmp_path)
    frames = sorted((sample / "samples" / "00000000" / "images").iterdir())
    assert [frame.name for frame in frames] == ["0000.png", "0001.png"]
    given, drawn = (read_frame(frame) for frame in frames)
    assert given.shape == drawn.shape and given.shape[0] == given.shape[1]
    assert not np.array_equal(given, drawn)
    assert (sample / "samples" / "00000000" / "video.mp4").stat().st_size > 0


# What only a clone has, and settings that make the README's commands short.
OF_A_CLONE = "make ", "cd ", "custom-trajectories", "instance-data/demo"
SHORTER = {
    "run": ["--steps", "2"],
    "sample-trajectory": ["--steps", "2"],
    "make-rooms": ["--frames", "5"],
    "train": ["training.minutes=0.05"],
}


def test_the_readmes_commands_run_in_an_empty_folder(programs, tmp_path):
    """All that need no clone, in the README's order, with what it promises of them."""
    room = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(room).resize((640, 480)).save(tmp_path / "my-photo.jpg")
    ran = []
    for block in blocks(README, "sh"):
        if block.is_left_out or any(word in block.text for word in OF_A_CLONE):
            continue
        for line in block.lines:
            words = shlex.split(line)
            if words[0] == "photonvs":
                shorter = SHORTER.get(words[1], [])
                run(programs / "photonvs", *words[1:], *shorter, cwd=tmp_path)
                ran.append(words[1])
        for pattern in PROMISES["README.md"][block.first_line].files:
            assert list(tmp_path.glob(pattern)), pattern
    assert {"run", "make-trajectory", "sample-trajectory", "compute-tsed"} <= set(ran)
    assert {"make-rooms", "extract-poses", "train"} <= set(ran) and len(ran) >= 11
