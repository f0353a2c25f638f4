"""The launch scripts on a real, small Slurm cluster."""

import sys
from pathlib import Path

import pytest
from slurm.cluster import Cluster, missing
from slurm.fake import SCRIPTS, STAND_IN, after, starts
from training_task import settings, write_footage

from photonvs.utils.checkpoint import list_checkpoints


@pytest.fixture
def cluster(nodes: Cluster):
    """The two nodes, without jobs of an earlier test."""
    yield nodes
    nodes.run("scancel", "--user=root")
    nodes.wait_until(lambda: not nodes.run("squeue", "--noheader"), "the end of all jobs")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory):
    """Two nodes for the tests of this file."""
    if reason := missing():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), nodes=2)
    yield cluster
    cluster.close()


def submit(
    cluster: Cluster, folder: Path, script: str, options: list[str], *arguments: object
) -> str:
    """Submit a launch script in `folder`, with the stand-in for Python; the log is folder/log."""
    line = [*options, f"--output={folder}/log", SCRIPTS / script, *arguments]
    return cluster.submit(*line, folder=folder, PHOTONVS_PYTHON=str(STAND_IN), STAND_IN=str(folder))


def steps_of(run: Path) -> int:
    """Steps that the stand-in has counted."""
    return int((run / "steps").read_text()) if (run / "steps").exists() else 0


def finish(cluster: Cluster, job: str, folder: Path, run: Path, interrupted: int) -> None:
    """Wait for a job's second start on two nodes, and until it is beyond the step where it was
    interrupted; then end it.
    """
    cluster.wait_until(lambda: len(starts(folder)) == 4, "the second start", 90)
    cluster.wait_until(lambda: steps_of(run) > interrupted, "more steps")
    (run / "checkpoints" / "stop").touch()
    cluster.wait_for_state(job, "COMPLETED")


@pytest.mark.slurm
def test_training_goes_on_after_a_warning(cluster: Cluster, tmp_path: Path) -> None:
    """Two nodes, the real trainer: train, USR1, save, requeue, resume, finish; one log."""
    train = write_footage(tmp_path / "a folder" / "data")
    run = train.parents[1] / "my run"
    arguments = [
        "--instance-data",
        run,
        "--device",
        "cpu",
        *settings(train, "training.checkpoint_every=1000000"),
    ]
    line = [f"--output={tmp_path}/log", "--nodes=2", SCRIPTS / "train-deploy.sh", *arguments]
    environment = {"PHOTONVS_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    job = cluster.submit(*line, "training.steps=1000000", folder=tmp_path, **environment)
    log = tmp_path / "log"
    cluster.wait_until(lambda: log.exists() and "step 1/" in log.read_text(), "the first step")
    cluster.run("scancel", "--signal=USR1", "--batch", job)
    cluster.wait_until(lambda: "going on from" in log.read_text(), f"the second start: see {log}")
    (run / "checkpoints" / "stop").touch()  # made by hand, it ends the run for good
    cluster.wait_for_state(job, "COMPLETED")
    said = log.read_text()
    assert said.count("saved ") == 2 and len(list_checkpoints(run / "checkpoints")) == 2, said
    assert (
        f"job {job}, start 1, on node[1-2]" in said and f"job {job}, start 2, on node[1-2]" in said
    )
    assert not (run / "checkpoints" / "stop").exists()


@pytest.mark.slurm
def test_training_goes_on_after_a_node_crashed(cluster: Cluster, tmp_path: Path) -> None:
    """Slurm requeues; the second start has the first one's arguments."""
    run = tmp_path / "my run"
    job = submit(
        cluster,
        tmp_path,
        "train-deploy.sh",
        ["--nodes=2"],
        "--instance-data",
        run,
        "steps=1000000",
        "x=a b",
    )
    cluster.wait_until(lambda: steps_of(run) > 5, "some steps")
    cluster.crash("node2")
    cluster.wait_until(lambda: cluster.state(job) == "PENDING", "the requeue")
    interrupted = steps_of(run)
    cluster.start("node2")
    finish(cluster, job, tmp_path, run, interrupted)
    first, second = (
        [start for start in starts(tmp_path) if start["rank"] == rank] for rank in "01"
    )
    assert [start["node"] for start in first + second] == ["node1", "node1", "node2", "node2"]
    for start in first + second:
        assert after(start["arguments"], "train.py") == [
            "--instance-data",
            str(run),
            "steps=1000000",
            "x=a b",
        ]
    assert [
        f"--rdzv-id={job}-{restart}" in start["arguments"] for restart, start in enumerate(first)
    ] == [True, True]


@pytest.mark.slurm
def test_training_goes_on_after_preemption(cluster: Cluster, tmp_path: Path) -> None:
    """An urgent job has the nodes as soon as the training has saved, before its time of grace is
    over.
    """
    run = tmp_path / "run"
    job = submit(
        cluster, tmp_path, "train-deploy.sh", ["--nodes=2"], "--instance-data", run, "steps=1000000"
    )
    cluster.wait_until(lambda: steps_of(run) > 5, "some steps")
    urgent = cluster.submit("--partition=urgent", "--nodes=2", "--output=/dev/null", "--wrap=true")
    cluster.wait_until(lambda: cluster.state(urgent) == "COMPLETED", "the urgent job", 15)
    finish(cluster, job, tmp_path, run, steps_of(run))
    assert "was stopped early" in (tmp_path / "log").read_text()


@pytest.mark.slurm
def test_a_cancelled_training_stays_cancelled(cluster: Cluster, tmp_path: Path) -> None:
    """scancel: no requeue, though the steps get the same signal as in preemption."""
    run = tmp_path / "run"
    job = submit(
        cluster, tmp_path, "train-single-gpu.sh", ["--gpus=0"], "--instance-data", run, "steps=1000"
    )
    cluster.wait_until(lambda: steps_of(run) > 5, "some steps")
    cluster.run("scancel", job)
    cluster.wait_for_state(job, "CANCELLED")
    assert len(starts(tmp_path)) == 1


@pytest.mark.slurm
def test_array_shares_the_folders(cluster: Cluster, tmp_path: Path) -> None:
    """Three tasks, five folders."""
    folders = [f"samples/{name}" for name in ("a", "b c", "d", "e", "f")]
    line = [
        "--array=0-2",
        f"--output={tmp_path}/log-%a",
        SCRIPTS / "sample-array.sh",
        "--steps",
        "9",
        "--",
        *folders,
    ]
    environment = {"PHOTONVS_PYTHON": str(STAND_IN), "STAND_IN": str(tmp_path)}
    job = cluster.submit(*line, folder=tmp_path, **environment)
    cluster.wait_for_state(job, "COMPLETED")
    sampled = [
        start["arguments"][1:]
        for start in starts(tmp_path)
        if "sample-trajectory.py" in start["arguments"][0]
    ]
    assert sorted(sampled) == [["--steps", "9", "-o", *folders[task::3]] for task in range(3)]
    assert len(starts(tmp_path)) == 6
