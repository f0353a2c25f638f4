"""One process at a time: a second one is told who holds it, and the dead hold nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from photonvs.utils import leases
from photonvs.utils.leases import HeldElsewhereError, lease

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom photonvs.utils.leases import lease\n"
    "sys.argv[0] = 'photonvs some-command'\n"
    "with lease(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds tmp_path/run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def written(place: Path, **changes: object) -> None:
    """A lease file as another process would write it."""
    with lease(place.with_name("other")):
        content = json.loads(place.with_name(".other.lease").read_text())
    place.write_text(json.dumps(content | changes))


def test_the_second_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(HeldElsewhereError) as caught, lease(tmp_path / "run"):
        pass
    text = f"{tmp_path / 'run'}: in use by photonvs some-command, process {holder.pid} on "
    assert str(caught.value).startswith(text)
    with lease(tmp_path / "another"):  # only what is held is held
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_holds_nothing(tmp_path, holder, number):
    holder.send_signal(number)
    holder.wait()
    assert (tmp_path / ".run.lease").is_file()
    started = time.monotonic()
    with lease(tmp_path / "run"):
        assert time.monotonic() - started < 2
    assert not list(tmp_path.iterdir())


def test_a_stopped_process_still_holds(tmp_path, holder):
    holder.send_signal(signal.SIGSTOP)
    with pytest.raises(HeldElsewhereError), lease(tmp_path / "run"):
        pass


def test_a_number_that_another_process_got_since_holds_nothing(tmp_path):
    written(tmp_path / ".run.lease", started="1")
    with lease(tmp_path / "run"):
        pass


def test_short_work_of_another_is_waited_for(tmp_path):
    taken, order = threading.Event(), []

    def work() -> None:
        with lease(tmp_path / "run"):
            taken.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=work)
    thread.start()
    taken.wait()
    with lease(tmp_path / "run", wait=20):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_another_machine_is_believed_while_it_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "LAPSE", 1.0)
    monkeypatch.setattr(leases, "POLL", 0.1)
    place, stop = tmp_path / ".run.lease", threading.Event()
    written(place, machine="elsewhere pid:1", token="theirs")

    def live() -> None:
        while not stop.wait(0.2):
            os.utime(place)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(HeldElsewhereError, match="on elsewhere;"), lease(tmp_path / "run"):
            pass
    finally:
        stop.set()
        thread.join()
    with lease(tmp_path / "run"):  # it is silent now, for as long as LAPSE
        assert json.loads(place.read_text())["process"] == os.getpid()


@pytest.mark.parametrize("content", ["", "[", "[]", '{"process": 1}', '{"process": "x"}'])
def test_a_damaged_lease_lapses(tmp_path, monkeypatch, content):
    monkeypatch.setattr(leases, "LAPSE", 0.2)
    monkeypatch.setattr(leases, "POLL", 0.05)
    (tmp_path / ".run.lease").write_text(content)
    with lease(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lost_lease_ends_the_process(tmp_path):
    code = HOLD.replace(
        "with lease", "import photonvs.utils.leases as all\nall.HEARTBEAT = 0.1\nwith lease"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    written(tmp_path / ".run.lease", token="theirs")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "lost, as this process stood still; in use by" in errors
    assert (tmp_path / ".run.lease").is_file()  # it is the other's


def test_a_failed_block_releases_and_a_forked_child_does_not(tmp_path):
    with pytest.raises(RuntimeError, match="half way"), lease(tmp_path / "run"):
        raise RuntimeError("half way")
    assert not list(tmp_path.iterdir())
    with lease(tmp_path / "run"):
        child = os.fork()
        if child == 0:
            try:
                raise RuntimeError("the block is left in the child")
            except RuntimeError:
                os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / ".run.lease").is_file()
