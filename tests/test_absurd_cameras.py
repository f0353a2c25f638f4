"""One camera without sense among many: where it is refused, and that it cannot spoil a training."""

import logging

import numpy as np
import pytest
import torch
import training_task
from chunk_records import record

from photonvs.cameras.realestate10k import VideoPoses
from photonvs.commands.extract_poses import main as extract_poses
from photonvs.config import load_config
from photonvs.datasets.chunk_files import save_chunk
from photonvs.datasets.chunks import ChunkIndex
from photonvs.datasets.pairs import PairDataset
from photonvs.datasets.poses import load_poses, save_poses
from photonvs.training.score import train


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return training_task.write_footage(tmp_path_factory.mktemp("data"))


def with_cameras(folder, footage, **changes) -> VideoPoses:
    """poses.npy as an earlier version wrote it: of the second sequence, other numbers."""
    poses = load_poses(footage / "poses.npy")
    sequences = dict(poses.items())
    name = list(sequences)[1]
    fields = {key: np.array(value) for key, value in vars(sequences[name]).items()}
    for key, value in changes.items():
        fields[key] = np.broadcast_to(value, fields[key].shape)
    sequences[name] = VideoPoses(**fields | {"video": sequences[name].video})
    save_poses(folder / "poses.npy", sequences)
    return folder / "poses.npy"


def test_extraction_leaves_out_the_text_and_says_file_and_line(tmp_path, capsys):
    training_task.write_footage(tmp_path)
    (bad, *_) = sorted((tmp_path / "RealEstate10K-original" / "train").iterdir())
    lines = bad.read_text().splitlines()
    fields = lines[3].split()
    fields[10] = "1e30"
    bad.write_text("\n".join([*lines[:3], " ".join(fields), *lines[4:]]))
    extract_poses(["train", "--data", str(tmp_path)])
    assert len(load_poses(tmp_path / "train" / "poses.npy")) == training_task.SEQUENCES - 1
    said = f"{bad}, line 4: found the number 1e+30; expected at most 1e+09"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "train" / "skipped.txt").read_text()


@pytest.mark.parametrize(("column", "value"), [(9, 1e30), (0, 0.0), (1, 500.0), (2, -1e10)])
def test_chunks_with_such_a_camera_are_refused(tmp_path, column, value):
    entry = record("a")
    entry["cameras"][2, column] = value
    save_chunk(tmp_path / "0.torch", [entry])
    with pytest.raises(ValueError, match=r"0\.torch: sequence a: found the (number|focal length) "):
        ChunkIndex(tmp_path)


@pytest.mark.parametrize("changes", [{"poses": 1e30}, {"focal_y": 1e-30}, {"poses": np.nan}])
def test_samples_of_an_earlier_poses_file_are_replaced(footage, tmp_path, caplog, changes):
    poses = with_cameras(tmp_path, footage, **changes)
    good = PairDataset(footage / "poses.npy", footage / "videos", 16)
    bad = PairDataset(poses, footage / "videos", 16)
    caplog.set_level(logging.WARNING)
    for number in range(9):
        sample, spoilt = bad[number], good.choose(number).sequence == 1
        assert sample["replaced"] == spoilt
        if not spoilt:
            assert all(torch.equal(sample[key], value) for key, value in good[number].items())
    (said,) = caplog.messages
    assert said.startswith(
        f"video video1 is set aside where it cannot be read, other pairs take its place: {poses}"
    )
    assert "of sequence 0000000000000001 (video video1): found the " in said


@pytest.mark.parametrize("focal", [0.001, 19.9])
def test_cameras_within_the_bounds_give_finite_gradients(footage, tmp_path, focal):
    corner = np.hstack([np.eye(3), [[1e9], [-1e9], [1e9]]])
    places = np.where(np.arange(training_task.POSES)[:, None, None] % 2, corner, -corner)
    places[:, :3, :3] = np.eye(3)
    poses = with_cameras(tmp_path, footage, poses=places, focal_y=focal)
    settings = training_task.settings(footage, f"data.poses={poses}", "training.checkpoint_every=0")
    train(load_config("realestate10k", settings), tmp_path, "cpu")
    assert training_task.logged(tmp_path, "training/skipped_steps") == [0] * 6
