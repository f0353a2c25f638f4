"""The Slurm scripts with stand-ins for Slurm; `test_slurm_cluster` has a real cluster."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.fake import SCRIPTS, FakeSlurm, after, starts

from photonvs.utils.files import BASE

NOT_SCRIPTS = ("common.sh", "on-node.sh")
SUBMITTED = [path.name for path in sorted(SCRIPTS.glob("*.sh")) if path.name not in NOT_SCRIPTS]


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    """Stand-ins for Slurm in a folder with a space in its name."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    return FakeSlurm(folder)


@pytest.mark.parametrize("name", [*SUBMITTED, *NOT_SCRIPTS])
def test_scripts_are_whole(name: str) -> None:
    """bash can read them; shellcheck, where there is one, has nothing to say."""
    subprocess.run(["bash", "-n", SCRIPTS / name], check=True)
    if shutil.which("shellcheck"):  # not what depends on the sourced file
        subprocess.run(
            ["shellcheck", "--exclude=SC1091,SC2034,SC2154,SC2317", SCRIPTS / name], check=True
        )


@pytest.mark.parametrize("name", SUBMITTED)
def test_scripts_ask_slurm_for_a_warning_a_requeue_and_one_log(name: str) -> None:
    """Slurm stops reading #SBATCH lines at the first command."""
    head = re.match(r"(#.*\n)+", (SCRIPTS / name).read_text())[0]
    options = re.findall(r"^#SBATCH (--[a-z-]+)", head, re.MULTILINE)
    assert {"--signal", "--requeue", "--open-mode", "--output"} <= set(options)
    assert re.search(r"^#SBATCH --signal=B:USR1@\d+$", head, re.MULTILINE)


def test_deploy_starts_torchrun_on_the_allocation(slurm: FakeSlurm) -> None:
    """Nodes and GPUs come from the allocation; arguments arrive as they were given."""
    arguments = [
        "--config",
        "my settings.yaml",
        "--instance-data",
        "runs/a b",
        'data.poses="it\'s $HOME/*"',
        "steps=0",
    ]
    status, said = slurm.run(
        "train-deploy.sh", *arguments, SLURM_GPUS_ON_NODE="8", SLURM_RESTART_COUNT="2"
    )
    assert status == 0, said
    (start,) = starts(slurm.folder)
    assert after(start["arguments"], "train.py") == arguments
    torchrun = start["arguments"][: -len(arguments) - 1]
    expected = [
        "--node-rank=0",
        "--nnodes=2",
        "--nproc-per-node=8",
        "--master-addr=first",
        "--master-port=15007",
    ]
    assert torchrun == ["-m", "torch.distributed.run", *expected, "--rdzv-id=7-2"]
    assert (slurm.folder / "runs/a b/checkpoints").is_dir()


def test_without_gpus_one_process_a_node(slurm: FakeSlurm) -> None:
    """A cluster of CPUs trains too."""
    slurm.run("train-deploy.sh", "--instance-data", "run")
    assert "--nproc-per-node=1" in starts(slurm.folder)[0]["arguments"]


def test_single_gpu_needs_no_torchrun(slurm: FakeSlurm) -> None:
    """The trainer alone."""
    status, said = slurm.run("train-single-gpu.sh", "--instance-data", "run", "steps=1")
    assert status == 0, said
    assert starts(slurm.folder)[0]["arguments"][1:] == ["--instance-data", "run", "steps=1"]


@pytest.mark.parametrize("script", ["train-deploy.sh", "train-single-gpu.sh"])
def test_warning_saves_and_requeues(slurm: FakeSlurm, script: str) -> None:
    """USR1 becomes a stop file.

    When the trainer has ended, the job is requeued and the stop file is gone.
    """
    (slurm.folder / "run" / "checkpoints").mkdir(parents=True)
    (
        slurm.folder / "run" / "checkpoints" / "stop"
    ).touch()  # left behind by an earlier start: it must not stop this one
    process = slurm.start(script, "--instance-data", "run", "steps=1000")
    Cluster.wait_until((slurm.folder / "run" / "steps").exists, "the first step", 20)
    process.send_signal(10)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 0, said
    assert (slurm.folder / "requeued").read_text() == "requeue 7\n"
    assert int((slurm.folder / "run" / "steps").read_text()) < 1000
    assert not (slurm.folder / "run" / "checkpoints" / "stop").exists()


@pytest.mark.parametrize("status", [0, 3])
def test_an_unwarned_end_is_the_end(slurm: FakeSlurm, status: int) -> None:
    """A finished or failed training is not requeued, and its status is the job's."""
    assert (
        slurm.run("train-deploy.sh", "--instance-data", "run", "steps=1", f"exit={status}")[0]
        == status
    )
    assert not (slurm.folder / "requeued").exists()


