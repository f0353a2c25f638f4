"""A throw-away Slurm cluster for tests.

Real daemons in namespaces of their own, ending with the process that started it.
"""

import os
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("cluster.sh")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged", "unshare", "nsenter", "ip")
NAMESPACES = ("--mount", "--uts", "--net", "--ipc", "--pid")


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge iproute2"
    if (
        os.geteuid() != 0
        or subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True).returncode
    ):
        return "new namespaces are not allowed here: they need root"
    return None


class Cluster:
    """Nodes node1, node2, … of one processor each.

    Partitions main, and urgent, whose jobs preempt those of main.
    """

    def __init__(self, folder: Path, nodes: int) -> None:
        """Start the daemons; their configuration and logs go to `folder`.

        RuntimeError if they do not come up.
        """
        self.folder = folder
        command = [
            "unshare",
            *NAMESPACES,
            "--fork",
            "--kill-child",
            "--mount-proc",
            SCRIPT,
            folder,
            str(nodes),
        ]
        self._output = (folder / "cluster.log").open("w")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            text=True,
            bufsize=1,
        )
        self._expect("ready")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        self._inside = ["nsenter", "--target", children.split()[0], *NAMESPACES]

    def close(self) -> None:
        """End everything that runs in the cluster."""
        self._process.stdin.close()  # what the script waits for
        self._process.wait(10)
        self._process.stdout.close()
        self._output.close()

    def run(self, *command: str | Path, folder: Path | None = None, **environment: str) -> str:
        """A command on the head node, in `folder`: its output.

        RuntimeError with what it said if it fails.
        """
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM_", "PHOTONVS_"))
        }
        variables |= {"SLURM_CONF": str(self.folder / "slurm.conf")} | environment
        entered = [*self._inside, f"--wd={folder or self.folder}", *map(str, command)]
        finished = subprocess.run(
            entered, env=variables, capture_output=True, text=True, timeout=60
        )
        if finished.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {finished.stdout}{finished.stderr}")
        return finished.stdout

    def submit(self, *arguments: str | Path, folder: Path | None = None, **environment: str) -> str:
        """sbatch with these arguments; the job's number."""
        return self.run("sbatch", "--parsable", *arguments, folder=folder, **environment).strip()

    def state(self, job: str) -> str:
        """A job's state, for example RUNNING; of an array, its tasks' states, each once."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job)
        return " ".join(sorted(set(re.findall(r" JobState=(\w+)", shown))))

    def wait_for_state(self, job: str, state: str, seconds: float = 60) -> None:
        """Until the job is in this state; RuntimeError after `seconds`."""
        self.wait_until(
            lambda: self.state(job) == state,
            f"job {job} in state {state}, it is {self.state(job)}",
            seconds,
        )

    def crash(self, node: str) -> None:
        """End all processes of a node at once, as a power cut does."""
        self._order("crash", node)

    def start(self, node: str) -> None:
        """Bring a crashed node up again."""
        self._order("start", node)

    @staticmethod
    def wait_until(condition, what: str, seconds: float = 60) -> None:
        """Until condition() holds; RuntimeError after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds} s for {what}")
            time.sleep(0.1)

    def _order(self, verb: str, node: str) -> None:
        self._process.stdin.write(f"{verb} {node}\n")
        self._expect(f"{verb} {node}")

    def _expect(self, answer: str) -> None:
        answered, _, _ = select.select([self._process.stdout], [], [], 60)
        line = self._process.stdout.readline().strip() if answered else "nothing for a minute"
        if line != answer:
            self._output.flush()
            self._process.kill()
            raise RuntimeError(f"the cluster said {line!r}, not {answer!r}: see {self.folder}")
