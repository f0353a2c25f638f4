"""Stand-ins for Slurm's commands and for Python, with which the launch scripts run in a moment and
without Slurm.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from photonvs.utils.files import BASE

SCRIPTS = BASE / "src" / "launch-scripts"
STAND_IN = Path(__file__).with_name("stand-in.py")

SRUN = """#!/bin/bash
while [ "$1" != bash ]; do shift; done
SLURM_PROCID=0 SLURM_NODEID=0 exec "$@"
"""
SCONTROL = """#!/bin/bash
case "$*" in
*"show job"*) echo " JobId=7 JobState=$JOB_STATE Requeue=1"; echo "   Command=$JOB_COMMAND" ;;
*"show hostnames"*) echo first; echo second ;;
requeue*) echo "$*" >>"$STAND_IN/requeued" ;;
esac
"""


class FakeSlurm:
    """Runs a launch script as a batch job would be, with commands that stand in for Slurm's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name, text in {"srun": SRUN, "scontrol": SCONTROL, "scancel": "#!/bin/sh\n"}.items():
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)

    def start(
        self, script: str, *arguments: str, copied: bool = True, **environment: str
    ) -> subprocess.Popen:
        """The script, from a copy as Slurm makes it, in the folder."""
        copy = (
            shutil.copy(SCRIPTS / script, self.folder / "slurm_script")
            if copied
            else SCRIPTS / script
        )
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM_", "PHOTONVS_"))
        }
        job = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PHOTONVS_PYTHON": str(STAND_IN),
            "STAND_IN": str(self.folder),
            "JOB_COMMAND": f"{SCRIPTS / script} and arguments",
            "JOB_STATE": "RUNNING",
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NODELIST": "two-nodes",
            "SLURM_JOB_NUM_NODES": "2",
            "SLURM_CPUS_ON_NODE": "3",
            "SLURM_SUBMIT_DIR": str(self.folder),
        }
        return subprocess.Popen(
            ["bash", copy, *arguments],
            cwd=self.folder,
            env=kept | job | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, *arguments: str, **environment: str) -> tuple[int, str]:
        """The script to its end: its status and what it said."""
        process = self.start(script, *arguments, **environment)
        said = process.communicate(timeout=30)[0]
        return process.returncode, said

    def array_task(
        self, task: int, *arguments: str, tasks: range = range(3), **environment: str
    ) -> tuple[int, str]:
        """The script sample-array.sh as a task of an array."""
        array = {
            "ID": task,
            "MIN": tasks[0],
            "MAX": tasks[-1],
            "STEP": tasks.step,
            "COUNT": len(tasks),
        }
        variables = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in array.items()} | {
            "SLURM_ARRAY_JOB_ID": "5"
        }
        return self.run("sample-array.sh", *arguments, **(variables | environment))


def starts(folder: Path) -> list[dict]:
    """What the stand-in for Python was started with, in order."""
    path = folder / "starts"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def after(arguments: list[str], script: str) -> list[str]:
    """The arguments of a Python script."""
    return arguments[[Path(argument).name for argument in arguments].index(script) + 1 :]