@pytest.mark.parametrize(("number", "state"), [(10, "COMPLETING"), (15, "RUNNING")])
def test_a_cancelled_job_does_not_come_back(slurm: FakeSlurm, number: int, state: str) -> None:
    """Once Slurm has ended the job, or sends TERM, the trainer may save, and that is all."""
    process = slurm.start(
        "train-deploy.sh", "--instance-data", "run", "steps=1000", JOB_STATE=state
    )
    Cluster.wait_until((slurm.folder / "run" / "steps").exists, "the first step", 20)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert int((slurm.folder / "run" / "steps").read_text()) < 1000
    assert not (slurm.folder / "requeued").exists()


def test_the_repository_is_found_from_where_the_job_was_submitted(slurm: FakeSlurm) -> None:
    """From the script's own path, or else around the submitting folder; else that is said."""
    for found in (
        {},
        {"SLURM_SUBMIT_DIR": str(SCRIPTS)},
        {"SLURM_SUBMIT_DIR": str(BASE / "src")},
    ):
        command = {"JOB_COMMAND": "/elsewhere/train-deploy.sh"} if found else {}
        status, said = slurm.run("train-deploy.sh", "--instance-data", "run", **command, **found)
        assert status == 0, said
        assert str(BASE / "src/scripts/train.py") in starts(slurm.folder)[-1]["arguments"]
    status, said = slurm.run("train-deploy.sh", JOB_COMMAND="/elsewhere/train-deploy.sh")
    assert status == 1
    assert (
        "no photonvs clone around" in said and "submit src/launch-scripts/train-deploy.sh" in said
    )


def test_mistakes_are_said(slurm: FakeSlurm) -> None:
    """A Python without photonvs; an abbreviated option whose folder the script would miss.

    No Slurm at all.
    """
    status, said = slurm.run("train-deploy.sh", STAND_IN_LACKS_PHOTONVS="1")
    assert status == 1 and "cannot import photonvs" in said and "PHOTONVS_PYTHON" in said
    status, said = slurm.run("train-deploy.sh", "--instance", "run")
    assert status == 1 and "write --instance-data in full" in said
    status, said = slurm.run("train-deploy.sh", SLURM_JOB_ID="")
    assert status != 0 and "submit this script with sbatch" in said
    assert starts(slurm.folder) == []


@pytest.mark.parametrize("tasks", [range(3), range(1, 8, 2), range(9), range(4, 5)])
def test_array_tasks_share_the_folders(slurm: FakeSlurm, tasks: range) -> None:
    """Each folder is sampled and scored once, by one task.

    More tasks than folders have nothing to do.
    """
    folders = [f"samples/{name}" for name in ("a", "b c", "d", "e", "f")]
    for task in tasks:
        options = ["--instance-data", "my data", "--steps", "50"]
        status, said = slurm.array_task(task, *options, "--", *folders, tasks=tasks)
        assert status == 0, said
    sampled, scored = [], []
    for start in starts(slurm.folder):
        arguments = start["arguments"]
        if "sample-trajectory.py" in arguments[0]:
            assert arguments[1:6] == [*options, "-o"]
            sampled.append(arguments[6:])
        else:
            assert after(arguments, "compute-tsed.py")[:5] == [
                "--instance-data",
                "my data",
                "--workers",
                "3",
                "-o",
            ]
            scored.append(arguments[6:])
    assert (
        sampled
        == scored
        == [part for part in (folders[i :: len(tasks)] for i in range(len(tasks))) if part]
    )


def test_an_array_task_with_several_gpus_starts_a_process_for_each(slurm: FakeSlurm) -> None:
    """They share its folders; scores are made by one process."""
    task = {"tasks": range(1), "SLURM_GPUS_ON_NODE": "4"}
    assert slurm.array_task(0, "--", "samples/a", "samples/b", **task)[0] == 0
    sampled, scored = (start["arguments"] for start in starts(slurm.folder))
    assert sampled[:4] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4"]
    assert after(sampled, "sample-trajectory.py") == ["-o", "samples/a", "samples/b"]
    assert "compute-tsed.py" in scored[0]


def test_array_reads_a_list_of_folders(slurm: FakeSlurm) -> None:
    """A line a folder; empty lines and comments count for nothing."""
    (slurm.folder / "my list.txt").write_text(
        "samples/a\n\n# later: samples/x\nsamples/b c\nsamples/d"
    )
    assert slurm.array_task(0, "--", "my list.txt", "samples/e", tasks=range(2))[0] == 0
    assert starts(slurm.folder)[0]["arguments"][1:] == ["-o", "samples/a", "samples/d"]


def test_array_mistakes_are_said(slurm: FakeSlurm) -> None:
    """No array, no folders, an array that would leave folders out."""
    status, said = slurm.run("sample-array.sh", "--", "samples/a")
    assert status == 1 and "not an array job" in said
    for arguments in ([], ["samples/a"], ["--"]):
        status, said = slurm.array_task(0, *arguments)
        assert status == 1 and "no folders after --" in said
    status, said = slurm.array_task(0, "--", "samples/a", SLURM_ARRAY_TASK_MAX="5")
    assert status == 1 and "gaps" in said
    assert starts(slurm.folder) == []
