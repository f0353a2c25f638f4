"""The blocks of README.md and docs/ do what is said of them, in order, in a fresh copy."""

import os
import re
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents import DOCUMENTS, Block, blocks
from environments import add_tested_packages
from PIL import Image
from repository import ROOT

from photonvs.datasets.rooms.varied.shots import Shot, pictures


@dataclass(frozen=True)
class Promise:
    """What a block leaves behind."""

    files: tuple[str, ...] = ()  # relative to the clone; of a pattern one file at least
    says: str = ""  # a pattern of what it prints


def drawn(sample: str, frames: int, instance_data: str = "instance-data", run: int = 0) -> Promise:
    """The promise of a sampled path."""
    folder = f"{instance_data}/samples/{sample}/samples/{run:08d}"
    names = (
        f"images/{frames - 1:04d}.png",
        "video.mp4",
        "contact-sheet.png",
        "latents/*",
        "run.json",
    )
    return Promise(tuple(f"{folder}/{name}" for name in names))


def scored(folder: str) -> Promise:
    """The promise of compute-tsed."""
    return Promise((f"{folder}/report.html", f"{folder}/tsed.json"), "TSED")


DEMO = "instance-data/demo"
LATENTS = "instance-data/small-latents"
TRAIN = "photonvs train --config small --instance-data instance-data/small training.minutes=1"
MY_ROOM = "instance-data/samples/my-room"

# Each block that runs, by its first line. A block that says in a comment of its first line what it
# needs does not run, and stands in NOT_RUN.
PROMISES = {
    "README.md": {
        "make demo": Promise((f"{DEMO}/samples/walk/evaluation/00000000/report.html",), "A pan:"),
        "source .venv/bin/activate": drawn("my-room", 20),
        "photonvs make-trajectory dolly --distance 0.5 --frames 10 --image my-photo.jpg \\": drawn(
            "forward", 10
        ),
        "photonvs make-trajectory truck --plot instance-data/truck.png": Promise(
            ("instance-data/truck.png",)
        ),
        "photonvs make-trajectory dolly:0.5 pan:20 --smooth --image my-photo.jpg "
        "-o samples/walk": drawn("walk", 20),
        "photonvs make-trajectory cameras custom-trajectories/pan.json --image my-photo.jpg "
        "-o samples/pan": drawn("pan", 10),
        "photonvs compute-tsed -o samples/my-room": scored(f"{MY_ROOM}/evaluation/00000000"),
        f"photonvs compute-tsed --images {DEMO}/samples/walk/samples/00000000/images \\": scored(
            f"{DEMO}/samples/walk/samples/00000000/evaluation/images"
        ),
        f"photonvs evaluate -o samples/walk --instance-data {DEMO}": Promise(
            (f"{DEMO}/samples/walk/true-ims/0019.png",), r"PSNR.* of copying the photo"
        ),
        "photonvs make-rooms train --clips 2 --frames 20 --fps 5": Promise(
            ("dataset-data/data/train/poses.npy",), "2 .*sequences"
        ),
        TRAIN: Promise(
            ("instance-data/small/checkpoints/*.pth", "instance-data/small/logs/*"), "loss"
        ),
        "photonvs make-trajectory pan --frames 10 --image my-photo.jpg \\": drawn(
            "pan", 10, "instance-data/small"
        ),
        "from pathlib import Path": drawn("pan", 10, run=1),
        "cd dataset-data": scored(f"{MY_ROOM}/evaluation/00000000"),
    },
    "docs/data.md": {
        "photonvs make-rooms train --style varied --chunks dataset-data/chunks --clips 4 "
        "--frames 10": Promise(("dataset-data/chunks/train/*.torch",), "4 rooms made"),
    },
    "docs/evaluation.md": {
        f"photonvs evaluate -o samples/walk --instance-data {DEMO}    # PSNR and SSIM": Promise(
            says="SSIM"
        ),
    },
    "docs/own-data.md": {
        "photonvs export-cameras instance-data/splat/my-room -o samples/my-room --format "
        "transforms": Promise(
            (
                "instance-data/splat/my-room/transforms.json",
                "instance-data/splat/*/images/0019.png",
            ),
            "20 cameras with images",
        ),
    },
    "docs/sampling.md": {
        "photonvs run my-photo.jpg --path orbit -o samples/my-room": drawn("my-room", 20),
        "photonvs make-trajectory orbit --image my-photo.jpg -o samples/my-room": drawn(
            "my-room", 20
        ),
        "photonvs make-trajectory dolly:0.5 pan:20 --smooth --frames 20 --image my-photo.jpg "
        "-o samples/walk": drawn("walk", 20),
    },
    "docs/training.md": {
        "photonvs make-rooms train --clips 2 --frames 20 --fps 5": Promise(
            ("instance-data/small/checkpoints/*.pth",)
        ),
        "photonvs train-first-stage --config first-stage-small --instance-data "
        "instance-data/small \\": Promise(
            ("instance-data/small/first-stage.safetensors",), f"next: photonvs train .*{LATENTS}"
        ),
        "photonvs info instance-data/small/first-stage.safetensors": Promise(
            says="weights of a first stage"
        ),
        f"photonvs train --config small --instance-data {LATENTS} \\": Promise(
            (f"{LATENTS}/checkpoints/*.pth",), "training a score network on .* of videos"
        ),
        "photonvs export-weights instance-data/small/model.safetensors --instance-data "
        "instance-data/small": Promise(("instance-data/small/model.safetensors",)),
    },
    "docs/viewer.md": {
        "photonvs gallery": Promise(("instance-data/gallery.html",), "gallery.html"),
    },
    "docs/tsed.md": {
        "photonvs compute-tsed -o samples/my-room                          "
        "# a sequence, every run": Promise(
            (f"{MY_ROOM}/evaluation/00000000/epipolar-0003-0004.png",), "mean"
        ),
    },
}

