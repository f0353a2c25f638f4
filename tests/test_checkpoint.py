"""Checkpoints on disk: order, damage, pruning, and where weights are looked for."""

import errno

import pytest
import torch
from full_disks import largest_file

from photonvs.models import places
from photonvs.models.places import find_checkpoint, find_denoiser, find_first_stage
from photonvs.utils.checkpoint import (
    FORMAT,
    checkpoint_name,
    list_checkpoints,
    load_checkpoint,
    load_newest_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)


def write(directory, epoch, iteration, step, **extra):
    path = directory / checkpoint_name(epoch, iteration)
    save_checkpoint(
        path, {"format": FORMAT, "total_iterations": step, "weights": torch.ones(3), **extra}
    )
    return path


def test_order_is_by_number_and_other_files_are_ignored(tmp_path):
    paths = [
        write(tmp_path, *key, step=7)
        for key in [(9999, 5), (10000, 0), (2, 100000000), (2, 99999999)]
    ]
    (tmp_path / "notes.pth").write_text("mine")
    (tmp_path / ".0001-00000000.pth-x.tmp").write_text("half written")
    assert list_checkpoints(tmp_path) == [paths[3], paths[2], paths[0], paths[1]]


def test_the_newest_is_the_last_step_also_after_the_data_grew(tmp_path):
    old = [write(tmp_path, epoch, 0, step=epoch * 10) for epoch in range(95, 100)]
    grown = write(tmp_path, 10, 3, step=1001)  # more sequences: fewer epochs
    prune_checkpoints(tmp_path, keep_last=2, keep_every=0)
    assert list_checkpoints(tmp_path) == [old[-1], grown]
    assert load_newest_checkpoint(tmp_path)[0] == grown
    overwritten = write(tmp_path, 99, 0, step=2002)
    assert load_newest_checkpoint(tmp_path)[0] == overwritten


def test_a_damaged_newest_falls_back_with_a_warning(tmp_path, caplog):
    good = write(tmp_path, 0, 1, step=10)
    damaged = write(tmp_path, 0, 2, step=20)
    damaged.write_bytes(damaged.read_bytes()[:200])
    path, state = load_newest_checkpoint(tmp_path)
    assert (path, state["total_iterations"]) == (good, 10)
    assert str(damaged) in caplog.text


def test_no_checkpoint_and_only_damaged_ones_differ(tmp_path):
    assert load_newest_checkpoint(tmp_path) is None
    (tmp_path / checkpoint_name(0, 1)).write_bytes(b"")
    with pytest.raises(ValueError, match="00000001.pth: not a checkpoint"):
        load_newest_checkpoint(tmp_path)


def test_published_weights_have_no_training_state(tmp_path):
    path = tmp_path / "2000-00000000.pth"
    torch.save({"score_sde_model": {}, "epoch": 2000}, path)
    with pytest.raises(ValueError, match="no training state"):
        load_checkpoint(path)


def test_hostile_checkpoint_is_not_executed(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    path = tmp_path / checkpoint_name(0, 1)
    torch.save({"format": FORMAT, "x": Hostile()}, path)
    with pytest.raises(ValueError, match="open, which weights don.t need"):
        load_checkpoint(path)
    assert not (tmp_path / "owned").exists()


def test_pruning_keeps_the_newest_the_multiples_and_what_is_not_ours(tmp_path):
    for step in range(1, 9):
        write(tmp_path, 1, step, step=step)
    foreign = tmp_path / "0000-00000000.pth"
    torch.save({"score_sde_model": {}}, foreign)
    prune_checkpoints(tmp_path, keep_last=2, keep_every=3)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        foreign.name,
        *(checkpoint_name(1, step) for step in (3, 6, 7, 8)),
    ]


def test_a_failed_write_leaves_the_checkpoint_before(tmp_path):
    path = write(tmp_path, 0, 1, step=1)
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(path, {"format": FORMAT, "unsaveable": lambda: None})
    assert load_checkpoint(path)["total_iterations"] == 1


def test_a_full_disk_is_said_with_the_file_and_leaves_the_checkpoints_before(tmp_path):
    before = write(tmp_path, 0, 1, step=1)
    path = tmp_path / checkpoint_name(0, 2)
    with largest_file(100_000), pytest.raises(OSError, match=path.name) as caught:
        save_checkpoint(path, {"format": FORMAT, "weights": torch.ones(100_000)})
    assert caught.value.errno == errno.EFBIG
    assert load_checkpoint(before)["total_iterations"] == 1
    assert list(tmp_path.iterdir()) == [before]
    save_checkpoint(path, {"format": FORMAT, "weights": torch.ones(100_000)})
    assert load_checkpoint(path)["weights"].sum() == 100_000


def test_published_weights_are_found_first_and_epochs_by_number(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"2000-00000000.pth in .*checkpoints; .*put the file there"
    ):
        find_checkpoint(tmp_path)
    own = [write(checkpoints, 3, iteration, step=1) for iteration in (0, 7)]
    newest = write(checkpoints, 2001, 0, step=3)
    assert find_checkpoint(tmp_path) == newest
    assert find_checkpoint(tmp_path, epoch=3) == own[1]
    # Not the published one: a training of ours got there.
    published = write(checkpoints, 2000, 0, step=1)
    assert find_checkpoint(tmp_path) == newest
    torch.save({"score_sde_model": {}}, published)
    assert find_checkpoint(tmp_path) == published
    with pytest.raises(FileNotFoundError, match="0004-"):
        find_checkpoint(tmp_path, epoch=4)


def test_shipped_weights_stand_in_where_there_are_no_others(tmp_path, monkeypatch):
    shipped = tmp_path / "shipped.safetensors"
    monkeypatch.setattr(places, "SHIPPED_DENOISER", shipped)
    with pytest.raises(FileNotFoundError, match="put the file there"):
        find_denoiser(tmp_path)
    shipped.touch()
    assert find_denoiser(tmp_path) == shipped
    with pytest.raises(FileNotFoundError, match="0004-"):
        find_denoiser(tmp_path, epoch=4)
    (tmp_path / "checkpoints").mkdir()
    newest = write(tmp_path / "checkpoints", 1, 0, step=1)
    assert find_denoiser(tmp_path) == newest


def test_first_stage_is_found_or_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="taming-32-4-realestate-256.ckpt"):
        find_first_stage(tmp_path)
    (tmp_path / "first-stage.safetensors").touch()
    assert find_first_stage(tmp_path).name == "first-stage.safetensors"
    (tmp_path / "taming-32-4-realestate-256.ckpt").touch()
    assert find_first_stage(tmp_path).name == "taming-32-4-realestate-256.ckpt"


def test_a_checkpoint_that_a_running_training_deletes_is_no_error(tmp_path, monkeypatch):
    for number in (1, 2):
        write(tmp_path, number, 0, number)
    vanishing, stat = tmp_path / checkpoint_name(1, 0), type(tmp_path).stat

    def stat_after_deletion(path, **options):
        if path == vanishing:
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(type(tmp_path), "stat", stat_after_deletion)
    assert list_checkpoints(tmp_path)[-1].name == checkpoint_name(2, 0)
