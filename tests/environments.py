"""Environments of their own for tests of installed photonvs."""

import sys
import sysconfig
from pathlib import Path


def add_tested_packages(environment: Path) -> Path:
    """Let a virtual environment find the packages that run this test, after its own.

    The .pth files among them are not read, so an editable photonvs there is not found. Returns the
    folder of the environment's own packages.
    """
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    tested = [path for path in sys.path if Path(path).name == "site-packages"]
    (own / "tested.pth").write_text("\n".join(tested))
    return own