NOT_RUN = {
    "README.md": {
        "# instead of make, only without a GPU",
        "# instead of make",
        "# serves a page until Ctrl-C",
        "# instead of make, needs conda",
        "# needs the videos of RealEstate10K and first-stage weights; eight GPUs or Slurm",
        "# needs the network, and some GB on the disk",
    },
    "docs/data.md": {
        "# some minutes on two CPU cores",
        "# needs the text files of RealEstate10K, and the network",
        "# needs a folder of chunks, and first-stage weights",
        "# needs the videos of dataset-data/data/train, and their poses.npy",
        "# needs a folder of chunks, datasets/re10k/train or datasets/re10k",
        "# needs your images or video, and their cameras",
    },
    "docs/evaluation.md": {
        "# needs the extra `metrics`, and the network",
        "# needs your frames and the true ones",
        "# needs the network",
        "# some minutes on two CPU cores",
        "# needs the clips above",
        "# needs the clips and the protocol above",
        "# needs frames of another system",
    },
    "docs/own-data.md": {"# in Blender's Python"},
    "docs/model-card.md": {"# many hours on two CPU cores", "# some minutes on two CPU cores"},
    "docs/sampling.md": {"# needs eight GPUs"},
    "docs/slurm.md": {"# needs Slurm and GPUs"},
    "docs/training.md": {
        "# needs the videos of RealEstate10K and first-stage weights",
        "# needs eight GPUs, the videos of RealEstate10K and first-stage weights",
        "# half a day on two CPU cores",
    },
    "docs/viewer.md": {"# needs the extra `view`; serves a page until Ctrl-C"},
    "docs/tsed.md": {"# needs your images and their cameras"},
}

ALL = [block for document in DOCUMENTS for block in blocks(document, "sh", "python")]


def test_each_block_runs_or_says_what_it_needs():
    """A new block needs a promise, or a comment that is listed here."""
    for document in {block.document for block in ALL}:
        here = [block for block in ALL if block.document == document]
        run_here = [block.first_line for block in here if not block.is_left_out]
        assert sorted(run_here) == sorted(PROMISES.get(document, {}))
        left_out = {block.first_line for block in here if block.is_left_out}
        assert left_out == NOT_RUN.get(document, set())


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's files with an environment of its own, and a photo."""
    tree = tmp_path_factory.mktemp("readme") / "photonvs"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    make_environment(tree)
    _, frames = pictures(Shot("test", 0, 1, 2, 480))
    Image.fromarray(next(frames)).save(tree / "my-photo.jpg")
    return tree


def make_environment(tree: Path) -> None:
    """What `pip install -e .` leaves in .venv, with the packages that run this test."""
    venv.create(tree / ".venv")
    own = add_tested_packages(tree / ".venv")
    (own / "photonvs").symlink_to(tree / "src")
    program = tree / ".venv" / "bin" / "photonvs"
    program.write_text(
        f"#!{tree}/.venv/bin/python\n"
        "from photonvs.__main__ import main\n"
        'if __name__ == "__main__":\n'
        "    main()\n"
    )
    program.chmod(0o755)
    (tree / ".venv" / "installed").touch()


def run(block: Block, tree: Path) -> str:
    """What the block prints, run in the clone with its environment active."""
    unwanted = {"PYTHONPATH", "OMP_NUM_THREADS"}  # a user has not set them
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    # As commands do for themselves: beside other programs, threads that spin crawl.
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    environment["PATH"] = f"{tree}/.venv/bin:{environment['PATH']}"
    program = ["bash", "-ec"] if block.language == "sh" else ["python", "-c"]
    done = subprocess.run(
        [*program, block.text],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def typed() -> set[str]:
    """The lines that have run; documents repeat some of the README's."""
    return set()


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git says which files a clone has")
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{block.document}: {block.first_line}")
        for block in ALL
        if not block.is_left_out
    ],
)
def test_a_block_keeps_its_promise(block, clone, typed):
    """Blocks build on those before them, so they pass only together."""
    promise = PROMISES[block.document][block.first_line]
    if not typed.issuperset(block.lines):
        printed = run(block, clone)
        assert re.search(promise.says, printed), printed
        typed.update(block.lines)
        if block.first_line == "make demo":
            places = re.findall(rf"^[A-Z][a-z ]+: +({clone}\S+?):?(?:\s|$)", printed, re.MULTILINE)
            assert len(places) == 3
            assert all(Path(place).exists() for place in places), places
    for pattern in promise.files:
        assert list(clone.glob(pattern)), pattern
