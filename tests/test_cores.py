"""Threads on a CPU: as many as a container has time for, unless the user says how many."""

import os

import pytest

from photonvs.utils import cores
from photonvs.utils.cores import THREADS, limit_threads, usable_cores


@pytest.fixture
def container(monkeypatch, tmp_path):
    """A process in the control group /pod/box, allowed to run on 8 cores; sets limits of groups."""
    monkeypatch.setattr(cores, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for name in THREADS:
        monkeypatch.setenv(name, "")  # remembered, so that the end of the test undoes all
        monkeypatch.delenv(name)
    (tmp_path / "own").write_text("0::/pod/box\n")
    (tmp_path / "groups/pod/box").mkdir(parents=True)

    def limit(group, text):
        (tmp_path / "groups" / group / "cpu.max").write_text(text + "\n")

    return limit


def threads():
    """What torch is told."""
    limit_threads()
    return os.environ.get("OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("limits", "usable"),
    [
        ({}, 8),
        ({"pod/box": "max 100000"}, 8),
        ({"pod/box": "200000 100000"}, 2),
        ({"pod/box": "150000 100000"}, 2),
        ({"pod/box": "10000 100000"}, 1),
        ({"pod/box": "400000 100000", "pod": "300000 100000"}, 3),
        ({"pod/box": "max 100000", "": "500000 100000"}, 5),
        ({"pod/box": "6400000 100000"}, 8),
        ({"pod/box": "strange"}, 8),
    ],
)
def test_cores_are_those_that_control_groups_grant(container, limits, usable):
    for group, text in limits.items():
        container(group, text)
    assert usable_cores() == usable
    assert threads() == (str(usable) if usable < 8 else None)  # else torch knows best


@pytest.mark.parametrize("name", THREADS)
def test_a_number_that_the_user_chose_stays(container, monkeypatch, name):
    container("pod/box", "200000 100000")
    monkeypatch.setenv(name, "6")
    assert threads() == ("6" if name == "OMP_NUM_THREADS" else None)


def test_a_system_without_control_groups(container, monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "OWN_GROUP", tmp_path / "nowhere")
    assert usable_cores() == 8
