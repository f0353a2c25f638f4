"""Files appear whole or not at all."""

import errno
import os
import time

import pytest

from photonvs.utils.files import DAY, atomic_path, find_base, temporary_beside


def test_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "frame.png"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".png"
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["frame.png"]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), atomic_path(path) as temporary:
        temporary.write_text("par")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["weights.pth"]


def test_results_are_as_readable_as_other_files(tmp_path):
    ordinary, atomic = tmp_path / "ordinary", tmp_path / "atomic"
    ordinary.write_text("")
    with atomic_path(atomic) as temporary:
        temporary.write_text("")
    assert atomic.stat().st_mode == ordinary.stat().st_mode


def test_a_full_disk_names_the_file(tmp_path):
    for fault in (OSError(errno.ENOSPC, "No space left on device"), OSError("64 requested")):
        with pytest.raises(OSError) as caught, atomic_path(tmp_path / "a.npy"):
            raise fault
        assert str(tmp_path / "a.npy") in f"{caught.value.filename} {caught.value}"
    assert not list(tmp_path.iterdir())


def test_old_leftovers_of_killed_processes_go_and_nothing_else(tmp_path):
    names = [".photonvs-ab12cd34-0001.png", ".photonvs-ab12cd35-index", ".notes-ab12cd34.png"]
    old, folder, foreign = (tmp_path / name for name in names)
    folder.mkdir()
    new = temporary_beside(tmp_path / "0002.png")
    for path in (old, foreign, new, folder / "inside"):
        path.write_text("part")
    for path in (old, foreign, folder):
        os.utime(path, (time.time() - DAY - 60,) * 2)
    with atomic_path(tmp_path / "0001.png") as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"0001.png", new.name, foreign.name}


def test_default_folders_are_the_clones_or_else_here(tmp_path):
    clone, elsewhere = tmp_path / "clone", tmp_path / "site-packages"
    (clone / "custom-trajectories").mkdir(parents=True)
    (clone / "src" / "scripts").mkdir(parents=True)
    elsewhere.mkdir()
    own, installed = clone / "src/utils/files.py", elsewhere / "photonvs/utils/files.py"
    assert find_base(own, elsewhere) == clone
    assert find_base(installed, clone / "src" / "scripts") == clone  # the paper's scripts
    assert find_base(installed, elsewhere) == elsewhere
