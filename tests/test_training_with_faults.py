"""A training with one fault of each kind ends as one that never had them."""

import json
import resource
import subprocess
import time

import pytest
import training_task
from full_disks import largest_file
from torch.testing import assert_close

from photonvs.config import load_config
from photonvs.datasets.extract import extract
from photonvs.datasets.layout import Split
from photonvs.datasets.pairs import PairDataset
from photonvs.training.score import train
from photonvs.utils.checkpoint import list_checkpoints, load_checkpoint

STEPS, BATCH = 60, 8
FULL_FROM, FULL_UNTIL = 25, 40  # steps
ROOM = 8_000  # bytes: too few for a checkpoint, and from step 25 on for the logs
MORE = f"training.steps={STEPS}", "training.checkpoint_every=5", "training.validate_every=1"


@pytest.fixture(scope="module")
def unreadable_video(tmp_path_factory):
    """Footage with one video that is none."""
    train = training_task.write_footage(tmp_path_factory.mktemp("data"))
    (train / "videos" / "video1.mp4").write_text("not a video")
    return train


def add_an_absurd_pose(train) -> None:
    """A fourth text file, of a video that is there, with a pose far beyond all bounds."""
    texts = train.parent / "RealEstate10K-original" / "train"
    lines = (texts / f"{0:016x}.txt").read_text().splitlines()
    numbers = lines[4].split()
    numbers[10] = "1e30"  # of the translation
    lines[4] = " ".join(numbers)
    (texts / f"{3:016x}.txt").write_text("\n".join(lines))


def kill_after_a_checkpoint(instance_data, settings: list[str], step: int) -> None:
    """Train in another process, and kill it some time after it has saved this step."""
    process = subprocess.Popen(training_task.command(instance_data, settings))
    while not saved(instance_data) or saved(instance_data)[-1] < step:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()


def saved(instance_data) -> list[int]:
    paths = list_checkpoints(instance_data / "checkpoints")
    return [load_checkpoint(path)["total_iterations"] for path in paths]


def full_disk(*_):
    """A validation that fills the disk at one step and makes room at another."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def validate(step: int) -> dict[str, float]:
        if step in (FULL_FROM, FULL_UNTIL):
            resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM if step == FULL_FROM else hard, hard))
        return {}

    return validate


@pytest.mark.slow
def test_one_fault_of_each_kind_changes_no_bit(unreadable_video, tmp_path, caplog):
    settings = training_task.settings(unreadable_video, *MORE)
    config = load_config("realestate10k", settings)
    train(config, tmp_path / "whole", "cpu", lambda *_: lambda step: {})

    add_an_absurd_pose(unreadable_video)
    extraction = extract(Split(unreadable_video.parent, "train"))
    assert "0000000000000003.txt, line 5: found the number 1e+30" in extraction.report()
    kill_after_a_checkpoint(tmp_path / "faults", [*settings, "data.workers=1"], step=10)
    newest = list_checkpoints(tmp_path / "faults" / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:20_000])
    caplog.clear()
    with largest_file(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        train(config, tmp_path / "faults", "cpu", full_disk)

    assert f"{newest}: not a checkpoint, or a damaged one" in caplog.text
    assert len([text for text in caplog.messages if "could not be written" in text]) == 3
    assert len([text for text in caplog.messages if "what the logs lack" in text]) == 1
    final, whole = (
        load_checkpoint(list_checkpoints(tmp_path / name / "checkpoints")[-1])
        for name in ("faults", "whole")
    )
    assert final["total_iterations"] == whole["total_iterations"] == STEPS
    for part in ("score_sde_model", "ema", "optimizer"):
        assert_close(final[part], whole[part], rtol=0, atol=0)

    lines = (tmp_path / "faults" / "logs" / "stats.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines if "training/loss" in line]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    said = sum(row["training/replaced_samples"] for row in rows) * BATCH
    pairs = PairDataset(unreadable_video / "poses.npy", unreadable_video / "videos", 16)
    unreadable = pairs.poses.videos().index("video1")
    numbers = range(STEPS * BATCH)
    assert said == sum(pairs.choose(number).sequence == unreadable for number in numbers)
